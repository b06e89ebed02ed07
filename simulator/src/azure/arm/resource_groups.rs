//! Resource groups, and what lives in them.

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::azure::iot_hub::manage::document::{known_region, region_name};
use crate::azure::resource::errors::{arm, no_body, no_such_group, unknown_path};
use crate::azure::resource::operation::announce_location;
use crate::azure::resource::page::page;
use crate::azure::resource::{Phase, Resource, ResourceGroup};
use crate::azure::state::{Azure, Due};
use crate::engine::http::{Answer, Call, Outcome};

fn key(subscription: &str, group: &str) -> (String, String) {
    (subscription.to_lowercase(), group.to_lowercase())
}

/// Refuses when the resource group is not there.
pub(crate) fn must_exist<'a>(azure: &'a Azure, subscription: &str, group: &str) -> Result<&'a ResourceGroup, Answer> {
    azure.groups.get(&key(subscription, group)).ok_or_else(|| no_such_group(group))
}

/// Refuses when nothing can be put into the resource group.
pub(crate) fn must_accept(azure: &Azure, subscription: &str, group: &str) -> Result<(), Answer> {
    if must_exist(azure, subscription, group)?.deleting {
        let message = format!("The resource group '{group}' is in deprovisioning state and cannot perform this operation.");
        return Err(arm(409, "ResourceGroupBeingDeleted", &message));
    }
    Ok(())
}

fn document(group: &ResourceGroup) -> Value {
    json!({
        "id": format!("/subscriptions/{}/resourceGroups/{}", group.subscription, group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {
            "provisioningState": if group.deleting { "Deleting" } else { "Succeeded" },
        },
    })
}

/// Lists the groups of a subscription.
pub(crate) fn list(azure: &Azure, call: &Call, subscription: &str) -> Answer {
    let value: Vec<Value> =
        azure.groups.values().filter(|group| group.subscription.eq_ignore_ascii_case(subscription)).map(document).collect();
    page(azure, call, value)
}

/// Answers everything on one group.
pub(crate) fn one(azure: &mut Azure, call: &Call, now: Timestamp, subscription: &str, name: &str) -> Outcome {
    match call.method {
        Method::GET => Ok(Answer::json(200, document(must_exist(azure, subscription, name)?))),
        Method::HEAD => Ok(Answer::new(match must_exist(azure, subscription, name) {
            Ok(_) => 204,
            Err(_) => 404,
        })),
        Method::PUT => put(azure, call, subscription, name),
        Method::PATCH => patch(azure, call, subscription, name),
        Method::DELETE => delete(azure, call, now, subscription, name),
        _ => Err(unknown_path(call)),
    }
}

/// The tags of a body; `None` when it carries none.
pub(crate) fn tags_of(body: &Value) -> Option<Map<String, Value>> {
    body.get("tags").and_then(Value::as_object).cloned()
}

fn put(azure: &mut Azure, call: &Call, subscription: &str, name: &str) -> Outcome {
    let body = call.json.as_ref().filter(|body| body.is_object());
    let body = body.ok_or_else(no_body)?;
    let location = body["location"].as_str().unwrap_or_default();
    if !known_region(location) {
        let message = format!("The provided location '{location}' is not available for resource group.");
        return Err(arm(400, "LocationNotAvailableForResourceGroup", &message));
    }
    if let Some(group) = azure.groups.get_mut(&key(subscription, name)) {
        if group.deleting {
            return must_accept(azure, subscription, name).map(|()| Answer::new(200));
        }
        if region_name(&group.location) != region_name(location) {
            let message = format!(
                "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
                group.location
            );
            return Err(arm(409, "InvalidResourceGroupLocation", &message));
        }
        group.tags = tags_of(body).unwrap_or_default();
        return Ok(Answer::json(200, document(group)));
    }
    let group = ResourceGroup {
        subscription: subscription.to_owned(),
        name: name.to_owned(),
        location: region_name(location),
        tags: tags_of(body).unwrap_or_default(),
        deleting: false,
    };
    let shown = document(&group);
    azure.groups.insert(key(subscription, name), group);
    Ok(Answer::json(201, shown))
}

fn patch(azure: &mut Azure, call: &Call, subscription: &str, name: &str) -> Outcome {
    must_accept(azure, subscription, name)?;
    let body = call.json.as_ref().ok_or_else(no_body)?;
    let group = azure.groups.get_mut(&key(subscription, name)).ok_or_else(|| no_such_group(name))?;
    if let Some(tags) = tags_of(body) {
        group.tags = tags;
    }
    Ok(Answer::json(200, document(group)))
}

fn delete(azure: &mut Azure, call: &Call, now: Timestamp, subscription: &str, name: &str) -> Outcome {
    must_exist(azure, subscription, name)?;
    let key = key(subscription, name);
    let begun = azure.begin(now, |_| Due::Group(key.clone()));
    if let Some(group) = azure.groups.get_mut(&key) {
        group.deleting = true;
    }
    let hubs = azure.hubs.values_mut().map(|hub| &mut hub.resource);
    let services = azure.services.values_mut().map(|service| &mut service.resource);
    for resource in hubs.chain(services) {
        if resource.group_key() == key {
            resource.phase = Phase::Deleting(begun.number);
        }
    }
    Ok(announce_location(azure, call, &begun))
}

/// Lists the resources of a group; their ids come in another casing than their own GET's.
pub(crate) fn contents(azure: &Azure, call: &Call, subscription: &str, group: &str) -> Outcome {
    must_exist(azure, subscription, group)?;
    let shown = |resource: &Resource, kind: &str| {
        json!({
            "id": format!(
                "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/{kind}/{}",
                resource.subscription,
                resource.group.to_uppercase(),
                resource.name
            ),
            "name": resource.name,
            "type": format!("Microsoft.Devices/{kind}"),
            "location": resource.location,
            "tags": resource.tags,
        })
    };
    let hubs = azure.hubs.values().filter(|hub| hub.resource.lives_in(subscription, group)).map(|hub| shown(&hub.resource, "IotHubs"));
    let services = azure
        .services
        .values()
        .filter(|service| service.resource.lives_in(subscription, group))
        .map(|service| shown(&service.resource, "provisioningServices"));
    let value: Vec<Value> = hubs.chain(services).collect();
    Ok(page(azure, call, value))
}
