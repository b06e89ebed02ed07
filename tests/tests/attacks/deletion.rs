//! Deletions of others that are to be held up.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::json;

use crate::attacker::ATTACKER;

#[test]
fn the_platforms_objects_kept_by_references_and_a_finalizer_of_ours() -> anyhow::Result<()> {
    block_on(async {
        // No tenant has anything of its own.
        let tenants = Tenants::ready_with("heldup", cloud_options(), |example| {
            example.objects_mut().retain(|object| {
                ["Namespace", "Secret", "CloudAccount", "ProvisioningService"].contains(&object["kind"].as_str().unwrap_or_default())
            });
        })
        .await?;
        let (platform, namespace) = (tenants.example.namespace("platform"), tenants.example.namespace(ATTACKER));
        let metadata = json!({ "namespace": namespace, "name": "hold", "finalizers": ["moorage.dev/cloud"] });
        let account = json!({ "name": "azure", "namespace": platform });
        let service = json!({ "name": "contoso-dps", "namespace": platform });
        let holders = json!({ "apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "TenantHubGroup", "metadata": metadata,
                "spec": {
                    "accountRef": account, "provisioningServiceRef": service, "resourceGroup": { "name": "not-granted" },
                    "hubs": [{ "name": "fabrikam-hold-hub", "location": "westeurope" }], "deletionPolicy": "Delete",
                },
            },
            {
                "apiVersion": "moorage.dev/v1alpha1", "kind": "ProvisioningService", "metadata": metadata,
                "spec": { "accountRef": account, "resourceGroup": "not-granted", "name": "fabrikam-hold-dps", "location": "westeurope" },
            },
        ] });
        tenants.harness.kubectl(&["create", "-f", "-"], &holders.to_string()).await?;
        for kind in ["TenantHubGroup", "ProvisioningService"] {
            tenants.until(kind, ATTACKER, "hold", "Stalled", "NotGranted").await?;
        }
        let uid = tenants.object("ProvisioningService", "platform", "contoso-dps").await?["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        tenants.annotate("ProvisioningService", "platform", "contoso-dps", &format!("moorage.dev/confirm-delete={uid}")).await?;
        for (kind, name) in [("ProvisioningService", "contoso-dps"), ("CloudAccount", "azure")] {
            tenants.harness.kubectl(&["delete", kind, name, "-n", &platform, "--wait=false"], "").await?;
        }
        for (kind, name) in [("ProvisioningService", "contoso-dps"), ("CloudAccount", "azure")] {
            tenants.harness.until_gone(kind, &platform, name).await?;
        }
        tenants.end().await
    })
}
