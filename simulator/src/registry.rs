//! IoT Hub's data plane: the device registry, and messages that prove a device's key.

mod devices;
mod gate;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::azure::Azure;
use crate::exchange::{Answer, Call, Outcome};

/// Answers a request to `{hub}.azure-devices.net`.
pub(crate) fn answer(azure: &mut Azure, call: &Call, now: Timestamp) -> Answer {
    route(azure, call, now).unwrap_or_else(|refusal| refusal)
}

/// An error as the registry writes it, named in a header too.
pub(crate) fn refused(status: u16, name: &str, text: &str) -> Answer {
    Answer::json(
        status,
        json!({
            "Message": format!("ErrorCode:{name};{text}"),
            "ExceptionMessage": "Tracking ID:00000000000000000000000000000000-G:0",
        }),
    )
    .with("iothub-errorcode", name.to_owned())
}

/// An error for a status that something else decided.
pub(crate) fn failed(status: u16, text: &str) -> Answer {
    let name = match status {
        400 => "ArgumentInvalid",
        429 => "ThrottlingException",
        _ => "ServerError",
    };
    refused(status, name, text)
}

fn route(azure: &mut Azure, call: &Call, now: Timestamp) -> Outcome {
    let name = call.host.strip_suffix(".azure-devices.net").unwrap_or_default().to_owned();
    if !azure.hubs.get(&name).is_some_and(|hub| hub.resource.phase.serves()) {
        let text = format!("There is no hub {}.", call.host);
        return Err(refused(404, "IotHubNotFound", &text));
    }
    if call.parameter("api-version").is_none_or(str::is_empty) {
        return Err(refused(400, "InvalidProtocolVersion", "The api-version is missing."));
    }
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if let ["devices", id, "messages", "events"] = segments.as_slice()
        && call.method == http::Method::POST
    {
        gate::device(azure, &name, id, call, now)?;
        return Ok(devices::message(azure, &name, id, now));
    }
    let rights = rights_for(call.method.as_str(), &segments).ok_or_else(|| {
        let text = format!("Nothing simulates {} {}.", call.method, call.path);
        refused(404, "ResourceNotFound", &text)
    })?;
    gate::service(azure, &name, call, now, rights)?;
    count(azure, &name, now)?;
    match (call.method.as_str(), segments.as_slice()) {
        ("POST", _) => devices::query(azure, &name, call),
        ("GET", ["devices"]) => Ok(devices::list(azure, &name, call)),
        ("GET", ["devices", id]) => devices::get(azure, &name, id),
        ("PUT", [_, id]) => devices::put(azure, &name, id, call, now),
        ("DELETE", [_, id]) => devices::delete(azure, &name, id, call),
        _ => Ok(devices::statistics(azure, &name)),
    }
}

fn count(azure: &mut Azure, name: &str, now: Timestamp) -> Result<(), Answer> {
    let per_unit = azure.options.limits.registry_operations_per_unit;
    let counted = azure.hubs.get_mut(name).map_or(Ok(()), |hub| {
        let grade = if hub.sku.ends_with('3') { 50 } else { 1 };
        let units = u32::try_from(hub.capacity).unwrap_or(1);
        let most = per_unit.saturating_mul(grade).saturating_mul(units);
        hub.operations.count(now, SignedDuration::from_mins(1), most)
    });
    counted.map_err(|wait| {
        let seconds = (wait.as_secs() + 1).to_string();
        refused(429, "ThrottlingException", "Too many registry operations").with("retry-after", seconds)
    })
}

/// The rights of which one opens a path (Microsoft Learn: "Control access to IoT Hub"); `None` for
/// a path that nothing serves.
fn rights_for(method: &str, path: &[&str]) -> Option<&'static [&'static str]> {
    match (method, path) {
        ("POST", ["devices", "query"]) => Some(&["RegistryRead", "ServiceConnect"]),
        ("GET", ["devices"] | ["statistics", "devices"]) => Some(&["RegistryRead"]),
        ("GET", ["devices", _]) => Some(&["RegistryRead", "RegistryWrite"]),
        ("PUT" | "DELETE", ["devices", _]) => Some(&["RegistryWrite"]),
        _ => None,
    }
}
