//! What becomes of a device whose credential is deleted with `Deprovision`, or that is to register anew.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::SOON;
use moorage_tests::wait::{NotYet, until};
use serde_json::Value;

use crate::policies::presses;
use moorage_tests::tenants::{EAST, Tenants};

const HUB: &str = "presses-small-hub";

fn has_identity(tenants: &Tenants, hub: &str, device: &str) -> bool {
    tenants.harness.cloud().seed(|azure| azure.device(hub, device)).is_some()
}

fn has_record(tenants: &Tenants, device: &str) -> bool {
    tenants.snapshot().lines().any(|line| line.starts_with(&format!("  registration {device} ")))
}

async fn register(tenants: &Tenants, name: &str) -> anyhow::Result<String> {
    Ok(tenants.device("presses", name, EAST).await?.register(Some("deviceKey"), |_| {}).await?.0)
}

async fn delete(tenants: &Tenants, name: &str) -> anyhow::Result<()> {
    tenants.harness.kubectl(&["delete", "--wait=false", "devcred", name, "-n", &tenants.example.namespace("presses")], "").await.map(drop)
}

fn message(object: &Value) -> &str {
    object["status"]["conditions"][2]["message"].as_str().unwrap_or_default()
}

#[test]
fn s0_8_a_deprovisioned_device_is_disenrolled_and_its_identity_and_record_are_gone() -> anyhow::Result<()> {
    block_on(async {
        let tenants = presses("deprovision", &[("press-2", "presses-small")]).await?;
        for name in ["press-1", "press-2"] {
            register(&tenants, name).await?;
        }
        let device = tenants.device("presses", "press-1", EAST).await?;
        device.send_telemetry("presses-small-hub.azure-devices.net", "press-1", "deviceKey").await?;

        delete(&tenants, "press-1").await?;
        tenants.harness.until_gone("DeviceCredential", &tenants.example.namespace("presses"), "press-1").await?;
        assert_eq!((has_identity(&tenants, HUB, "press-1"), has_record(&tenants, "press-1")), (false, false));
        assert!(device.register(Some("deviceKey"), |_| {}).await.is_err());
        assert!(device.send_telemetry("presses-small-hub.azure-devices.net", "press-1", "deviceKey").await.is_err());
        assert_eq!((has_identity(&tenants, HUB, "press-2"), has_record(&tenants, "press-2")), (true, true));

        // Made anew, the credential lets its device in, which begins from nothing.
        tenants.harness.apply(&tenants.example).await?;
        tenants.harness.until_all_ready().await?;
        register(&tenants, "press-1").await?;
        assert!(has_identity(&tenants, HUB, "press-1"));
        tenants.end().await
    })
}

#[test]
fn a_device_in_a_hub_that_is_not_its_tenant_s_is_left_there_and_told_of() -> anyhow::Result<()> {
    block_on(async {
        let tenants = presses("elsewhere", &[]).await?;
        register(&tenants, "press-1").await?;
        // Somebody has moved it.
        tenants.harness.cloud().seed(|azure| azure.set_assigned_hub("presses-dps", "press-1", "fabrikam-asia-hub.azure-devices.net"));
        delete(&tenants, "press-1").await?;
        let stalled = tenants.until("DeviceCredential", "presses", "press-1", "Stalled", "NotGranted").await?;
        let sentence = message(&stalled);
        assert!(sentence.starts_with("the device is in a hub that is none of those") && !sentence.contains("fabrikam"), "{sentence}");
        let hubs_asked = tenants.harness.cloud().requests().iter().filter(|request| request.path.starts_with("/devices/")).count();
        assert_eq!(hubs_asked, 0);
        let patch = serde_json::json!({ "spec": { "deletionPolicy": "Disenroll" } });
        tenants.patch("DeviceCredential", "presses", "press-1", &patch).await?;
        tenants.harness.until_gone("DeviceCredential", &tenants.example.namespace("presses"), "press-1").await?;
        tenants.end().await
    })
}

#[test]
fn s0_8_a_device_registers_anew_when_that_is_asked_for_once_and_gets_the_hub_that_its_policy_gives_now() -> anyhow::Result<()> {
    block_on(async {
        let tenants = presses("reprovision", &[]).await?;
        assert_eq!(register(&tenants, "press-1").await?, "presses-small-hub.azure-devices.net");
        let patch = serde_json::json!({ "spec": { "hubs": ["presses-large-hub"] } });
        tenants.patch("EnrollmentGroup", "presses", "presses-small", &patch).await?;
        tenants.harness.until_all_ready().await?;
        assert!(has_identity(&tenants, HUB, "press-1"), "a live device is not moved because its group changes");

        let ask = async |token: &str| {
            tenants.annotate("DeviceCredential", "presses", "press-1", &format!("moorage.dev/reprovision-requested-at={token}")).await
        };
        let until_done = async |token: &str| {
            until("the request is told to be carried out", SOON, || async {
                let object =
                    tenants.object("DeviceCredential", "presses", "press-1").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
                if object["status"]["reprovisionRequestedAt"] == token { Ok(object) } else { Err(NotYet::seen(&object["status"])) }
            })
            .await
        };
        ask("monday").await?;
        let told = until_done("monday").await?;
        assert_eq!(told["status"]["revision"], 1, "its credential stays");
        assert_eq!((has_identity(&tenants, HUB, "press-1"), has_record(&tenants, "press-1")), (false, false));
        assert_eq!(register(&tenants, "press-1").await?, "presses-large-hub.azure-devices.net");

        // Neither a restart, nor a lost status, nor a lost Secret carries it out again.
        let namespace = tenants.example.namespace("presses");
        tenants
            .harness
            .kubectl(
                &["patch", "devcred", "press-1", "-n", &namespace, "--subresource=status", "--type=merge", "-p", r#"{"status":null}"#],
                "",
            )
            .await?;
        until_done("monday").await?;
        tenants.harness.kubectl(&["delete", "secret", "press-1", "-n", &namespace], "").await?;
        tenants.harness.until_all_ready().await?;
        until_done("monday").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!((has_identity(&tenants, "presses-large-hub", "press-1"), has_record(&tenants, "press-1")), (true, true));
        ask("tuesday").await?;
        until_done("tuesday").await?;
        assert_eq!((has_identity(&tenants, "presses-large-hub", "press-1"), has_record(&tenants, "press-1")), (false, false));
        tenants.end().await
    })
}
