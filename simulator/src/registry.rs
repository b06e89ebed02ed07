//! IoT Hub's data plane: the device registry, and messages that prove a device's key.

mod devices;
mod gate;

use jiff::Timestamp;
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
    let method = call.method.as_str();
    match (method, segments.as_slice()) {
        ("POST", ["devices", id, "messages", "events"]) => {
            gate::device(azure, &name, id, call, now)?;
            Ok(devices::message(azure, &name, id, now))
        }
        ("POST", ["devices", "query"]) => {
            gate::service(azure, &name, call, now, &["RegistryRead", "ServiceConnect"])?;
            devices::query(azure, &name, call)
        }
        ("GET", ["devices"]) => {
            gate::service(azure, &name, call, now, &["RegistryRead"])?;
            Ok(devices::list(azure, &name, call))
        }
        ("GET", ["statistics", "devices"]) => {
            gate::service(azure, &name, call, now, &["RegistryRead"])?;
            Ok(devices::statistics(azure, &name))
        }
        ("GET", ["devices", id]) => {
            gate::service(azure, &name, call, now, &["RegistryRead", "RegistryWrite"])?;
            devices::get(azure, &name, id)
        }
        ("PUT", ["devices", id]) => {
            gate::service(azure, &name, call, now, &["RegistryWrite"])?;
            devices::put(azure, &name, id, call, now)
        }
        ("DELETE", ["devices", id]) => {
            gate::service(azure, &name, call, now, &["RegistryWrite"])?;
            devices::delete(azure, &name, id, call)
        }
        _ => {
            let text = format!("Nothing simulates {method} {}.", call.path);
            Err(refused(404, "ResourceNotFound", &text))
        }
    }
}
