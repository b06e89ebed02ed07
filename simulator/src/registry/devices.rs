//! The identity registry.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::refused;
use crate::azure::{Azure, Device};
use crate::enrollment::pages::page;
use crate::exchange::{Answer, Call, Outcome};
use crate::keys::decode;

/// What an absent time looks like.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn shown(device: &Device) -> Value {
    let mut document = json!({
        "deviceId": device.id,
        "generationId": device.generation,
        "etag": device.etag,
        "connectionState": "Disconnected",
        "status": if device.enabled { "enabled" } else { "disabled" },
        "connectionStateUpdatedTime": NEVER,
        "statusUpdatedTime": device.status_updated,
        "lastActivityTime": activity(device),
        "cloudToDeviceMessageCount": 0,
        "authentication": {
            "symmetricKey": {
                "primaryKey": device.primary,
                "secondaryKey": device.secondary,
            },
            "type": "sas",
        },
        "capabilities": { "iotEdge": device.edge },
    });
    if let Some(reason) = &device.status_reason {
        document["statusReason"] = reason.as_str().into();
    }
    document
}

fn activity(device: &Device) -> String {
    device.last_activity.map_or_else(|| NEVER.to_owned(), |time| time.to_string())
}

fn missing(id: &str) -> Answer {
    refused(404, "DeviceNotFound", &format!("The device {id} does not exist"))
}

fn find<'a>(azure: &'a Azure, hub: &str, id: &str) -> Result<&'a Device, Answer> {
    azure.hubs[hub].devices.get(id).ok_or_else(|| missing(id))
}

pub(super) fn get(azure: &Azure, hub: &str, id: &str) -> Outcome {
    Ok(Answer::json(200, shown(find(azure, hub, id)?)))
}

/// Checks `If-Match` against a device: a tag in quotes, or `*`, which Microsoft's own client puts in quotes too.
fn check_tag(device: &Device, call: &Call) -> Result<(), Answer> {
    match call.header("if-match") {
        Some("*" | "\"*\"") | None => Ok(()),
        Some(tag) if tag.trim_matches('"') == device.etag && tag.starts_with('"') => Ok(()),
        Some(_) => Err(refused(412, "PreconditionFailed", "The entity tag does not fit")),
    }
}

fn check_condition(before: Option<&Device>, call: &Call, id: &str) -> Result<(), Answer> {
    match (before, call.header("if-match")) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(missing(id)),
        (Some(device), Some(_)) => check_tag(device, call),
        (Some(_), None) => Err(refused(409, "DeviceAlreadyExists", &format!("The device {id} exists"))),
    }
}

/// Creates without `If-Match`, updates with it.
pub(super) fn put(azure: &mut Azure, hub: &str, id: &str, call: &Call, now: Timestamp) -> Outcome {
    let body = call.json.as_ref().filter(|body| body["deviceId"] == id);
    let body = body.ok_or_else(|| refused(400, "ArgumentInvalid", "The body's deviceId differs from the path's"))?;
    check_device(body, id)?;
    let before = azure.hubs[hub].devices.get(id).cloned();
    check_condition(before.as_ref(), call, id)?;
    let keys = &body["authentication"]["symmetricKey"];
    let mut slot = |field: &str, slot: &str| match keys[field].as_str() {
        Some(key) if !key.is_empty() => azure.keyring.keep(key.to_owned()),
        _ => azure.keyring.key(&format!("hub/{hub}/device/{id}/{slot}")),
    };
    let (primary, secondary) = (slot("primaryKey", "primary"), slot("secondaryKey", "secondary"));
    let enabled = body["status"].as_str().unwrap_or("enabled") == "enabled";
    let old = before.as_ref();
    let device = Device {
        id: id.to_owned(),
        generation: old.map_or_else(|| azure.count().to_string(), |old| old.generation.clone()),
        etag: azure.etag(),
        enabled,
        status_reason: body["statusReason"].as_str().map(str::to_owned),
        primary,
        secondary,
        edge: body["capabilities"]["iotEdge"] == true,
        status_updated: old.filter(|old| old.enabled == enabled).map_or(now, |old| old.status_updated),
        last_activity: old.and_then(|old| old.last_activity),
        messages: old.map_or(0, |old| old.messages),
    };
    let answer = Answer::json(200, shown(&device));
    if let Some(hub) = azure.hubs.get_mut(hub) {
        hub.devices.insert(id.to_owned(), device);
    }
    Ok(answer)
}

fn check_device(body: &Value, id: &str) -> Result<(), Answer> {
    let refuse = |text: &str| Err(refused(400, "ArgumentInvalid", text));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.+%_#*?!(),=@$'".contains(&byte);
    if id.is_empty() || id.len() > 128 || !id.bytes().all(fits) {
        return refuse("The device id is not valid");
    }
    let kind = body["authentication"]["type"].as_str().unwrap_or("sas");
    if kind != "sas" {
        return refuse("Only devices with symmetric keys are simulated");
    }
    for field in ["primaryKey", "secondaryKey"] {
        let key = body["authentication"]["symmetricKey"][field].as_str();
        let fits = |key: &str| decode(key).is_some_and(|bytes| (16..=64).contains(&bytes.len()));
        if key.is_some_and(|key| !key.is_empty() && !fits(key)) {
            return refuse("A key is base64 of 16 to 64 bytes");
        }
    }
    Ok(())
}

pub(super) fn delete(azure: &mut Azure, hub: &str, id: &str, call: &Call) -> Outcome {
    check_tag(find(azure, hub, id)?, call)?;
    if let Some(hub) = azure.hubs.get_mut(hub) {
        hub.devices.remove(id);
    }
    Ok(Answer::new(204))
}

/// At most 1,000 devices, without pages.
pub(super) fn list(azure: &Azure, hub: &str, call: &Call) -> Answer {
    let most = call.parameter("top").and_then(|text| text.parse().ok()).unwrap_or(1_000_usize).min(1_000);
    let devices = azure.hubs[hub].devices.values().take(most);
    Answer::json(200, devices.map(shown).collect())
}

/// The devices as twins, in pages; no other query than for all of them is known.
pub(super) fn query(azure: &Azure, hub: &str, call: &Call) -> Outcome {
    let text = call.json.as_ref().and_then(|body| body["query"].as_str());
    let words: Vec<String> = text.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    if words != ["select", "*", "from", "devices"] {
        let text = "Only SELECT * FROM devices is simulated";
        return Err(refused(400, "ArgumentInvalid", text));
    }
    let all = azure.hubs[hub].devices.iter();
    let all: Vec<(String, Value)> = all.map(|(id, device)| (id.clone(), twin(device))).collect();
    Ok(page(call, "Twin", all))
}

fn twin(device: &Device) -> Value {
    json!({
        "deviceId": device.id,
        "etag": "AAAAAAAAAAE=",
        "deviceEtag": device.etag,
        "status": if device.enabled { "enabled" } else { "disabled" },
        "connectionState": "Disconnected",
        "lastActivityTime": activity(device),
        "cloudToDeviceMessageCount": 0,
        "authenticationType": "sas",
        "version": 2,
        "properties": { "desired": {}, "reported": {} },
        "capabilities": { "iotEdge": device.edge },
    })
}

/// Takes a device-to-cloud message, whatever it says.
pub(super) fn message(azure: &mut Azure, hub: &str, id: &str, now: Timestamp) -> Answer {
    if let Some(hub) = azure.hubs.get_mut(hub) {
        hub.messages += 1;
        if let Some(device) = hub.devices.get_mut(id) {
            device.messages += 1;
            device.last_activity = Some(now);
        }
    }
    Answer::new(204)
}

pub(super) fn statistics(azure: &Azure, hub: &str) -> Answer {
    let devices = &azure.hubs[hub].devices;
    let enabled = devices.values().filter(|device| device.enabled).count();
    Answer::json(
        200,
        json!({
            "totalDeviceCount": devices.len(),
            "enabledDeviceCount": enabled,
            "disabledDeviceCount": devices.len() - enabled,
        }),
    )
}
