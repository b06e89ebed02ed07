//! Deletions of others that are to be held up.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

use crate::attacker::ATTACKER;

/// Objects that refer to the platform's without a grant, with our finalizer in them from the start.
fn holders(platform: &str, namespace: &str) -> [Value; 2] {
    let metadata = json!({ "namespace": namespace, "name": "hold", "finalizers": ["moorage.dev/cloud"] });
    let account = json!({ "name": "azure", "namespace": platform });
    let object =
        |kind: &str, spec: Value| json!({ "apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec });
    [
        object(
            "TenantHubGroup",
            json!({
                "accountRef": account, "provisioningServiceRef": { "name": "contoso-dps", "namespace": platform },
                "resourceGroup": { "name": "not-granted" }, "hubs": [{ "name": "fabrikam-hold-hub", "location": "westeurope" }],
                "deletionPolicy": "Delete",
            }),
        ),
        object(
            "ProvisioningService",
            json!({
                "accountRef": account, "resourceGroup": "not-granted", "name": "fabrikam-hold-dps", "location": "westeurope",
            }),
        ),
    ]
}

#[test]
fn the_platforms_objects_kept_by_references_and_a_finalizer_of_ours() -> anyhow::Result<()> {
    block_on(async {
        // No tenant has anything of its own but what is to hold the platform's up.
        let tenants = Tenants::begun("heldup", cloud_options(), |example| {
            example.objects_mut().retain(|object| {
                ["Namespace", "Secret", "CloudAccount", "ProvisioningService"].contains(&object["kind"].as_str().unwrap_or_default())
            });
            let holders = holders(&example.namespace("platform"), &example.namespace(ATTACKER));
            example.objects_mut().extend(holders);
        })
        .await?;
        let platform = tenants.example.namespace("platform");
        tenants.until("ProvisioningService", "platform", "contoso-dps", "Ready", "Ready").await?;
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
