//! Devices of a world.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moorage_tests::device::Device;
use serde_json::Value;

use crate::case::{Ref, SERVICE, TENANTS};
use crate::cloud_view::Sight;
use crate::story::Story;

/// The entries of a device's Secret under their usual names; `None` if there is no Secret of ours.
pub fn entries(story: &Story<'_>, t: usize, d: usize) -> Option<BTreeMap<String, String>> {
    let secret = story.world.cluster.get("Secret", TENANTS[t], &story.secret_of(t, d))?;
    let device = story.get(Ref::Device(u8::try_from(t).ok()?, u8::try_from(d).ok()?))?;
    let renamed = device["spec"]["secret"]["keys"].as_object().cloned().unwrap_or_default();
    let usual = |name: &str| {
        let from = renamed.iter().find(|(_, to)| *to == name).map(|(from, _)| from.as_str());
        from.unwrap_or(name).to_owned()
    };
    let text = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok();
    secret["data"].as_object()?.iter().map(|(name, value)| Some((usual(name), text(value)?))).collect()
}

/// A device that knows nothing but these entries.
///
/// # Errors
/// If they make no device.
pub fn device(story: &Story<'_>, entries: BTreeMap<String, String>) -> Result<Device, String> {
    Device::new(entries, &story.world.network(), IpAddr::V4(Ipv4Addr::LOCALHOST)).map_err(|error| format!("{error:#}"))
}

/// Registers a device with what its Secret holds and nothing else; gives the hub that it is assigned to, and its name there.
///
/// # Errors
/// If there is no Secret, or the provisioning service refuses.
pub async fn register(story: &Story<'_>, t: usize, d: usize) -> Result<(String, String), String> {
    register_with(story, entries(story, t, d).ok_or("there is no Secret")?).await
}

/// The same with these entries.
///
/// # Errors
/// If they make no device, or the provisioning service refuses.
pub async fn register_with(story: &Story<'_>, entries: BTreeMap<String, String>) -> Result<(String, String), String> {
    let key = (!entries.contains_key("tls.crt")).then_some("deviceKey");
    device(story, entries)?.register(key, |_| ()).await.map_err(|error| format!("{error:#}"))
}

/// The hub that knows a device, and what it is called there: the one in which it is created, or to which it is assigned.
pub fn home(story: &Story<'_>, t: usize, d: usize) -> Option<(String, String)> {
    let (sight, id) = (Sight::of(&story.world.cloud), story.case.device_id(t, d));
    let hub = story.case.hub_of(t, d).or_else(|| sight.assigned(SERVICE, &story.case.registration_id(t, d)))?;
    sight.has_device(&hub, &id).then_some((hub, id))
}
