//! Names that one object alone can have, held by those who were never granted them.

use moorage_tests::controlplane::block_on;
use moorage_tests::controlplane::shared;
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, cloud_options, fabrikam_s_past};
use moorage_tests::tenants::Tenants;
use serde_json::json;

use crate::attacker::{ATTACKER, VICTIM};

#[test]
fn a_registration_id_and_a_hub_kept_from_their_owner_by_older_objects() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "older")?;
        let harness = Harness::set(shared().await?, "older", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        // Before anybody else is there.
        let (platform, namespace) = (example.namespace("platform"), example.namespace(ATTACKER));
        let squatters = json!({ "apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": { "namespace": namespace, "name": "squat" },
                "spec": {
                    "enrollmentGroupRef": { "name": "contoso-us-devices", "namespace": platform }, "registrationId": "contoso-simdevice-east",
                },
            },
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "TenantHubGroup", "metadata": { "namespace": namespace, "name": "squat" },
                "spec": {
                    "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": { "name": "contoso-us-resource-group" },
                    "hubs": [{ "name": "contoso-east-hub", "location": "eastus" }],
                },
            },
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "ProvisioningService", "metadata": { "namespace": namespace, "name": "squat" },
                "spec": {
                    "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "platform-iot", "name": "contoso-dps",
                    "location": "eastus",
                },
            },
        ] });
        harness.kubectl(&["create", "-f", "-"], &squatters.to_string()).await?;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let tenants = Tenants::applied(harness, example, None).await?;
        for (kind, namespace, name) in [
            ("ProvisioningService", "platform", "contoso-dps"),
            ("TenantHubGroup", VICTIM, "contoso-us"),
            ("DeviceCredential", VICTIM, "contoso-simdevice-east"),
        ] {
            tenants.until(kind, namespace, name, "Ready", "Ready").await?;
        }
        for (kind, name) in [("ProvisioningService", "squat"), ("TenantHubGroup", "squat"), ("DeviceCredential", "squat")] {
            tenants.until(kind, ATTACKER, name, "Stalled", "NotGranted").await?;
        }
        tenants.end().await
    })
}

#[test]
fn the_adoption_of_a_hub_by_an_account_of_ones_own_that_cannot_sign_in() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "squat")?;
        let harness = Harness::set(shared().await?, "squat", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        // The example's tenants change sides: the hub that is adopted is fabrikam's.
        let namespace = example.namespace(VICTIM);
        let azure = json!({
            "tenantId": moorage_tests::harness::TENANT, "subscriptionId": moorage_tests::harness::SUBSCRIPTION,
            "clientSecret": { "clientId": moorage_tests::harness::CLIENT, "secretRef": { "name": "none", "key": "clientSecret" } },
        });
        let squatters = json!({ "apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "CloudAccount", "metadata": { "namespace": namespace, "name": "own" },
                "spec": { "azure": azure },
            },
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "TenantHubGroup", "metadata": { "namespace": namespace, "name": "squat" },
                "spec": {
                    "accountRef": { "name": "own" }, "resourceGroup": { "name": "fabrikam-rg" },
                    "hubs": [{ "name": "fabrikam-asia-hub", "location": "southeastasia", "adoption": "IfUnmanaged" }],
                },
            },
        ] });
        harness.kubectl(&["create", "-f", "-"], &squatters.to_string()).await?;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let tenants = Tenants::applied(harness, example, None).await?;
        tenants.until("TenantHubGroup", ATTACKER, "fabrikam-eu", "Ready", "Ready").await?;
        tenants.until("DeviceCredential", ATTACKER, "fabrikam-simdevice-eu", "Ready", "Ready").await?;
        tenants.end().await
    })
}
