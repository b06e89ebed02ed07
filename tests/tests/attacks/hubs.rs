//! Another tenant's hubs, and the devices in them.

use moorage_tests::controlplane::block_on;
use moorage_tests::tenants::{EAST, Tenants};
use serde_json::{Value, json};

use crate::attacker::{Attack, VICTIM};

const HUB: &str = "contoso-east-hub";

fn has_identity(tenants: &Tenants, hub: &str, device: &str) -> bool {
    tenants.harness.cloud().seed(|azure| azure.device(hub, device)).is_some()
}

/// A provisioning service of the attacker's own.
fn own_service() -> Value {
    json!({
        "accountRef": { "name": "azure", "namespace": "platform" },
        "resourceGroup": "fabrikam-rg",
        "name": "fabrikam-own-dps",
        "location": "westeurope",
    })
}

#[test]
fn a_device_in_another_tenants_hub_deleted_with_that_tenants_key() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("evict").await?;
        let (assigned, _) =
            attack.tenants.device(VICTIM, "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        assert!(assigned.starts_with(HUB), "{assigned}");
        // A service of its own, where ids are its own, and a group that names the other's hubs.
        let (platform, victims) = (attack.tenants.example.namespace("platform"), attack.tenants.example.namespace(VICTIM));
        let mut service = own_service();
        service["accountRef"]["namespace"] = platform.into();
        attack.create("ProvisioningService", "own", &service).await?;
        let namespace = attack.namespace();
        attack.tenants.harness.until_condition("ProvisioningService", &namespace, "own", "Ready", "Ready").await?;
        let group = json!({
            "provisioningServiceRef": { "name": "own" },
            "tenantHubGroupRef": { "name": "contoso-us", "namespace": victims },
            "attestation": { "symmetricKey": {} },
        });
        attack.create("EnrollmentGroup", "press", &group).await?;
        let sentence = attack.until_refused("EnrollmentGroup", "press", "DependencyMissing").await?;
        assert!(sentence.contains("does not have its hubs linked"), "{sentence}");
        let credential = json!({
            "enrollmentGroupRef": { "name": "press" }, "registrationId": "contoso-simdevice-east", "deletionPolicy": "Deprovision",
        });
        attack.create("DeviceCredential", "evict", &credential).await?;
        attack.until_refused("DeviceCredential", "evict", "DependencyNotReady").await?;
        // As the owner of the object it may write our finalizer itself.
        attack.patch("DeviceCredential", "evict", &json!({ "metadata": { "finalizers": ["moorage.dev/cloud"] } })).await?;
        attack.delete("DeviceCredential", "evict").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        assert!(has_identity(&attack.tenants, HUB, "contoso-simdevice-east"), "the victim's device is gone");
        attack.end().await
    })
}

#[test]
fn another_tenants_entries_in_the_ledger_struck_by_a_hub_of_the_same_name() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("strike").await?;
        let victims = attack.tenants.example.namespace(VICTIM);
        let device = json!({
            "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": { "namespace": victims, "name": "in-hub" },
            "spec": { "hubRef": { "name": "contoso-us", "hub": HUB }, "deletionPolicy": "Deprovision" },
        });
        attack.tenants.harness.kubectl(&["apply", "-f", "-"], &device.to_string()).await?;
        attack.tenants.harness.until_condition("DeviceCredential", &victims, "in-hub", "Ready", "Ready").await?;

        let platform = attack.tenants.example.namespace("platform");
        let hubs = json!({
            "accountRef": { "name": "azure", "namespace": platform },
            "resourceGroup": { "name": "fabrikam-other", "location": "westeurope" },
            "hubs": [{ "name": HUB, "location": "westeurope" }],
            "deletionPolicy": "Delete",
        });
        attack.create("TenantHubGroup", "same-name", &hubs).await?;
        attack.until_refused("TenantHubGroup", "same-name", "NameTaken").await?;
        attack.delete("TenantHubGroup", "same-name").await?;
        attack.tenants.harness.until_gone("TenantHubGroup", &attack.namespace(), "same-name").await?;

        // The victim's credential still knows its device, and takes it along when it goes.
        attack.tenants.annotate("DeviceCredential", VICTIM, "in-hub", "moorage.dev/sync-requested-at=1").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        attack.tenants.harness.until_condition("DeviceCredential", &victims, "in-hub", "Ready", "Ready").await?;
        attack.tenants.harness.kubectl(&["delete", "devcred", "in-hub", "-n", &victims, "--timeout=30s"], "").await?;
        assert!(!has_identity(&attack.tenants, HUB, "in-hub"));
        attack.end().await
    })
}
