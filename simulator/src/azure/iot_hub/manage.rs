//! IoT hubs in the resource manager.

pub(crate) mod document;
pub(crate) mod put;
pub(crate) mod usages;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::arm::Place;
use crate::azure::arm::resource_groups::{must_exist, tags_of};
use crate::azure::iot_hub::hub::Hub;
use crate::azure::iot_hub::manage::document::shown;
use crate::azure::iot_hub::manage::put::{put, valid_name};
use crate::azure::resource::errors::{no_body, no_such_resource, not_active, unknown_path};
use crate::azure::resource::operation::{announce, poll};
use crate::azure::resource::page::page;
use crate::azure::resource::{Phase, Policy};
use crate::azure::state::{Azure, Due};
use crate::engine::http::{Answer, Call, Outcome};

/// Answers everything on one hub.
pub(crate) fn one(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>, rest: &[&str]) -> Outcome {
    match (call.method.as_str(), rest) {
        ("GET", ["operationresults", id]) => poll(azure, call, id, now),
        ("PUT", []) => put(azure, call, now, place),
        ("DELETE", []) => delete(azure, call, now, place),
        ("PATCH", []) => patch(azure, call, now, place),
        ("GET", []) => {
            let hub = find(azure, place)?;
            if hub.resource.visible_from > now {
                return Err(no_such_resource("IotHubs", place.name, place.group));
            }
            Ok(Answer::json(200, shown(hub, azure.options.variants.policies_on_get)))
        }
        ("POST", ["listkeys"]) => {
            let value: Vec<Value> = find(azure, place)?.policies.iter().map(Policy::with_keys).collect();
            Ok(Answer::json(200, json!({ "value": value })))
        }
        ("POST", ["iothubkeys", key, "listkeys"]) => {
            let policy = find(azure, place)?.policy(key);
            let policy = policy.ok_or_else(|| no_such_resource("IotHubs/IotHubKeys", key, place.group))?;
            Ok(Answer::json(200, policy.with_keys()))
        }
        ("GET", ["quotametrics"]) => Ok(quota(find(azure, place)?)),
        _ => Err(unknown_path(call)),
    }
}

fn find<'a>(azure: &'a Azure, place: &Place<'_>) -> Result<&'a Hub, Answer> {
    must_exist(azure, place.subscription, place.group)?;
    azure
        .hubs
        .get(&place.name.to_lowercase())
        .filter(|hub| hub.resource.lives_in(place.subscription, place.group))
        .ok_or_else(|| no_such_resource("IotHubs", place.name, place.group))
}

fn delete(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>) -> Outcome {
    let key = place.name.to_lowercase();
    match find(azure, place)?.resource.phase {
        Phase::Creating(_) | Phase::Updating(_) => return Err(not_active(place.name)),
        Phase::Active | Phase::Deleting(_) => {}
    }
    let begun = azure.begin(now, |number| Due::Hub(key.clone(), number));
    if let Some(hub) = azure.hubs.get_mut(&key)
        && hub.resource.phase == Phase::Active
    {
        hub.resource.phase = Phase::Deleting(begun.number);
    }
    let answer = Answer::new(202);
    Ok(announce(azure, call, &begun, answer))
}

fn patch(azure: &mut Azure, call: &Call, now: Timestamp, place: &Place<'_>) -> Outcome {
    let body = call.json.as_ref().ok_or_else(no_body)?;
    if find(azure, place)?.resource.phase != Phase::Active {
        return Err(not_active(place.name));
    }
    let key = place.name.to_lowercase();
    let begun = azure.begin(now, |number| Due::Hub(key.clone(), number));
    let etag = azure.etag();
    let policies = azure.options.variants.policies_on_get;
    let hub = azure.hubs.get_mut(&key).ok_or_else(|| no_such_resource("IotHubs", place.name, place.group))?;
    hub.resource.tags = tags_of(body).unwrap_or_default();
    hub.resource.etag = etag;
    hub.resource.phase = Phase::Updating(begun.number);
    let answer = Answer::json(200, shown(hub, policies));
    Ok(announce(azure, call, &begun, answer))
}

fn quota(hub: &Hub) -> Answer {
    let per_unit = match hub.sku.as_str() {
        "F1" => 8_000,
        "S2" | "B2" => 6_000_000,
        "S3" | "B3" => 300_000_000,
        _ => 400_000,
    };
    let devices = i64::try_from(hub.devices.len()).unwrap_or(i64::MAX);
    let most_devices = if hub.sku == "F1" { 500 } else { 1_000_000 };
    let value = json!([
        { "name": "TotalMessages", "currentValue": hub.messages, "maxValue": per_unit * hub.capacity },
        { "name": "TotalDeviceCount", "currentValue": devices, "maxValue": most_devices },
    ]);
    Answer::json(200, json!({ "value": value }))
}

/// Lists the hubs of a subscription, or of one of its groups.
pub(crate) fn list(azure: &Azure, call: &Call, subscription: &str, group: Option<&str>, now: Timestamp) -> Answer {
    let value: Vec<Value> = azure
        .hubs
        .values()
        .filter(|hub| {
            let resource = &hub.resource;
            let here = match group {
                Some(group) => resource.lives_in(subscription, group),
                None => resource.subscription.eq_ignore_ascii_case(subscription),
            };
            here && azure.lists(resource.visible_from, now)
        })
        .map(|hub| shown(hub, azure.options.variants.policies_on_get))
        .collect();
    page(azure, call, value)
}

/// Says whether a hub's name is free, in all subscriptions of everybody.
pub(crate) fn check_name(azure: &Azure, call: &Call) -> Outcome {
    name_answer(call, |name| azure.hubs.contains_key(name))
}

/// The answer of both name checks.
pub(crate) fn name_answer(call: &Call, taken: impl Fn(&str) -> bool) -> Outcome {
    let body = call.json.as_ref().ok_or_else(no_body)?;
    let name = body["name"].as_str().ok_or_else(no_body)?;
    let answer = if !valid_name(name) {
        json!({
            "nameAvailable": false,
            "reason": "Invalid",
            "message": format!("The name '{name}' is not valid."),
        })
    } else if taken(&name.to_lowercase()) {
        json!({
            "nameAvailable": false,
            "reason": "AlreadyExists",
            "message": format!("The name '{name}' is not available."),
        })
    } else {
        json!({ "nameAvailable": true })
    };
    Ok(Answer::json(200, answer))
}
