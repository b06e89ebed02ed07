//! PUT of an IoT hub: the whole resource is replaced.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::clouds::AzureCloud;
use crate::azure::iot_hub::hub::{HUB_RIGHTS, Hub, KIND, default_hub_policies};
use crate::azure::iot_hub::manage::document::{defaults, shown, unmask};
use crate::azure::iot_hub::manage::{HubType, usages, version};
use crate::azure::microsoft_devices::errors::{bad, not_active, stale, taken};
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

/// What the body asks for, checked.
struct Wanted<'a> {
    location: String,
    sku: &'a str,
    capacity: i64,
    properties: Map<String, Value>,
    policies: Option<&'a [Value]>,
}

/// Creates or replaces.
pub(crate) fn put(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>) -> Outcome {
    must_accept(azure, id.subscription, id.group)?;
    let body = request.json.as_ref().filter(|body| body.is_object());
    let body = body.ok_or_else(no_body)?;
    if !valid_name(id.name) {
        let message = format!("The hub name '{}' is not valid.", id.name);
        return Err(bad(400_006, &message));
    }
    let key = id.name.to_lowercase();
    let mut wanted = read_body(body, azure.options.cloud)?;
    if body["properties"]["eventHubEndpoints"].is_null() {
        keep_endpoints(azure.hubs().get(&key), &mut wanted);
    }
    as_of(azure, request, &key, &mut wanted);
    check_against(azure, request, id, &wanted)?;
    let policies = policies(azure, &key, wanted.policies)?;
    let begun = azure.begin_on(&HubType, id, now);
    let etag = azure.etag();
    let old = azure.hubs_mut().remove(&key);
    let (status, phase) = match &old {
        Some(_) => (200, Phase::Updating(begun.number)),
        None => (201, Phase::Creating(begun.number)),
    };
    let mut resource = match &old {
        Some(old) => old.resource.clone(),
        None => Resource::new(KIND, id, &wanted.location, String::new(), azure.visible_from(now)),
    };
    resource.tags = tags_of(body).unwrap_or_default();
    resource.etag = etag;
    resource.phase = phase;
    let hub = replaced(old, resource, wanted, policies, body.get("identity"));
    let response = Response::json(status, shown(azure, &hub, request));
    azure.hubs_mut().insert(key, hub);
    Ok(announce(azure, request, &begun, response))
}

/// An older version takes nothing of what it does not know, and what is there of that is reset, or stays.
fn as_of(azure: &Azure, request: &Request, key: &str, wanted: &mut Wanted<'_>) {
    version::without_read_only(&mut wanted.properties);
    if version::knows(request) {
        return;
    }
    version::forget(&mut wanted.properties);
    if let Some(old) = azure.hubs().get(key).filter(|_| azure.options.variants.older_put == OlderPut::Kept) {
        version::keep(&mut wanted.properties, &old.properties);
    }
}

/// The hub as the body wants it, with what no body can replace.
fn replaced(old: Option<Hub>, resource: Resource, wanted: Wanted<'_>, policies: Vec<Policy>, identity: Option<&Value>) -> Hub {
    let mut properties = wanted.properties;
    if let Some(old) = &old {
        unmask(&mut properties, &old.properties);
    }
    Hub {
        resource,
        sku: wanted.sku.to_owned(),
        capacity: wanted.capacity,
        identity: identity.filter(|identity| !identity.is_null()).cloned(),
        properties,
        policies,
        messages: old.as_ref().map_or(0, |hub| hub.messages),
        operations: old.as_ref().map(|hub| hub.operations.clone()).unwrap_or_default(),
        devices: old.map(|hub| hub.devices).unwrap_or_default(),
    }
}

fn read_body(body: &Value, cloud: AzureCloud) -> Result<Wanted<'_>, Response> {
    let location = body["location"].as_str().unwrap_or_default();
    if !known_region(location, cloud) {
        let message = format!("The provided location '{location}' is not available for resource type 'Microsoft.Devices/IotHubs'.");
        return Err(arm(400, "LocationNotAvailableForResourceType", &message));
    }
    let sku = body["sku"]["name"].as_str().unwrap_or_default();
    let most = match sku {
        "F1" => 1,
        "S1" | "S2" | "B1" | "B2" => 200,
        "S3" | "B3" => 10,
        _ => return Err(bad(400_007, &format!("The sku '{sku}' is not valid."))),
    };
    let capacity = body["sku"]["capacity"].as_i64().unwrap_or(1);
    if !(1..=most).contains(&capacity) {
        let message = format!("A {sku} hub has 1 to {most} units, not {capacity}.");
        return Err(bad(400_008, &message));
    }
    let mut properties = defaults(sku);
    let given = body["properties"].as_object();
    for (field, value) in given.into_iter().flatten() {
        if !READ_ONLY.contains(&field.as_str()) && !value.is_null() {
            properties.insert(field.clone(), value.clone());
        }
    }
    check_endpoints(&properties)?;
    Ok(Wanted {
        location: region_name(location),
        sku,
        capacity,
        policies: body["properties"]["authorizationPolicies"].as_array().map(Vec::as_slice),
        properties: without_read_only_events(properties),
    })
}

/// A body that is silent on the built-in endpoint leaves it alone.
fn keep_endpoints(old: Option<&Hub>, wanted: &mut Wanted<'_>) {
    let endpoints = old.and_then(|hub| hub.properties.get("eventHubEndpoints"));
    if let Some(endpoints) = endpoints {
        wanted.properties.insert("eventHubEndpoints".to_owned(), endpoints.clone());
    }
}

const READ_ONLY: [&str; 10] = [
    "authorizationPolicies",
    "provisioningState",
    "state",
    "hostName",
    "deviceHostName",
    "serviceHostName",
    "deviceRegistry",
    "iotHubDetails",
    "locations",
    "privateEndpointConnections",
];

fn check_endpoints(properties: &Map<String, Value>) -> Result<(), Response> {
    let endpoints = properties["eventHubEndpoints"].as_object();
    if endpoints.is_some_and(|endpoints| endpoints.keys().any(|key| key != "events")) {
        return Err(bad(400_002, "The only built-in endpoint is called events."));
    }
    Ok(())
}

fn without_read_only_events(mut properties: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(events)) = properties.get_mut("eventHubEndpoints").and_then(|endpoints| endpoints.get_mut("events")) {
        for field in ["partitionIds", "path", "endpoint"] {
            events.remove(field);
        }
    }
    properties
}

fn check_against(azure: &Azure, request: &Request, id: &ResourceId<'_>, wanted: &Wanted<'_>) -> Result<(), Response> {
    let condition = request.header("if-match");
    let Some(hub) = azure.hubs().get(&id.name.to_lowercase()) else {
        if condition.is_some() {
            return Err(stale(id.name));
        }
        return check_quota(azure, id.subscription, wanted.sku);
    };
    if !hub.resource.is_in(id.subscription, id.group) {
        return Err(taken(id.name));
    }
    if condition.is_some_and(|etag| !hub.resource.fits(etag)) {
        return Err(stale(id.name));
    }
    if hub.resource.phase != Phase::Active {
        return Err(not_active(id.name));
    }
    if region_name(&hub.resource.location) != wanted.location {
        let message = format!(
            "The resource '{}' already exists in location '{}' in resource group '{}'. A resource with the same name cannot be created in location '{}'.",
            id.name, hub.resource.location, id.group, wanted.location
        );
        return Err(arm(409, "InvalidResourceLocation", &message));
    }
    if (hub.sku == "F1") != (wanted.sku == "F1") {
        let message = "A free hub cannot be changed to a paid one, nor a paid one to a free one.";
        return Err(bad(400_009, message));
    }
    let partitions = |properties: &Map<String, Value>| properties["eventHubEndpoints"]["events"]["partitionCount"].as_i64();
    if partitions(&hub.properties) != partitions(&wanted.properties) {
        let message = "The partition count cannot be changed after the hub is created.";
        return Err(bad(400_010, message));
    }
    Ok(())
}

fn check_quota(azure: &Azure, subscription: &str, sku: &str) -> Result<(), Response> {
    let free = sku == "F1";
    let there = usages::hubs(azure, subscription, free);
    let most = if free { usages::FREE_HUBS } else { azure.options.limits.paid_hubs };
    if there >= most {
        let message = format!("Max number of Iot Hubs exceeded for sku {sku}: {most}.");
        return Err(bad(400_403, &message));
    }
    Ok(())
}

/// The policies after the PUT: a body without the list leaves them alone.
fn policies(azure: &mut Azure, key: &str, wanted: Option<&[Value]>) -> Result<Vec<Policy>, Response> {
    let before = azure.hubs().get(key).map(|hub| hub.policies.clone());
    match (wanted, before) {
        (None, Some(before)) => Ok(before),
        (None, None) => Ok(default_hub_policies(&mut azure.keyring, key)),
        (Some(wanted), before) => {
            let owner = Owner { label: format!("hub/{key}"), rights: &HUB_RIGHTS, left_out: azure.options.variants.policy_keys_left_out };
            read(&mut azure.keyring, &owner, wanted, &before.unwrap_or_default())
        }
    }
}
