//! IoT hubs in the resource manager.

pub(crate) mod document;
pub(crate) mod put;
pub(crate) mod usages;
pub(crate) mod version;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::iot_hub::hub::{Hub, KIND};
use crate::azure::iot_hub::manage::document::shown;
use crate::azure::iot_hub::manage::put::put;
use crate::azure::microsoft_devices::lifecycle;
use crate::azure::microsoft_devices::names::name_answer;
use crate::azure::microsoft_devices::policies::Policy;
use crate::azure::resource::errors::{no_such_resource, unknown_path};
use crate::azure::resource::group::must_exist;
use crate::azure::resource::kind::{ResourceKind, ResourceType};
use crate::azure::resource::operation::poll;
use crate::azure::resource::{Resource, ResourceId};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The type of IoT hubs.
pub(crate) struct HubType;

impl ResourceType for HubType {
    fn kind(&self) -> ResourceKind {
        KIND
    }

    fn resources<'a>(&self, azure: &'a Azure) -> Box<dyn Iterator<Item = &'a Resource> + 'a> {
        Box::new(azure.hubs().values().map(|hub| &hub.resource))
    }

    fn resource_mut<'a>(&self, azure: &'a mut Azure, id: &ResourceId<'_>) -> Option<&'a mut Resource> {
        azure.hubs_mut().get_mut(&id.name.to_lowercase()).map(|hub| &mut hub.resource)
    }

    fn remove(&self, azure: &mut Azure, id: &ResourceId<'_>) {
        azure.hubs_mut().remove(&id.name.to_lowercase());
    }

    fn shown(&self, azure: &Azure, request: &Request, id: &ResourceId<'_>) -> Value {
        shown(azure, &azure.hubs()[&id.name.to_lowercase()], request)
    }

    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, rest: &[&str]) -> Outcome {
        one(azure, request, now, id, rest)
    }

    fn answer_in_subscription(&self, azure: &Azure, request: &Request, subscription: &str, rest: &[&str]) -> Option<Outcome> {
        match (request.method.as_str(), rest) {
            // The name is free or not in all subscriptions of everybody.
            ("POST", ["checknameavailability"]) => Some(name_answer(request, |name| azure.hubs().contains_key(name))),
            ("GET", ["usages"]) => Some(Ok(usages::list(azure, subscription))),
            _ => None,
        }
    }

    fn older_version(&self) -> Option<&'static str> {
        Some(version::OLDER)
    }

    fn takes_roles(&self) -> bool {
        true
    }
}

/// Answers everything on one hub.
fn one(azure: &mut Azure, request: &Request, now: Timestamp, id: &ResourceId<'_>, rest: &[&str]) -> Outcome {
    match (request.method.as_str(), rest) {
        ("GET", ["operationresults", operation]) => poll(azure, request, &HubType, id, operation, now),
        ("PUT", []) => put(azure, request, now, id),
        ("DELETE", []) => {
            find(azure, id)?;
            lifecycle::delete(azure, request, now, &HubType, id)
        }
        ("PATCH", []) => {
            find(azure, id)?;
            lifecycle::patch(azure, request, now, &HubType, id)
        }
        ("GET", []) => {
            let hub = find(azure, id)?;
            if hub.resource.visible_from > now {
                return Err(missing(id));
            }
            Ok(Response::json(200, shown(azure, hub, request)))
        }
        ("POST", ["listkeys"]) => {
            let value: Vec<Value> = find(azure, id)?.policies.iter().map(Policy::with_keys).collect();
            Ok(Response::json(200, json!({ "value": value })))
        }
        ("POST", ["iothubkeys", key, "listkeys"]) => {
            let policy = find(azure, id)?.policy(key);
            let policy = policy.ok_or_else(|| no_such_resource("Microsoft.Devices/IotHubs/IotHubKeys", key, id.group))?;
            Ok(Response::json(200, policy.with_keys()))
        }
        ("GET", ["quotametrics"]) => Ok(quota(find(azure, id)?)),
        _ => Err(unknown_path(request)),
    }
}

fn missing(id: &ResourceId<'_>) -> Response {
    no_such_resource(&KIND.to_string(), id.name, id.group)
}

fn find<'a>(azure: &'a Azure, id: &ResourceId<'_>) -> Result<&'a Hub, Response> {
    must_exist(azure, id.subscription, id.group)?;
    azure.hubs().get(&id.name.to_lowercase()).filter(|hub| hub.resource.is_in(id.subscription, id.group)).ok_or_else(|| missing(id))
}

fn quota(hub: &Hub) -> Response {
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
    Response::json(200, json!({ "value": value }))
}
