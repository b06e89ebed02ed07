//! Registration records, as the service API shows them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::dps::service::{ProvisioningService, Registration, Through};
use crate::azure::dps::service_api::groups::no_such_group;
use crate::azure::dps::service_api::refusal::{missing, no_such_host, stale};
use crate::azure::microsoft_devices::pages::page;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

fn service<'a>(azure: &'a Azure, name: &str, now: Timestamp) -> Result<&'a ProvisioningService, Response> {
    azure.provisioning().get(name).ok_or_else(|| no_such_host(name, now))
}

/// A record; the device API adds which group it came from.
pub(crate) fn shown(record: &Registration) -> Value {
    let mut state = json!({
        "registrationId": record.id,
        "createdDateTimeUtc": record.created,
        "status": record.status,
        "lastUpdatedDateTimeUtc": record.updated,
        "etag": format!("\"{}\"", record.etag),
    });
    if let Some(hub) = record.hub.as_ref().filter(|_| record.status == "assigned") {
        state["assignedHub"] = hub.as_str().into();
        state["deviceId"] = record.device.as_str().into();
    }
    if let Some(substatus) = record.substatus {
        state["substatus"] = substatus.into();
    }
    if let Some(payload) = &record.payload {
        state["payload"] = payload.clone();
    }
    if let Some((code, message)) = &record.error {
        state["errorCode"] = (*code).into();
        state["errorMessage"] = message.as_str().into();
    }
    state
}

fn find<'a>(azure: &'a Azure, name: &str, id: &str, now: Timestamp) -> Result<&'a Registration, Response> {
    service(azure, name, now)?
        .registrations
        .get(&id.to_lowercase())
        .ok_or_else(|| missing(404_203, &format!("DeviceRegistrationNotFound: {id}."), now))
}

pub(crate) fn get(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    Ok(Response::json(200, shown(find(azure, name, id, now)?)))
}

pub(crate) fn delete(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Outcome {
    let record = find(azure, name, id, now)?;
    let condition = request.header("if-match").map(|etag| etag.trim_matches('"'));
    if condition.is_some_and(|etag| etag != "*" && etag != record.etag) {
        return Err(stale(now));
    }
    if let Some(service) = azure.provisioning_mut().get_mut(name) {
        service.registrations.remove(&id.to_lowercase());
    }
    Ok(Response::new(204))
}

/// The records of a group, the only listing that there is.
pub(crate) fn query(azure: &Azure, name: &str, group: &str, request: &Request, now: Timestamp) -> Outcome {
    let service = service(azure, name, now)?;
    if !service.groups.contains_key(group) {
        return Err(no_such_group(group, now));
    }
    let through = Through::Group(group.to_owned());
    let all: Vec<(String, Value)> = service
        .registrations
        .iter()
        .filter(|(_, record)| record.through == through && azure.queries(record.created, now))
        .map(|(id, record)| (id.clone(), shown(record)))
        .collect();
    Ok(page(request, "deviceRegistration", all))
}
