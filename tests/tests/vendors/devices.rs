//! A device with `azure-iot-device`, over MQTT at its own port.

use moorage_simulator::{MqttListener, Options, Transport};
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::place::Place;

/// A device of an example.
struct Device {
    tenant: &'static str,
    name: &'static str,
    hub: &'static str,
}

/// Once the device has reported, a service wishes something of it.
async fn wish(place: &Place, device: &Device) -> anyhow::Result<()> {
    let path = format!("/twins/{}", device.name);
    until("the device has reported", SOON, || async {
        let twin = place.hub_call(device.hub, "GET", &path, None).await.map_err(NotYet::seen)?;
        if twin["properties"]["reported"]["firmware"] == "1.2" { Ok(()) } else { Err(NotYet::seen(&twin)) }
    })
    .await?;
    place.hub_call(device.hub, "PATCH", &path, Some(json!({ "properties": { "desired": { "interval": 30 } } }))).await?;
    Ok(())
}

/// Runs the device with its Secret and something that is wished of it, checks what came of it in the cloud, and gives what it tells.
async fn live(mut place: Place, device: &Device, key_entry: &[&str]) -> anyhow::Result<Value> {
    let address = place.harness.cloud().mqtt_address().expect("the port of MQTT is open");
    place.vendors = place.vendors.with("SIMULATOR", &address.to_string());
    let mounted = tempdir()?;
    for (entry, value) in place.harness.secret(&place.example.namespace(device.tenant), device.name).await? {
        std::fs::write(mounted.path().join(entry), value)?;
    }
    let directory = mounted.path().to_string_lossy();
    let arguments: Vec<&str> = std::iter::once(&*directory).chain(key_entry.iter().copied()).collect();
    let (told, wished) = tokio::join!(place.vendors.run("device.py", &arguments), wish(&place, device));
    let (told, ()) = (told?, wished?);

    let telemetry: Vec<Value> =
        place.harness.cloud().telemetry().iter().map(|one| json!([one.hub, one.device, one.properties, one.bytes])).collect();
    let properties = json!([["$.ct", "application/json"], ["$.ce", "utf-8"], ["level", "high"]]);
    assert_eq!(telemetry, [json!([device.hub, device.name, properties, 21])]);
    assert!(place.harness.cloud().telemetry().iter().all(|one| one.transport == Transport::Mqtt));
    place.end().await?;
    Ok(told)
}

#[test]
fn a_device_registers_and_talks_to_its_hub_with_nothing_but_its_secret() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready_in("vendorsdevice", Options { mqtt: MqttListener::Anywhere, ..cloud_options() }).await?;
        let device = Device { tenant: "contoso", name: "contoso-simdevice-east", hub: "contoso-east-hub" };
        let told = live(place, &device, &["IOTHUB_DEVICE_KEY"]).await?;
        let expected = json!({
            "stranger": ["CredentialError", null, null],
            "assigned": ["initialAssignment", "contoso-east-hub.azure-devices.net", "contoso-simdevice-east"],
            "twin": { "desired": { "$version": 1 }, "reported": { "$version": 1 } },
            "wish": { "interval": 30, "$version": 2 },
        });
        assert_eq!(told, expected);
        Ok(())
    })
}

#[test]
fn a_device_does_the_same_with_the_certificate_of_its_secret() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::by_certificates("vendorscert").await?;
        let device = Device { tenant: "wind", name: "wind-turbine-1", hub: "wind-east-hub" };
        let told = live(place, &device, &[]).await?;
        let expected = json!({
            "stranger": ["ClientError", null, null],
            "assigned": ["initialAssignment", "wind-east-hub.azure-devices.net", "wind-turbine-1"],
            "twin": { "desired": { "reportEverySeconds": 60, "$version": 2 }, "reported": { "$version": 1 } },
            "wish": { "interval": 30, "$version": 3 },
        });
        assert_eq!(told, expected);
        Ok(())
    })
}
