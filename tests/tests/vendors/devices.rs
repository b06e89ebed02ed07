//! A device with `azure-iot-device`, over MQTT at its own port.

use moorage_simulator::{MqttDoor, Options, Transport};
use moorage_tests::controlplane::block_on;
use moorage_tests::stage::{SOON, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::place::Place;

const DEVICE: &str = "contoso-simdevice-east";
const HUB: &str = "contoso-east-hub";

/// Once the device has reported, a service wishes something of it.
async fn wish(place: &Place) -> anyhow::Result<()> {
    let path = format!("/twins/{DEVICE}");
    until("the device has reported", SOON, || async {
        let twin = place.hub_call(HUB, "GET", &path, None).await.map_err(NotYet::seen)?;
        if twin["properties"]["reported"]["firmware"] == "1.2" { Ok(()) } else { Err(NotYet::seen(&twin)) }
    })
    .await?;
    place.hub_call(HUB, "PATCH", &path, Some(json!({ "properties": { "desired": { "interval": 30 } } }))).await?;
    Ok(())
}

#[test]
fn a_device_registers_and_talks_to_its_hub_with_nothing_but_its_secret() -> anyhow::Result<()> {
    block_on(async {
        let mut place = Place::ready_in("vendorsdevice", Options { mqtt: MqttDoor::Anywhere, ..cloud_options() }).await?;
        let address = place.stage.cloud().mqtt_address().expect("the port of MQTT is open");
        place.vendors = place.vendors.with("SIMULATOR", &address.to_string());
        let mounted = tempdir()?;
        for (entry, value) in place.stage.secret(&place.example.namespace("contoso"), DEVICE).await? {
            std::fs::write(mounted.path().join(entry), value)?;
        }

        let directory = mounted.path().to_string_lossy();
        let arguments = [&*directory, "IOTHUB_DEVICE_KEY"];
        let (told, wished) = tokio::join!(place.vendors.run("device.py", &arguments), wish(&place));
        let (told, ()) = (told?, wished?);
        let expected = json!({
            "stranger": ["CredentialError", null, null],
            "assigned": ["initialAssignment", format!("{HUB}.azure-devices.net"), DEVICE],
            "twin": { "desired": { "$version": 1 }, "reported": { "$version": 1 } },
            "wish": { "interval": 30, "$version": 2 },
        });
        assert_eq!(told, expected);

        let telemetry: Vec<Value> =
            place.stage.cloud().telemetry().iter().map(|one| json!([one.hub, one.device, one.properties, one.bytes])).collect();
        let properties = json!([["$.ct", "application/json"], ["$.ce", "utf-8"], ["level", "high"]]);
        assert_eq!(telemetry, [json!([HUB, DEVICE, properties, 21])]);
        assert!(place.stage.cloud().telemetry().iter().all(|one| one.transport == Transport::Mqtt));
        place.end().await
    })
}
