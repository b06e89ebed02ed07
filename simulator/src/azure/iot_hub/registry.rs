//! IoT Hub's data plane: the device registry, twins, and what devices send.

pub(crate) mod authorization;
pub(crate) mod bulk;
pub(crate) mod devices;
pub(crate) mod errors;
pub(crate) mod query;
pub(crate) mod twins;

use jiff::{SignedDuration, Timestamp};

use crate::azure::iot_hub::connections::Connection;
use crate::azure::iot_hub::hub::{HOST_SUFFIX, HubState};
use crate::azure::iot_hub::registry::errors::refused;
use crate::azure::iot_hub::telemetry::{Telemetry, Transport};
use crate::azure::iot_hub::twin::TwinWrite;
use crate::azure::microsoft_devices::network::{Side, lets_in};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// Answers a request to `{hub}.azure-devices.net`.
pub(crate) fn answer(azure: &mut Azure, request: &Request, now: Timestamp) -> Response {
    route(azure, request, now).unwrap_or_else(|refusal| refusal)
}

fn route(azure: &mut Azure, request: &Request, now: Timestamp) -> Outcome {
    let name = hub_of(azure, request)?;
    if request.parameter("api-version").is_none_or(str::is_empty) {
        return Err(refused(400, "InvalidProtocolVersion", "The api-version is missing."));
    }
    let folded = request.folded();
    let segments: Vec<&str> = folded.iter().map(String::as_str).collect();
    // Ids keep their case.
    let id = request.segments.get(1).map_or("", String::as_str);
    if let ["devices", _, "messages", "events"] = segments.as_slice()
        && request.method == http::Method::POST
    {
        authorization::device(azure, &name, id, request, now)?;
        return Ok(take_message(azure, of_request(&name, request, id, now)));
    }
    let rights = rights_for(request.method.as_str(), &segments).ok_or_else(|| {
        let text = format!("Nothing simulates {} {}.", request.method, request.path);
        refused(404, "ResourceNotFound", &text)
    })?;
    authorization::service(azure, &name, request, now, rights)?;
    if segments.first() != Some(&"twins") {
        count(azure, &name, now)?;
    }
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["devices"]) => bulk::apply(azure, &name, request, now),
        ("POST", _) => query::answer(azure, &name, request),
        ("GET", ["devices"]) => Ok(devices::list(azure, &name, request)),
        ("GET", ["devices", _]) => devices::get(azure, &name, id),
        ("PUT", ["devices", _]) => devices::put(azure, &name, id, request, now),
        ("DELETE", ["devices", _]) => devices::delete(azure, &name, id, request),
        ("GET", ["twins", _]) => twins::get(azure, &name, id),
        ("PATCH", ["twins", _]) => twins::write(azure, &name, id, request, TwinWrite::Patch, now),
        ("PUT", ["twins", _]) => twins::write(azure, &name, id, request, TwinWrite::Replace, now),
        _ => Ok(devices::statistics(azure, &name)),
    }
}

/// Lets a device connect over MQTT.
pub(crate) fn connect(azure: &mut Azure, request: &Request, device: &str, now: Timestamp) -> Result<Connection, Response> {
    let name = hub_of(azure, request)?;
    let proof = authorization::device(azure, &name, device, request, now)?;
    azure.connect(&name, device, proof).ok_or_else(|| refused(404, "DeviceNotFound", "The device does not exist"))
}

/// The name of the hub that is called.
fn hub_of(azure: &Azure, request: &Request) -> Result<String, Response> {
    let name = request.host.strip_suffix(HOST_SUFFIX.of(azure.options.cloud)).unwrap_or_default();
    let hub = azure.hubs().get(name).filter(|hub| hub.resource.phase.serves());
    let hub = hub.ok_or_else(|| refused(404, "IotHubNotFound", &format!("There is no hub {}.", request.host)))?;
    // A hub's rules are for everybody: it does not tell devices from services.
    if !lets_in(&hub.properties, Side::Service, request.peer.address, &azure.options.private_networks) {
        return Err(refused(401, "IotHubUnauthorizedAccess", "Unauthorized"));
    }
    Ok(name.to_owned())
}

/// A message as the device API takes it, its own properties in headers.
fn of_request(hub: &str, request: &Request, device: &str, now: Timestamp) -> Telemetry {
    let properties = request.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("iothub-app-")?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    Telemetry {
        hub: hub.to_owned(),
        device: device.to_owned(),
        when: now,
        transport: Transport::Https,
        properties: properties.collect(),
        bytes: request.bytes.len(),
    }
}

/// Takes a device-to-cloud message, whatever it says.
pub(crate) fn take_message(azure: &mut Azure, message: Telemetry) -> Response {
    if let Some(hub) = azure.hubs_mut().get_mut(&message.hub) {
        hub.messages += 1;
        if let Some(device) = hub.devices.get_mut(&message.device) {
            device.messages += 1;
            device.last_activity = Some(message.when);
        }
    }
    azure.parts.get_mut::<HubState>().telemetry.push(message);
    Response::new(204)
}

fn count(azure: &mut Azure, name: &str, now: Timestamp) -> Result<(), Response> {
    let per_unit = azure.options.limits.registry_operations_per_unit;
    let counted = azure.hubs_mut().get_mut(name).map_or(Ok(()), |hub| {
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
        ("GET" | "PATCH" | "PUT", ["twins", _]) => Some(&["ServiceConnect"]),
        ("POST", ["devices", "query"]) => Some(&["RegistryRead", "ServiceConnect"]),
        ("GET", ["devices"] | ["statistics", "devices"]) => Some(&["RegistryRead"]),
        ("GET", ["devices", _]) => Some(&["RegistryRead", "RegistryWrite"]),
        ("POST", ["devices"]) | ("PUT" | "DELETE", ["devices", _]) => Some(&["RegistryWrite"]),
        _ => None,
    }
}
