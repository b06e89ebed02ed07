//! The identity registry.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::iot_hub::hub::{Authentication, Device};
use crate::azure::iot_hub::registry::errors::refused;
use crate::azure::iot_hub::twin::Twin;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};
use crate::engine::keys::decode;

/// What an absent time looks like.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// How a device proves who it is, keys and all.
fn authentication(device: &Device) -> Value {
    let kind = device.authentication.kind();
    match &device.authentication {
        Authentication::Keys { primary, secondary } => {
            json!({ "type": kind, "symmetricKey": { "primaryKey": primary, "secondaryKey": secondary } })
        }
        Authentication::Thumbprints { .. } => json!({ "type": kind, "x509Thumbprint": thumbprints(&device.authentication) }),
    }
}

/// `X509Thumbprint`; an empty slot is left out.
pub(crate) fn thumbprints(authentication: &Authentication) -> Value {
    let mut shown = json!({});
    if let Authentication::Thumbprints { primary, secondary } = authentication {
        for (name, slot) in [("primaryThumbprint", primary), ("secondaryThumbprint", secondary)] {
            if let Some(thumbprint) = slot {
                shown[name] = thumbprint.as_str().into();
            }
        }
    }
    shown
}

/// `connectionState`.
pub(crate) fn connection_state(connected: bool) -> &'static str {
    if connected { "Connected" } else { "Disconnected" }
}

/// `status`.
pub(crate) fn status(device: &Device) -> &'static str {
    if device.enabled { "enabled" } else { "disabled" }
}

fn shown(device: &Device, connected: bool) -> Value {
    let mut document = json!({
        "deviceId": device.id,
        "generationId": device.generation,
        "etag": device.etag,
        "connectionState": connection_state(connected),
        "status": status(device),
        "connectionStateUpdatedTime": NEVER,
        "statusUpdatedTime": device.status_updated,
        "lastActivityTime": activity(device),
        "cloudToDeviceMessageCount": 0,
        "authentication": authentication(device),
        "capabilities": { "iotEdge": device.edge },
    });
    if let Some(reason) = &device.status_reason {
        document["statusReason"] = reason.as_str().into();
    }
    document
}

pub(crate) fn activity(device: &Device) -> String {
    device.last_activity.map_or_else(|| NEVER.to_owned(), |time| time.to_string())
}

fn missing(id: &str) -> Response {
    refused(404, "DeviceNotFound", &format!("The device {id} does not exist"))
}

pub(crate) fn find<'a>(azure: &'a Azure, hub: &str, id: &str) -> Result<&'a Device, Response> {
    azure.hubs()[hub].devices.get(id).ok_or_else(|| missing(id))
}

pub(crate) fn get(azure: &Azure, hub: &str, id: &str) -> Outcome {
    Ok(Response::json(200, shown(find(azure, hub, id)?, azure.connected(hub, id))))
}

fn check_tag(device: &Device, request: &Request) -> Result<(), Response> {
    check_etag(&device.etag, request)
}

/// Checks `If-Match` against an entity tag: it in quotes, or `*`, which Microsoft's own client puts in quotes too.
pub(crate) fn check_etag(etag: &str, request: &Request) -> Result<(), Response> {
    match request.header("if-match") {
        Some("*" | "\"*\"") | None => Ok(()),
        Some(tag) if tag.trim_matches('"') == etag && tag.starts_with('"') => Ok(()),
        Some(_) => Err(refused(412, "PreconditionFailed", "The entity tag does not fit")),
    }
}

fn check_condition(before: Option<&Device>, request: &Request, id: &str) -> Result<(), Response> {
    match (before, request.header("if-match")) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(missing(id)),
        (Some(device), Some(_)) => check_tag(device, request),
        (Some(_), None) => Err(refused(409, "DeviceAlreadyExists", &format!("The device {id} exists"))),
    }
}

/// Creates without `If-Match`, updates with it.
pub(crate) fn put(azure: &mut Azure, hub: &str, id: &str, request: &Request, now: Timestamp) -> Outcome {
    let body = request.json.as_ref().filter(|body| body["deviceId"] == id);
    let body = body.ok_or_else(|| refused(400, "ArgumentInvalid", "The body's deviceId differs from the path's"))?;
    check(body, id)?;
    check_condition(azure.hubs()[hub].devices.get(id), request, id)?;
    write(azure, hub, id, body, now);
    get(azure, hub, id)
}

/// Writes a device as a document says that was checked before.
pub(crate) fn write(azure: &mut Azure, hub: &str, id: &str, body: &Value, now: Timestamp) {
    let before = azure.hubs()[hub].devices.get(id).cloned();
    let authentication = authentication_of(azure, hub, id, body);
    let enabled = body["status"].as_str().unwrap_or("enabled") == "enabled";
    let old = before.as_ref();
    let device = Device {
        id: id.to_owned(),
        generation: old.map_or_else(|| azure.count().to_string(), |old| old.generation.clone()),
        etag: azure.etag(),
        enabled,
        status_reason: body["statusReason"].as_str().map(str::to_owned),
        authentication,
        edge: body["capabilities"]["iotEdge"] == true,
        status_updated: old.filter(|old| old.enabled == enabled).map_or(now, |old| old.status_updated),
        last_activity: old.and_then(|old| old.last_activity),
        messages: old.map_or(0, |old| old.messages),
        twin: before.map_or_else(|| Twin::new(now), |old| old.twin),
    };
    if let Some(hub) = azure.hubs_mut().get_mut(hub) {
        hub.devices.insert(id.to_owned(), device);
    }
}

/// Keys that are left out are made.
fn authentication_of(azure: &mut Azure, hub: &str, id: &str, body: &Value) -> Authentication {
    let given = |field: &Value| field.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let body = &body["authentication"];
    if body["type"] == "selfSigned" {
        let slot = |name: &str| given(&body["x509Thumbprint"][name]).map(|thumbprint| thumbprint.to_uppercase());
        return Authentication::Thumbprints { primary: slot("primaryThumbprint"), secondary: slot("secondaryThumbprint") };
    }
    let mut slot = |field: &str, slot: &str| match given(&body["symmetricKey"][field]) {
        Some(key) => azure.keyring.keep(key),
        None => azure.keyring.key(&format!("hub/{hub}/device/{id}/{slot}")),
    };
    Authentication::Keys { primary: slot("primaryKey", "primary"), secondary: slot("secondaryKey", "secondary") }
}

/// Checks what a document says of a device.
pub(crate) fn check(body: &Value, id: &str) -> Result<(), Response> {
    let refuse = |text: &str| Err(refused(400, "ArgumentInvalid", text));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.+%_#*?!(),=@$'".contains(&byte);
    if id.is_empty() || id.len() > 128 || !id.bytes().all(fits) {
        return refuse("The device id is not valid");
    }
    let authentication = &body["authentication"];
    match authentication["type"].as_str().unwrap_or("sas") {
        "sas" => check_slots(&authentication["symmetricKey"], ["primaryKey", "secondaryKey"], is_key, "A key is base64 of 16 to 64 bytes"),
        "selfSigned" => {
            let (slots, names) = (&authentication["x509Thumbprint"], ["primaryThumbprint", "secondaryThumbprint"]);
            check_slots(slots, names, is_thumbprint, "A thumbprint is the hexadecimal digits of SHA-1 or SHA-256")
        }
        _ => refuse("Only devices with symmetric keys or self-signed certificates are simulated"),
    }
}

fn check_slots(slots: &Value, names: [&str; 2], fits: fn(&str) -> bool, otherwise: &str) -> Result<(), Response> {
    let given = names.into_iter().filter_map(|name| slots[name].as_str()).filter(|text| !text.is_empty());
    if given.into_iter().all(fits) { Ok(()) } else { Err(refused(400, "ArgumentInvalid", otherwise)) }
}

fn is_key(text: &str) -> bool {
    decode(text).is_some_and(|bytes| (16..=64).contains(&bytes.len()))
}

fn is_thumbprint(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(crate) fn delete(azure: &mut Azure, hub: &str, id: &str, request: &Request) -> Outcome {
    check_tag(find(azure, hub, id)?, request)?;
    if let Some(hub) = azure.hubs_mut().get_mut(hub) {
        hub.devices.remove(id);
    }
    Ok(Response::new(204))
}

/// At most 1,000 devices, without pages.
pub(crate) fn list(azure: &Azure, hub: &str, request: &Request) -> Response {
    let most = request.parameter("top").and_then(|text| text.parse().ok()).unwrap_or(1_000_usize).min(1_000);
    let devices = azure.hubs()[hub].devices.values().take(most);
    Response::json(200, devices.map(|device| shown(device, azure.connected(hub, &device.id))).collect())
}

pub(crate) fn statistics(azure: &Azure, hub: &str) -> Response {
    let devices = &azure.hubs()[hub].devices;
    let enabled = devices.values().filter(|device| device.enabled).count();
    Response::json(
        200,
        json!({
            "totalDeviceCount": devices.len(),
            "enabledDeviceCount": enabled,
            "disabledDeviceCount": devices.len() - enabled,
        }),
    )
}
