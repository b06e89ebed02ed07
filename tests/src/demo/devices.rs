//! The simulated devices: each knows what its Secret holds, and stands in a region.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::cloud::Cloud;
use super::fact::Fact;
use super::printer::Printer;
use super::setting::Setting;
use super::watcher::{Key, Seen};
use crate::device::{Device, Step};
use crate::harness::cloud_options;

/// Where each device of the examples stands in the simulated network.
const PLACES: [(&str, Ipv4Addr); 4] = [
    ("contoso-simdevice-east", Ipv4Addr::new(127, 0, 1, 1)),
    ("contoso-simdevice-west", Ipv4Addr::new(127, 0, 2, 1)),
    ("fabrikam-simdevice-eu", Ipv4Addr::new(127, 0, 3, 1)),
    ("fabrikam-simdevice-asia", Ipv4Addr::new(127, 0, 4, 1)),
];

/// Checks that the devices' addresses can be used on this machine.
///
/// # Errors
/// Names the address and the remedy.
pub(super) fn places_can_be_had() -> anyhow::Result<()> {
    for (device, address) in PLACES {
        let bound = TcpListener::bind((address, 0));
        bound.with_context(|| {
            format!("{device} stands at the loopback address {address}, which this machine lacks: on macOS, `sudo ifconfig lo0 alias {address}` adds it")
        })?;
    }
    Ok(())
}

/// Registers every device of the credentials, and sends a message from each to its hub.
///
/// # Errors
/// A device is refused, or gets another hub than its tenant's in its own region.
pub(super) async fn register(setting: &Setting, seen: &Seen, cloud: &Cloud, voice: &mut Printer) -> anyhow::Result<Vec<Fact>> {
    let mut registered = Vec::new();
    for (key, credential) in seen.of_kind("DeviceCredential") {
        let told = one(setting, key, credential, voice).await.with_context(|| format!("device {}", key.name))?;
        if let Fact::Device { hub, region, .. } = &told {
            let hub = cloud.hubs.iter().find(|one| one.has_host(hub)).with_context(|| format!("{hub} is no hub of the cloud"))?;
            ensure!(hub.region == *region, "it stands in {region} and was assigned {} in {}", hub.name, hub.region);
        }
        registered.push(told);
    }
    Ok(registered)
}

async fn one(setting: &Setting, key: &Key, credential: &Value, voice: &mut Printer) -> anyhow::Result<Fact> {
    let (address, region) = place(&key.name)?;
    let secret = setting.harness.secret(&key.namespace, &key.name).await?;
    let key_entry = credential["spec"]["secret"]["keys"]["deviceKey"].as_str().unwrap_or("deviceKey").to_owned();
    // A device that was given a token needs no key to register.
    let with_token = secret.contains_key("dpsToken");
    let proof = if with_token { "dpsToken".to_owned() } else { key_entry.clone() };
    let device = Device::new(secret, &setting.harness.network(), address)?;
    let mut steps: Vec<Step> = Vec::new();
    let assigned = device.register((!with_token).then_some(key_entry.as_str()), |step| steps.push(step.clone())).await;
    steps.dedup();
    tell(&key.name, &steps, voice);
    let (hub, device_id) = assigned?;
    device.send_telemetry(&hub, &device_id, &key_entry).await?;
    let telemetry = "accepted";
    Ok(Fact::Device { name: key.name.clone(), address: address.to_string(), region, proof, hub, device_id, telemetry })
}

fn tell(device: &str, steps: &[Step], voice: &mut Printer) {
    let path: Vec<_> = steps.iter().map(Step::to_string).collect();
    voice.prose(&format!("  {device}\n    {}", path.join(" → ")));
    for step in path {
        voice.note(&Fact::Step { device: device.to_owned(), step });
    }
}

/// A device's address, and the region next to it.
fn place(device: &str) -> anyhow::Result<(IpAddr, String)> {
    let found = PLACES.iter().find(|(name, _)| *name == device);
    let Some((_, address)) = found else { bail!("nobody said where it stands") };
    let address = IpAddr::V4(*address);
    let network = cloud_options().networks.into_iter().find(|network| network.contains(address));
    Ok((address, network.with_context(|| format!("no region is next to {address}"))?.region))
}
