//! Twins, as services and as their devices read and write them
//! (Microsoft Learn: "Understand and use device twins in IoT Hub").

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::azure::iot_hub::connections::Push;
use crate::azure::iot_hub::hub::Device;
use crate::azure::iot_hub::registry::devices::{activity, check_etag, connection_state, find, status, thumbprints};
use crate::azure::iot_hub::registry::errors::refused;
use crate::azure::iot_hub::twin::{Twin, TwinWrite, written};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The header that carries the new version of what a device reported to where its answer is written.
pub(crate) const VERSION: &str = "$version";

const KILOBYTE: usize = 1_024;
const LONGEST_TAGS: usize = 8 * KILOBYTE;
const LONGEST_PROPERTIES: usize = 32 * KILOBYTE;
const LONGEST_TEXT: usize = 4 * KILOBYTE;
const LONGEST_NAME: usize = KILOBYTE;
const DEEPEST: usize = 10;
/// Numbers beyond it are not kept exactly.
const GREATEST: i64 = 4_503_599_627_370_496;

/// A twin as a service sees it.
pub(crate) fn shown(device: &Device, connected: bool) -> Value {
    let twin = &device.twin;
    let mut document = json!({
        "deviceId": device.id,
        "etag": twin.etag(),
        "deviceEtag": device.etag,
        "status": status(device),
        "statusUpdateTime": device.status_updated,
        "connectionState": connection_state(connected),
        "lastActivityTime": activity(device),
        "cloudToDeviceMessageCount": 0,
        "authenticationType": device.authentication.kind(),
        "x509Thumbprint": thumbprints(&device.authentication),
        "version": twin.version,
        "properties": { "desired": twin.desired.whole(), "reported": twin.reported.whole() },
        "capabilities": { "iotEdge": device.edge },
    });
    if !twin.tags.is_empty() {
        document["tags"] = Value::Object(twin.tags.clone());
    }
    document
}

pub(crate) fn get(azure: &Azure, hub: &str, id: &str) -> Outcome {
    Ok(Response::json(200, shown(find(azure, hub, id)?, azure.connected(hub, id))))
}

/// Has a service write, and tells the device if it is connected.
pub(crate) fn write(azure: &mut Azure, hub: &str, id: &str, request: &Request, writing: TwinWrite, now: Timestamp) -> Outcome {
    let device = find(azure, hub, id)?;
    check_etag(&device.twin.etag(), request)?;
    let body = request.json.as_ref().filter(|body| body.is_object()).ok_or_else(|| invalid("The body is no JSON object"))?;
    let twin = changed(&device.twin, body, writing, now)?;
    put(azure, hub, id, twin);
    if let Some(desired) = body["properties"]["desired"].as_object() {
        let version = find(azure, hub, id)?.twin.desired.version();
        let mut document = written(desired);
        document.insert(VERSION.to_owned(), version.into());
        azure.push(hub, id, Push::Desired(Value::Object(document), version));
    }
    get(azure, hub, id)
}

/// The twin of a new device: what its enrollment says, as far as it can be kept.
pub(crate) fn initial(document: Option<&Value>, now: Timestamp) -> Twin {
    let new = Twin::new(now);
    document.and_then(|document| changed(&new, document, TwinWrite::Patch, now).ok()).unwrap_or(new)
}

/// The twin after a document of a service was written.
fn changed(twin: &Twin, body: &Value, writing: TwinWrite, now: Timestamp) -> Result<Twin, Response> {
    let part = |value: &Value, what: &str| match value {
        Value::Null => Ok(None),
        Value::Object(document) => Ok(Some(written(document))),
        _ => Err(invalid(&format!("The {what} are no JSON object"))),
    };
    let (tags, desired) = (part(&body["tags"], "tags")?, part(&body["properties"]["desired"], "desired properties")?);
    for document in [&tags, &desired].into_iter().flatten() {
        check(document, 1)?;
    }
    let mut twin = twin.clone();
    twin.write(tags.as_ref(), desired.as_ref(), writing, now);
    fits(&twin.tags, LONGEST_TAGS)?;
    fits(twin.desired.values(), LONGEST_PROPERTIES)?;
    Ok(twin)
}

fn put(azure: &mut Azure, hub: &str, id: &str, twin: Twin) {
    if let Some(device) = azure.hubs_mut().get_mut(hub).and_then(|hub| hub.devices.get_mut(id)) {
        device.twin = twin;
    }
}

/// A device's own twin, as it is told to it.
pub(crate) fn own(azure: &Azure, hub: &str, id: &str) -> Outcome {
    Ok(Response::json(200, find(azure, hub, id)?.twin.for_device()))
}

/// Has a device report.
pub(crate) fn report(azure: &mut Azure, hub: &str, id: &str, body: Option<&Value>, now: Timestamp) -> Outcome {
    let patch = body.and_then(Value::as_object).ok_or_else(|| invalid("The reported properties are no JSON object"))?;
    let patch = written(patch);
    check(&patch, 1)?;
    let mut twin = find(azure, hub, id)?.twin.clone();
    let version = twin.report(&patch, now);
    fits(twin.reported.values(), LONGEST_PROPERTIES)?;
    put(azure, hub, id, twin);
    Ok(Response::new(204).with(VERSION, version.to_string()))
}

fn invalid(text: &str) -> Response {
    refused(400, "ArgumentInvalid", text)
}

fn fits(document: &Map<String, Value>, most: usize) -> Result<(), Response> {
    let length = Value::Object(document.clone()).to_string().len();
    if length <= most { Ok(()) } else { Err(refused(413, "MessageTooLarge", &format!("The document has more than {most} bytes"))) }
}

/// Checks names, depth, texts and numbers.
fn check(document: &Map<String, Value>, depth: usize) -> Result<(), Response> {
    if depth > DEEPEST {
        return Err(invalid(&format!("The document is more than {DEEPEST} levels deep")));
    }
    for (name, value) in document {
        let strange = |letter: char| letter.is_control() || ['.', '$', ' '].contains(&letter);
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(strange) {
            return Err(invalid("A name has control characters, a dot, a dollar sign or a blank in it, or is too long"));
        }
        check_value(value, depth)?;
    }
    Ok(())
}

fn check_value(value: &Value, depth: usize) -> Result<(), Response> {
    match value {
        Value::String(text) if text.len() > LONGEST_TEXT => Err(invalid(&format!("A text has more than {LONGEST_TEXT} bytes"))),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            let fits = number.as_i64().is_some_and(|number| (-GREATEST..=GREATEST).contains(&number));
            if fits { Ok(()) } else { Err(invalid(&format!("A whole number lies beyond {GREATEST}"))) }
        }
        Value::Object(inner) => check(inner, depth + 1),
        Value::Array(values) => values.iter().try_for_each(|value| check_value(value, depth + 1)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
    }
}
