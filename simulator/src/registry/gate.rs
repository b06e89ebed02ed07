//! Who may use a hub's data plane.

use jiff::Timestamp;

use super::refused;
use crate::azure::{Azure, Device, Hub, Policy};
use crate::exchange::{Answer, Call};
use crate::sas::Signature;

/// The audience of bearer tokens for hubs.
const AUDIENCE: &str = "https://iothubs.azure.net";

fn unauthorized(text: &str) -> Answer {
    refused(401, "IotHubUnauthorizedAccess", text)
}

fn signature(call: &Call, now: Timestamp) -> Result<Signature, Answer> {
    let signature = call.header("authorization").and_then(Signature::parse).ok_or_else(|| unauthorized("Unauthorized"))?;
    if signature.expired(now) {
        return Err(unauthorized("The signature has expired"));
    }
    Ok(signature)
}

fn signed_by<'a>(hub: &'a Hub, signature: &Signature) -> Option<&'a Policy> {
    let policy = hub.policy(signature.policy.as_deref()?)?;
    [&policy.primary, &policy.secondary].iter().any(|key| signature.made_with(key)).then_some(policy)
}

/// Checks a service's call; one of the rights is enough.
pub(super) fn service(azure: &mut Azure, name: &str, call: &Call, now: Timestamp, rights: &[&str]) -> Result<(), Answer> {
    let hub = &azure.hubs[name];
    if let Some(text) = call.bearer() {
        let token = azure.directory.token(text).filter(|token| token.resource == AUDIENCE).ok_or_else(|| unauthorized("Unauthorized"))?;
        let subscription = azure.directory.subscription(&hub.resource.subscription);
        if subscription.is_some_and(|there| azure.directory.allows(token, there)) {
            return Ok(());
        }
        return Err(unauthorized("The principal holds no role here"));
    }
    if hub.switched_on("disableLocalAuth") {
        return Err(unauthorized("Local authentication is disabled"));
    }
    let signature = signature(call, now)?;
    if !signature.covers(&format!("{}/{}", hub.host(), call.segments.join("/"))) {
        return Err(unauthorized("The signature is for another resource"));
    }
    let policy = signed_by(hub, &signature).ok_or_else(|| unauthorized("Unauthorized"))?;
    if !rights.iter().any(|right| policy.grants(right)) {
        return Err(unauthorized("The policy lacks the right"));
    }
    azure.keyring.keep(signature.sig);
    Ok(())
}

/// Checks a device's call: its own key, either of the two, or a policy with `DeviceConnect`.
pub(super) fn device(azure: &mut Azure, name: &str, id: &str, call: &Call, now: Timestamp) -> Result<(), Answer> {
    let hub = &azure.hubs[name];
    if hub.switched_on("disableLocalAuth") || hub.switched_on("disableDeviceSAS") {
        return Err(unauthorized("Local authentication is disabled"));
    }
    let signature = signature(call, now)?;
    if !signature.covers(&format!("{}/devices/{id}", hub.host())) {
        return Err(unauthorized("The signature is for another resource"));
    }
    let device = hub.devices.get(id);
    let proved = match signature.policy {
        Some(_) => signed_by(hub, &signature).is_some_and(|policy| policy.grants("DeviceConnect")),
        None => device.is_some_and(|device: &Device| signature.made_with(&device.primary) || signature.made_with(&device.secondary)),
    };
    if !proved {
        return Err(unauthorized("Unauthorized"));
    }
    if !device.is_some_and(|device| device.enabled) {
        return Err(refused(403, "DeviceDisabled", "The device is not enabled"));
    }
    azure.keyring.keep(signature.sig);
    Ok(())
}
