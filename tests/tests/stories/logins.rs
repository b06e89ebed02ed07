//! The connection string of a device that registers: there when its hub holds the key that it is made with, and at no other time.

use jiff::SignedDuration;
use moorage_simulator::{Options, Reregistration, Variants};
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use serde_json::json;

use crate::devices::{HUB, device, entry, mills, register, until_changed};
use moorage_tests::tenants::{Tenants, WEST};

fn cloud(reregistration: Reregistration) -> Options {
    Options { variants: Variants { reregistration, ..Variants::default() }, ..cloud_options() }
}

/// Long enough for the registrations to be read again.
async fn later(tenants: &Tenants) -> anyhow::Result<()> {
    tenants.harness.cloud().advance(SignedDuration::from_mins(2)).await?;
    tenants.harness.until_at_rest(&tenants.operator).await
}

#[test]
fn a_connection_string_comes_with_the_registration_and_follows_the_device_to_another_hub() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("login", cloud_options()).await?;
        later(&tenants).await?;
        assert_eq!(entry(&tenants, "mill-1", "connectionString").await?, None);
        let asked = tenants.harness.cloud().requests().iter().filter(|one| one.path.starts_with("/devices/mill-1")).count();
        assert_eq!(asked, 0, "a device that has not registered is in no hub");

        register(&tenants, "mill-1").await?;
        later(&tenants).await?;
        let ready = tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        assert_eq!((&ready["status"]["assignedHub"]["hub"], &ready["status"]["assignedHub"]["deviceId"]), (&json!(HUB), &json!("mill-1")));
        let mill = device(&tenants, "mill-1").await?;
        mill.send_by_connection_string().await?;
        mill.send_by_token(HUB, "mill-1").await?;

        let first = entry(&tenants, "mill-1", "connectionString").await?;
        tenants.device("mills", "mill-1", WEST).await?.register(Some("deviceKey"), |_| {}).await?;
        later(&tenants).await?;
        let second = until_changed(&tenants, "mill-1", "connectionString", first.as_ref()).await?;
        assert!(second.is_some_and(|text| text.starts_with("HostName=mills-west-hub.azure-devices.net;DeviceId=mill-1;")));
        tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        device(&tenants, "mill-1").await?.send_by_connection_string().await?;

        // One look at the identity for each registration, and none for each reading of the list.
        for _ in 0..5 {
            later(&tenants).await?;
        }
        let looks = tenants.harness.cloud().requests().iter().filter(|one| one.method == "GET" && one.path == "/devices/mill-1").count();
        assert_eq!(looks, 2);
        tenants.end().await
    })
}

/// Gives a device that has registered keys of its own, and has it register again with them.
async fn with_keys_of_its_own(tenants: &Tenants) -> anyhow::Result<()> {
    register(tenants, "mill-1").await?;
    later(tenants).await?;
    tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
    let before = entry(tenants, "mill-1", "deviceKey").await?;
    tenants.patch("DeviceCredential", "mills", "mill-1", &json!({ "spec": { "individualEnrollment": {} } })).await?;
    until_changed(tenants, "mill-1", "deviceKey", before.as_ref()).await?;
    later(tenants).await?;
    // The hub holds the derived key, and the Secret another one.
    assert_eq!(entry(tenants, "mill-1", "connectionString").await?, None);
    tenants.until("DeviceCredential", "mills", "mill-1", "Reconciling", "AwaitingRegistration").await?;
    register(tenants, "mill-1").await?;
    later(tenants).await
}

#[test]
fn a_connection_string_comes_back_when_a_new_registration_has_brought_the_hub_the_new_key() -> anyhow::Result<()> {
    block_on(async {
        for (story, variant) in [("loginboth", Reregistration::BothKeys), ("loginused", Reregistration::KeyUsed)] {
            let tenants = mills(story, cloud(variant)).await?;
            with_keys_of_its_own(&tenants).await?;
            tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
            device(&tenants, "mill-1").await?.send_by_connection_string().await?;
            tenants.end().await?;
        }
        Ok(())
    })
}

#[test]
fn a_hub_that_keeps_the_former_key_gets_the_new_one_when_the_registration_is_ended_by_request() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("loginkept", cloud(Reregistration::NothingUnlessMoved)).await?;
        with_keys_of_its_own(&tenants).await?;
        let waits = tenants.until("DeviceCredential", "mills", "mill-1", "Reconciling", "AwaitingRegistration").await?;
        let message = waits["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains("still holds another key of device mill-1") && message.contains("reprovision-requested-at"), "{message}");
        assert_eq!(entry(&tenants, "mill-1", "connectionString").await?, None);

        tenants.annotate("DeviceCredential", "mills", "mill-1", "moorage.dev/reprovision-requested-at=now").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        register(&tenants, "mill-1").await?;
        later(&tenants).await?;
        tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        device(&tenants, "mill-1").await?.send_by_connection_string().await?;
        tenants.end().await
    })
}
