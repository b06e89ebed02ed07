//! Many devices in one request, each of which succeeds or fails for itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::iot_hub::hub::Device;
use crate::azure::iot_hub::registry::devices::{check, write};
use crate::azure::iot_hub::registry::errors::refused;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The longest list.
const MOST: usize = 100;

/// Why a device could not be changed: the name of the error, and a sentence.
type Failure = (String, String);

/// Does what the list says, as far as it can be done; one failure makes the answer 400.
pub(crate) fn apply(azure: &mut Azure, hub: &str, request: &Request, now: Timestamp) -> Outcome {
    let list = request.json.as_ref().and_then(Value::as_array);
    let list = list.ok_or_else(|| refused(400, "ArgumentInvalid", "The body is no list of devices"))?;
    if list.len() > MOST {
        return Err(refused(413, "TooManyDevices", &format!("More than {MOST} devices")));
    }
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for entry in list {
        let id = entry["id"].as_str().unwrap_or_default();
        let once = if seen.insert(id) { Ok(()) } else { Err(failure("DeviceDefinedMultipleTimes", "The device is in the list twice")) };
        if let Err((code, status)) = once.and_then(|()| one(azure, hub, id, entry, now)) {
            errors.push(json!({ "deviceId": id, "errorCode": code, "errorStatus": status }));
        }
    }
    let status = if errors.is_empty() { 200 } else { 400 };
    Ok(Response::json(status, json!({ "isSuccessful": errors.is_empty(), "errors": errors, "warnings": [] })))
}

fn failure(code: &str, status: &str) -> Failure {
    (code.to_owned(), status.to_owned())
}

fn one(azure: &mut Azure, hub: &str, id: &str, entry: &Value, now: Timestamp) -> Result<(), Failure> {
    let there = azure.hubs()[hub].devices.get(id);
    let mode = entry["importMode"].as_str().unwrap_or("create");
    match mode {
        "create" if there.is_some() => return Err(failure("DeviceAlreadyExists", "The device exists")),
        "create" => {}
        "update" | "delete" => existing(there).map(|_| ())?,
        "updateIfMatchETag" | "deleteIfMatchETag" => tagged(existing(there)?, entry)?,
        _ => return Err(failure("InvalidOperation", "Only devices are created, updated and deleted in bulk here")),
    }
    if mode.starts_with("delete") {
        remove(azure, hub, id);
        Ok(())
    } else {
        put(azure, hub, id, entry, now)
    }
}

fn existing(there: Option<&Device>) -> Result<&Device, Failure> {
    there.ok_or_else(|| failure("DeviceNotFound", "The device does not exist"))
}

fn tagged(device: &Device, entry: &Value) -> Result<(), Failure> {
    let given = entry["eTag"].as_str().unwrap_or_default().trim_matches('"');
    if given == device.etag { Ok(()) } else { Err(failure("PreconditionFailed", "The entity tag does not fit")) }
}

fn put(azure: &mut Azure, hub: &str, id: &str, entry: &Value, now: Timestamp) -> Result<(), Failure> {
    check(entry, id).map_err(|_| failure("ArgumentInvalid", "The device is not valid"))?;
    write(azure, hub, id, entry, now);
    Ok(())
}

fn remove(azure: &mut Azure, hub: &str, id: &str) {
    if let Some(hub) = azure.hubs_mut().get_mut(hub) {
        hub.devices.remove(id);
    }
}
