//! PUT of a device provisioning service: the last writer wins, whatever it read before.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::access::identity::Identities;
use crate::azure::dps::manage::{ServiceType, identities, links, shown};
use crate::azure::dps::service::{KIND, Link, ProvisioningService, SERVICE_RIGHTS, default_service_policies};
use crate::azure::microsoft_devices::errors::{bad, not_active, taken};
use crate::azure::microsoft_devices::names::valid_name;
use crate::azure::microsoft_devices::policies::{Owner, Policy, read};
use crate::azure::options::OlderPut;
use crate::azure::resource::errors::{arm, no_body};
use crate::azure::resource::group::must_accept;
use crate::azure::resource::operation::announce;
use crate::azure::resource::phase::Phase;
use crate::azure::resource::regions::{known_region, region_name};
use crate::azure::resource::{Resource, ResourceId, tags_of};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The fields of `properties` that are kept apart or that the service alone writes.
const OWN: [&str; 10] = [
    "state",
    "provisioningState",
    "iotHubs",
    "allocationPolicy",
    "serviceOperationsHostName",
    "deviceProvisioningHostName",
    "idScope",
    "authorizationPolicies",
    "privateEndpointConnections",
    "deviceRegistryNamespaces",
];

/// What the body asks for, checked.
struct Wanted {
    location: String,
    capacity: i64,
    allocation_policy: String,
    links: Vec<Link>,
    properties: Map<String, Value>,
}

/// Creates or replaces.
pub(crate) fn put(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>) -> Outcome {
    must_accept(azure, id.subscription, id.group)?;
    let body = request.json.as_ref().filter(|body| body.is_object());
    let body = body.ok_or_else(no_body)?;
    let key = id.name.to_lowercase();
    if !valid_name(id.name) {
        let message = format!("The service name '{}' is not valid.", id.name);
        return Err(bad(400_006, &message));
    }
    check_against(azure, id, body)?;
    let wanted = read_body(azure, &key, body, identities::knows(request))?;
    let identities = identities_after(azure, &key, request, body)?;
    let policies = policies(azure, &key, &body["properties"]["authorizationPolicies"])?;
    let begun = azure.begin_on(&ServiceType, id, now);
    let etag = azure.etag();
    for link in &wanted.links {
        link.key().map(|key| azure.keyring.keep(key.clone()));
    }
    let existed = azure.provisioning().contains_key(&key);
    if !existed {
        let service = empty(azure, id, &wanted, now);
        azure.provisioning_mut().insert(key.clone(), service);
    }
    let keeps = !identities::knows(request) && azure.options.variants.older_put == OlderPut::Kept;
    let service = azure.provisioning_mut().get_mut(&key).expect("the service was inserted above if it was not there");
    service.resource.tags = tags_of(body).unwrap_or_default();
    service.resource.etag = etag;
    service.resource.phase = if existed { Phase::Updating(begun.number) } else { Phase::Creating(begun.number) };
    service.capacity = wanted.capacity;
    service.allocation_policy = wanted.allocation_policy;
    service.links = wanted.links;
    // An older version does not know the switch.
    let off = service.properties.get(identities::LOCAL_AUTH_OFF).filter(|_| keeps).cloned();
    service.properties = wanted.properties;
    service.properties.extend(off.map(|off| (identities::LOCAL_AUTH_OFF.to_owned(), off)));
    service.policies = policies;
    service.identities = identities;
    let response = Response::json(if existed { 200 } else { 201 }, shown(azure, &azure.provisioning()[&key], request));
    Ok(announce(azure, request, &begun, response))
}

/// A version that does not know identities resets them, or leaves them as they are.
fn identities_after(azure: &mut Azure, key: &str, request: &Request, body: &Value) -> Result<Identities, Response> {
    let before = azure.provisioning().get(key).map(|service| service.identities.clone()).unwrap_or_default();
    match azure.options.variants.older_put {
        _ if identities::knows(request) => identities::after(&mut azure.keyring, key, before, body),
        OlderPut::Kept => Ok(before),
        OlderPut::Reset => Ok(Identities::default()),
    }
}

fn empty(azure: &mut Azure, id: &ResourceId<'_>, wanted: &Wanted, now: Timestamp) -> ProvisioningService {
    let resource = Resource::new(KIND, id, &wanted.location, String::new(), azure.visible_from(now));
    ProvisioningService::new(&mut azure.keyring, resource, Vec::new())
}

fn check_against(azure: &Azure, id: &ResourceId<'_>, body: &Value) -> Result<(), Response> {
    let Some(service) = azure.provisioning().get(&id.name.to_lowercase()) else {
        return Ok(());
    };
    let resource = &service.resource;
    if !resource.is_in(id.subscription, id.group) {
        return Err(taken(id.name));
    }
    if resource.phase != Phase::Active {
        return Err(not_active(id.name));
    }
    let location = body["location"].as_str().unwrap_or_default();
    if region_name(location) != region_name(&resource.location) {
        let message = format!("The resource '{}' already exists in location '{}'.", id.name, resource.location);
        return Err(arm(409, "InvalidResourceLocation", &message));
    }
    Ok(())
}

fn read_body(azure: &Azure, key: &str, body: &Value, knows_identities: bool) -> Result<Wanted, Response> {
    let location = body["location"].as_str().unwrap_or_default();
    if !known_region(location, azure.options.cloud) {
        let message =
            format!("The provided location '{location}' is not available for resource type 'Microsoft.Devices/provisioningServices'.");
        return Err(arm(400, "LocationNotAvailableForResourceType", &message));
    }
    if body["sku"]["name"] != "S1" {
        return Err(bad(400_007, "The only sku of a provisioning service is S1."));
    }
    let given = &body["properties"];
    let allocation_policy = given["allocationPolicy"].as_str().unwrap_or("Hashed");
    if !["Hashed", "GeoLatency", "Static"].contains(&allocation_policy) {
        let message = format!("The allocation policy '{allocation_policy}' is not valid.");
        return Err(bad(400_012, &message));
    }
    let own = |name: &String| OWN.contains(&name.as_str());
    Ok(Wanted {
        location: region_name(location),
        capacity: body["sku"]["capacity"].as_i64().unwrap_or(1),
        allocation_policy: allocation_policy.to_owned(),
        links: links::read(azure, key, given["iotHubs"].as_array().map_or(&[], Vec::as_slice), knows_identities)?,
        properties: given
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, value)| !own(name) && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    })
}

/// The policies after the PUT: a body without the list leaves them alone.
fn policies(azure: &mut Azure, key: &str, wanted: &Value) -> Result<Vec<Policy>, Response> {
    let before = azure.provisioning().get(key).map(|service| service.policies.clone());
    match (wanted.as_array(), before) {
        (None, Some(before)) => Ok(before),
        (None, None) => Ok(default_service_policies(&mut azure.keyring, key)),
        (Some(wanted), before) => {
            let owner =
                Owner { label: format!("service/{key}"), rights: &SERVICE_RIGHTS, left_out: azure.options.variants.policy_keys_left_out };
            read(&mut azure.keyring, &owner, wanted, &before.unwrap_or_default())
        }
    }
}
