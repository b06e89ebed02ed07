//! PUT of a device provisioning service: the last writer wins, whatever it read before.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Place;
use super::hub_document::{known_region, region_name};
use super::hub_put::{new_resource, valid_name};
use super::operation::announce;
use super::policies::{Owner, SERVICE_RIGHTS, default_service_policies, read};
use super::provisioning::shown;
use super::refusal::{arm, bad, no_body, not_active, taken};
use super::resource_groups::{must_accept, tags_of};
use crate::azure::{Azure, Due, Link, Phase, Policy, Service};
use crate::exchange::{Answer, Call, Outcome};
use crate::options::MaskedLink;

/// The fields of `properties` that are kept apart or that the service alone writes.
const OWN: [&str; 9] = [
    "state",
    "provisioningState",
    "iotHubs",
    "allocationPolicy",
    "serviceOperationsHostName",
    "deviceProvisioningHostName",
    "idScope",
    "authorizationPolicies",
    "privateEndpointConnections",
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
pub(super) fn put(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>) -> Outcome {
    must_accept(azure, place.subscription, place.group)?;
    let body = call.json.as_ref().filter(|body| body.is_object());
    let body = body.ok_or_else(no_body)?;
    let key = place.name.to_lowercase();
    if !valid_name(place.name) {
        let message = format!("The service name '{}' is not valid.", place.name);
        return Err(bad(400_006, &message));
    }
    check_against(azure, place, body)?;
    let wanted = read_body(azure, &key, body)?;
    let policies = policies(azure, &key, &body["properties"]["authorizationPolicies"])?;
    let begun = azure.begin(now, |number| Due::Service(key.clone(), number));
    let etag = azure.etag();
    for link in &wanted.links {
        azure.keyring.keep(link.key.clone());
    }
    let shown_policies = azure.options.variants.policies_on_get;
    let existed = azure.services.contains_key(&key);
    if !existed {
        let service = empty(azure, place, &wanted, now);
        azure.services.insert(key.clone(), service);
    }
    let service = azure.services.get_mut(&key).expect("the service was inserted above if it was not there");
    service.resource.tags = tags_of(body).unwrap_or_default();
    service.resource.etag = etag;
    service.resource.phase = if existed { Phase::Updating(begun.number) } else { Phase::Creating(begun.number) };
    service.capacity = wanted.capacity;
    service.allocation_policy = wanted.allocation_policy;
    service.links = wanted.links;
    service.properties = wanted.properties;
    service.policies = policies;
    let answer = Answer::json(if existed { 200 } else { 201 }, shown(service, shown_policies));
    Ok(announce(azure, call, &begun, answer))
}

fn empty(azure: &mut Azure, place: &Place<'_>, wanted: &Wanted, now: Timestamp) -> Service {
    let resource = new_resource(azure, place, wanted.location.clone(), now);
    Service::new(&mut azure.keyring, resource, Vec::new())
}

fn check_against(azure: &Azure, place: &Place<'_>, body: &Value) -> Result<(), Answer> {
    let Some(service) = azure.services.get(&place.name.to_lowercase()) else {
        return Ok(());
    };
    let resource = &service.resource;
    if !resource.lives_in(place.subscription, place.group) {
        return Err(taken(place.name));
    }
    if resource.phase != Phase::Active {
        return Err(not_active(place.name));
    }
    let location = body["location"].as_str().unwrap_or_default();
    if region_name(location) != region_name(&resource.location) {
        let message = format!("The resource '{}' already exists in location '{}'.", place.name, resource.location);
        return Err(arm(409, "InvalidResourceLocation", &message));
    }
    Ok(())
}

fn read_body(azure: &Azure, key: &str, body: &Value) -> Result<Wanted, Answer> {
    let location = body["location"].as_str().unwrap_or_default();
    if !known_region(location) {
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
        links: links(azure, key, given["iotHubs"].as_array().map_or(&[], Vec::as_slice))?,
        properties: given
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, value)| !own(name) && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    })
}

/// The links of a PUT body. The same hub is taken twice and refused the third time.
fn links(azure: &Azure, key: &str, wanted: &[Value]) -> Result<Vec<Link>, Answer> {
    let most = azure.options.limits.linked_hubs;
    if wanted.len() > most {
        let message = format!("A provisioning service links {most} hubs at most.");
        return Err(bad(400_304, &message));
    }
    let before = azure.services.get(key).map_or(&[][..], |service| &service.links);
    let mut links: Vec<Link> = Vec::with_capacity(wanted.len());
    for entry in wanted {
        let mut link = link_of(entry).ok_or_else(|| bad(400_309, "The connection string of a linked hub is not valid."))?;
        let same_host = |other: &&Link| other.host.eq_ignore_ascii_case(&link.host);
        if links.iter().filter(same_host).count() >= 2 {
            let message = format!("The IoT hub {} is linked already.", link.host);
            return Err(bad(400_303, &message));
        }
        if link.key == "****" && azure.options.variants.masked_link == MaskedLink::Kept {
            let stored = before.iter().filter(same_host).find(|other| other.policy.eq_ignore_ascii_case(&link.policy));
            let stored = stored.ok_or_else(|| bad(400_309, "The key of a linked hub is masked and none is stored for it."))?;
            link.key.clone_from(&stored.key);
        }
        links.push(link);
    }
    Ok(links)
}

/// Reads a link; `None` when its connection string is not whole or it names no location.
pub(crate) fn link_of(entry: &Value) -> Option<Link> {
    let connection = entry["connectionString"].as_str()?;
    let part = |wanted: &str| {
        connection
            .split(';')
            .filter_map(|part| part.split_once('='))
            .find_map(|(name, value)| (name.trim().eq_ignore_ascii_case(wanted)).then(|| value.trim().to_owned()))
            .filter(|value| !value.is_empty())
    };
    let host = part("HostName")?.to_ascii_lowercase();
    let weight = entry["allocationWeight"].as_i64().unwrap_or(1);
    (host.ends_with(".azure-devices.net") && (1..=1_000).contains(&weight)).then_some(())?;
    Some(Link {
        host,
        policy: part("SharedAccessKeyName")?,
        key: part("SharedAccessKey")?,
        location: region_name(entry["location"].as_str().filter(|text| !text.is_empty())?),
        apply_allocation_policy: entry["applyAllocationPolicy"].as_bool().unwrap_or(true),
        weight,
    })
}

/// The policies after the PUT: a body without the list leaves them alone.
fn policies(azure: &mut Azure, key: &str, wanted: &Value) -> Result<Vec<Policy>, Answer> {
    let before = azure.services.get(key).map(|service| service.policies.clone());
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
