//! Who may use a hub's data plane.

use jiff::Timestamp;

use crate::azure::access::sas::Signature;
use crate::azure::clouds::Names;
use crate::azure::iot_hub::connections::Proof;
use crate::azure::iot_hub::hub::Hub;
use crate::azure::iot_hub::registry::errors::refused;
use crate::azure::microsoft_devices::policies::Policy;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};
use crate::engine::tls::client_certificates;

/// The audience of bearer tokens for hubs.
pub(crate) const AUDIENCE: Names =
    Names { public: "https://iothubs.azure.net", government: "https://iothubs.azure.us", china: "https://iothubs.azure.cn" };

fn unauthorized(text: &str) -> Response {
    refused(401, "IotHubUnauthorizedAccess", text)
}

fn signature(request: &Request, now: Timestamp) -> Result<Signature, Response> {
    let signature = request.header("authorization").and_then(Signature::parse).ok_or_else(|| unauthorized("Unauthorized"))?;
    if signature.expired(now) {
        return Err(unauthorized("The signature has expired"));
    }
    Ok(signature)
}

/// The policy that a signature names, with the one of its keys that made it.
fn signed_by<'a>(hub: &'a Hub, signature: &Signature) -> Option<(&'a Policy, &'a String)> {
    let policy = hub.policy(signature.policy.as_deref()?)?;
    let key = [&policy.primary, &policy.secondary].into_iter().find(|key| signature.made_with(key))?;
    Some((policy, key))
}

/// Checks a service's call; one of the rights is enough.
pub(crate) fn service(azure: &mut Azure, name: &str, request: &Request, now: Timestamp, rights: &[&str]) -> Result<(), Response> {
    let hub = &azure.hubs()[name];
    if let Some(text) = request.bearer() {
        return match azure.directory.admits(text, AUDIENCE.of(azure.options.cloud), &hub.resource.subscription) {
            Some(true) => Ok(()),
            Some(false) => Err(unauthorized("The principal holds no role here")),
            None => Err(unauthorized("Unauthorized")),
        };
    }
    if hub.switched_on("disableLocalAuth") {
        return Err(unauthorized("Local authentication is disabled"));
    }
    let signature = signature(request, now)?;
    if !signature.covers(&format!("{}/{}", hub.host(), request.segments.join("/"))) {
        return Err(unauthorized("The signature is for another resource"));
    }
    let (policy, _) = signed_by(hub, &signature).ok_or_else(|| unauthorized("Unauthorized"))?;
    if !rights.iter().any(|right| policy.grants(right)) {
        return Err(unauthorized("The policy lacks the right"));
    }
    azure.keyring.keep(signature.sig);
    Ok(())
}

/// Checks a device's call: by its own key, either of the two, by a policy with `DeviceConnect`, or by its certificate.
pub(crate) fn device(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Result<Proof, Response> {
    let hub = &azure.hubs()[name];
    let (proof, signature) = if request.header("authorization").is_none() && !request.peer.chain.is_empty() {
        (by_certificate(hub, id, request, now)?, None)
    } else {
        let signature = signature(request, now)?;
        (by_signature(hub, id, &signature)?, Some(signature.sig))
    };
    if !hub.devices.get(id).is_some_and(|device| device.enabled) {
        return Err(refused(403, "DeviceDisabled", "The device is not enabled"));
    }
    if let Some(sig) = signature {
        azure.keyring.keep(sig);
    }
    Ok(proof)
}

fn by_signature(hub: &Hub, id: &str, signature: &Signature) -> Result<Proof, Response> {
    if !hub.takes_device_signatures() {
        return Err(unauthorized("Local authentication is disabled"));
    }
    if !signature.covers(&format!("{}/devices/{id}", hub.host())) {
        return Err(unauthorized("The signature is for another resource"));
    }
    let until = signature.expiry();
    let proof = if signature.policy.is_some() {
        let made = signed_by(hub, signature).filter(|(policy, _)| policy.grants("DeviceConnect"));
        made.map(|(policy, key)| Proof::Policy { name: policy.name.clone(), key: key.clone(), until })
    } else {
        let keys = hub.devices.get(id).and_then(|device| device.authentication.keys());
        let key = keys.and_then(|keys| keys.into_iter().find(|key| signature.made_with(key)));
        key.map(|key| Proof::Key { key: key.clone(), until })
    };
    proof.ok_or_else(|| unauthorized("Unauthorized"))
}

fn by_certificate(hub: &Hub, id: &str, request: &Request, now: Timestamp) -> Result<Proof, Response> {
    let leaf = request.peer.chain.first().ok_or_else(|| unauthorized("Unauthorized"))?;
    client_certificates::in_time(leaf, now).map_err(|refusal| unauthorized(&refusal.to_string()))?;
    let thumbprints = client_certificates::thumbprints(leaf).to_vec();
    let known = hub.devices.get(id).is_some_and(|device| device.authentication.knows(&thumbprints));
    known.then_some(Proof::Certificate(thumbprints)).ok_or_else(|| unauthorized("Unauthorized"))
}
