//! The sample device as a process of its own, in each region, with its Secret mounted.

use std::net::IpAddr;

use anyhow::ensure;
use moorage_simulator::Transport;
use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::process::Command;

use crate::binary::built;
use crate::certificates::wind;
use moorage_tests::tenants::{ASIA, EAST, EUROPE, Tenants, WEST};

/// A device of the example: its tenant, its name, the entry with its key, where it stands, and its hub.
type Sample = (&'static str, &'static str, &'static str, IpAddr, &'static str);

const SAMPLES: [Sample; 4] = [
    ("contoso", "contoso-simdevice-east", "IOTHUB_DEVICE_KEY", EAST, "contoso-east-hub"),
    ("contoso", "contoso-simdevice-west", "deviceKey", WEST, "contoso-west-hub"),
    ("fabrikam", "fabrikam-simdevice-eu", "deviceKey", EUROPE, "fabrikam-eu-hub"),
    ("fabrikam", "fabrikam-simdevice-asia", "deviceKey", ASIA, "fabrikam-asia-hub"),
];

/// Runs the program with a device's Secret, and gives the lines that it prints, each once.
async fn run(tenants: &Tenants, (tenant, name, key_entry, from, _): Sample, transport: &str) -> anyhow::Result<Vec<String>> {
    let (mounted, network) = (tempdir()?, tenants.harness.network());
    for (entry, value) in tenants.harness.secret(&tenants.example.namespace(tenant), name).await? {
        std::fs::write(mounted.path().join(entry), value)?;
    }
    let trusted = tempfile::NamedTempFile::new()?;
    std::fs::write(trusted.path(), network.ca_pem)?;
    let mut command = Command::new(built("moorage-sample-devices").await?);
    command.arg("--secret-dir").arg(mounted.path()).args(["--transport", transport, "--key-entry", key_entry]);
    command.arg("--ca-file").arg(trusted.path()).args(["--address", &network.address.to_string(), "--from", &from.to_string()]);
    let output = command.kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "{name} over {transport}: {}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect();
    // How often it has to ask is the cloud's affair.
    lines.dedup();
    Ok(lines)
}

#[test]
fn s0_7_the_sample_device_of_each_region_says_hello_to_its_nearest_hub_over_https_and_mqtt() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("samples").await?;
        let mut expected = Vec::new();
        for sample in SAMPLES {
            let (_, name, _, _, hub) = sample;
            let assigned = format!("ASSIGNED {hub}.azure-devices.net, deviceId {name}");
            let twin = r#"TWIN {"desired":{"$version":1},"reported":{"$version":1}}"#;
            assert_eq!(run(&tenants, sample, "https").await?, ["CONNECTED", "ASSIGNING", &assigned, "SENT"]);
            assert_eq!(run(&tenants, sample, "mqtt").await?, ["CONNECTED", "ASSIGNING", &assigned, "SENT", twin]);
            expected.extend([Transport::Https, Transport::Mqtt].map(|transport| json!([hub, name, transport, [["kind", "hello"]], 20])));
        }
        let telemetry = tenants.harness.cloud().telemetry();
        let telemetry: Vec<Value> =
            telemetry.iter().map(|one| json!([one.hub, one.device, one.transport, one.properties, one.bytes])).collect();
        assert_eq!(telemetry, expected);
        tenants.end().await
    })
}

#[test]
fn s0_7_the_sample_device_says_hello_with_a_certificate_in_place_of_a_key() -> anyhow::Result<()> {
    block_on(async {
        let tenants = wind("samplecert").await?;
        let sample = ("wind", "wind-turbine-1", "none", EAST, "wind-east-hub");
        let assigned = "ASSIGNED wind-east-hub.azure-devices.net, deviceId wind-turbine-1";
        assert_eq!(run(&tenants, sample, "https").await?, ["CONNECTED", "ASSIGNING", assigned, "SENT"]);
        let mut lines = run(&tenants, sample, "mqtt").await?;
        let twin = lines.pop().unwrap_or_default();
        assert_eq!(lines, ["CONNECTED", "ASSIGNING", assigned, "SENT"]);
        let twin: Value = serde_json::from_str(twin.trim_start_matches("TWIN "))?;
        assert_eq!(twin, json!({ "desired": { "reportEverySeconds": 60, "$version": 2 }, "reported": { "$version": 1 } }));
        assert_eq!(tenants.harness.cloud().telemetry().len(), 2);
        tenants.end().await
    })
}
