//! Resource groups, and what lives in them.

use http::Method;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};
use std::sync::LazyLock;

use crate::azure::resource::errors::{arm, no_body, no_such_group, unknown_path};
use crate::azure::resource::group::{ResourceGroup, key, must_accept, must_exist};
use crate::azure::resource::kind::ResourceType;
use crate::azure::resource::operation::announce_location;
use crate::azure::resource::page::{page, page_of};
use crate::azure::resource::phase::Phase;
use crate::azure::resource::regions::{known_region, region_name};
use crate::azure::resource::{KeptId, Resource, tags_of};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

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

/// Lists the groups of a subscription: all, or those with a tag, so many on a page as the caller wants.
pub(crate) fn list(azure: &Azure, request: &Request, subscription: &str) -> Outcome {
    let wanted = request.parameter("$filter").map(Tagged::read).transpose()?;
    let here = azure.groups.values().filter(|group| group.subscription.eq_ignore_ascii_case(subscription));
    let value: Vec<Value> = here.filter(|group| wanted.as_ref().is_none_or(|tag| tag.is_on(group))).map(document).collect();
    let most = match request.parameter("$top").map(str::parse) {
        None => usize::MAX,
        Some(Ok(most @ 1..)) => most,
        Some(_) => {
            return Err(arm(400, "InvalidTopInQueryString", "The $top of the query string is not valid: it must be a positive number."));
        }
    };
    Ok(page_of(azure, request, value, most))
}

/// What groups are asked for: those with a tag, whatever the case of its name, with a certain value or with any.
struct Tagged {
    name: String,
    value: Option<String>,
}

impl Tagged {
    fn read(filter: &str) -> Result<Self, Response> {
        static TAGGED: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = r"(?i)^\s*tagName\s+eq\s+'([^']*)'(?:\s+and\s+tagValue\s+eq\s+'([^']*)')?\s*$";
            Regex::new(pattern).expect("the pattern is right")
        });
        let found = TAGGED.captures(filter).ok_or_else(|| {
            let message = format!("Invalid $filter '{filter}' specified in the query string.");
            arm(400, "InvalidFilterInQueryString", &message)
        })?;
        Ok(Self { name: found[1].to_owned(), value: found.get(2).map(|value| value.as_str().to_owned()) })
    }

    fn is_on(&self, group: &ResourceGroup) -> bool {
        let fits = |value: &Value| self.value.as_ref().is_none_or(|wanted| value.as_str() == Some(wanted));
        group.tags.iter().any(|(name, value)| name.eq_ignore_ascii_case(&self.name) && fits(value))
    }
}

/// Answers everything on one group.
pub(crate) fn one(azure: &mut Azure, request: &Request, now: Timestamp, subscription: &str, name: &str) -> Outcome {
    match request.method {
        Method::GET => Ok(Response::json(200, document(must_exist(azure, subscription, name)?))),
        Method::HEAD => Ok(Response::new(match must_exist(azure, subscription, name) {
            Ok(_) => 204,
            Err(_) => 404,
        })),
        Method::PUT => put(azure, request, subscription, name),
        Method::PATCH => patch(azure, request, subscription, name),
        Method::DELETE => delete(azure, request, now, subscription, name),
        _ => Err(unknown_path(request)),
    }
}

fn put(azure: &mut Azure, request: &Request, subscription: &str, name: &str) -> Outcome {
    let body = request.json.as_ref().filter(|body| body.is_object());
    let body = body.ok_or_else(no_body)?;
    let location = body["location"].as_str().unwrap_or_default();
    if !known_region(location, azure.options.cloud) {
        let message = format!("The provided location '{location}' is not available for resource group.");
        return Err(arm(400, "LocationNotAvailableForResourceGroup", &message));
    }
    if let Some(group) = azure.groups.get_mut(&key(subscription, name)) {
        if group.deleting {
            return must_accept(azure, subscription, name).map(|()| Response::new(200));
        }
        if region_name(&group.location) != region_name(location) {
            let message = format!(
                "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
                group.location
            );
            return Err(arm(409, "InvalidResourceGroupLocation", &message));
        }
        group.tags = tags_of(body).unwrap_or_default();
        return Ok(Response::json(200, document(group)));
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
    Ok(Response::json(201, shown))
}

fn patch(azure: &mut Azure, request: &Request, subscription: &str, name: &str) -> Outcome {
    must_accept(azure, subscription, name)?;
    let body = request.json.as_ref().ok_or_else(no_body)?;
    let group = azure.groups.get_mut(&key(subscription, name)).ok_or_else(|| no_such_group(name))?;
    if let Some(tags) = tags_of(body) {
        group.tags = tags;
    }
    Ok(Response::json(200, document(group)))
}

fn delete(azure: &mut Azure, request: &Request, now: Timestamp, subscription: &str, name: &str) -> Outcome {
    must_exist(azure, subscription, name)?;
    let key = key(subscription, name);
    let gone = key.clone();
    let begun = azure.begin(now, move |azure, _| forget(azure, &gone));
    if let Some(group) = azure.groups.get_mut(&key) {
        group.deleting = true;
    }
    for (kind, id) in within(azure, subscription, name) {
        if let Some(resource) = kind.resource_mut(azure, &id.id()) {
            resource.phase = Phase::Deleting(begun.number);
        }
    }
    Ok(announce_location(azure, request, &begun))
}

/// The resources of a group, each by its type and its place.
fn within(azure: &Azure, subscription: &str, group: &str) -> Vec<(&'static dyn ResourceType, KeptId)> {
    let all = azure.resources_in(subscription, group).into_iter();
    all.map(|(kind, resource)| (kind, resource.id().kept())).collect()
}

fn forget(azure: &mut Azure, (subscription, group): &(String, String)) {
    for (kind, id) in within(azure, subscription, group) {
        azure.remove(kind, &id.id());
    }
    azure.groups.remove(&key(subscription, group));
}

/// Lists the resources of a group; their ids come in another casing than their own GET's.
pub(crate) fn contents(azure: &Azure, request: &Request, subscription: &str, group: &str) -> Outcome {
    must_exist(azure, subscription, group)?;
    let shown = |resource: &Resource| {
        json!({
            "id": format!(
                "/subscriptions/{}/resourceGroups/{}/providers/{}/{}",
                resource.subscription,
                resource.group.to_uppercase(),
                resource.kind,
                resource.name
            ),
            "name": resource.name,
            "type": resource.kind.to_string(),
            "location": resource.location,
            "tags": resource.tags,
        })
    };
    let value = azure.resources_in(subscription, group).into_iter().map(|(_, resource)| shown(resource)).collect();
    Ok(page(azure, request, value))
}
