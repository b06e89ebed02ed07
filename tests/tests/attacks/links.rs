//! More links than a provisioning service grants: forgotten by who made them, or by hubs that are there and not linked.

use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

use crate::{attacker::Attack, leftovers::hubs};

/// The example in which the service grants the attacker one link more than the example has.
fn with_room_for_one(example: &mut Example) {
    let [contoso, fabrikam] = ["contoso", "fabrikam"].map(|tenant| example.namespace(tenant));
    let service = example.object_mut("ProvisioningService", "contoso-dps").expect("it is in the example");
    service["spec"]["grants"] = json!([{ "namespaces": [contoso] }, { "namespaces": [fabrikam], "maxHubs": 3 }]);
}

fn linked_to(service: Value, mut hubs: Value) -> Value {
    hubs["provisioningServiceRef"] = service;
    hubs
}

#[test]
fn links_that_the_next_object_of_a_name_does_not_know_of() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("forgottenlinks", cloud_options(), with_room_for_one).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let harness = &attack.tenants.harness;
        let service = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg", "name": "fabrikam-own-dps",
            "location": "westeurope",
        });
        attack.create("ProvisioningService", "own", &service).await?;
        harness.until_condition("ProvisioningService", &namespace, "own", "Ready", "Ready").await?;
        let shared = || json!({ "name": "contoso-dps", "namespace": platform });
        let first = |policy| hubs(&platform, "fabrikam-rg", &["fabrikam-first-hub"], policy);
        attack.create("TenantHubGroup", "first", &linked_to(shared(), first("Retain"))).await?;
        harness.until_condition("TenantHubGroup", &namespace, "first", "Ready", "Ready").await?;
        attack.delete("TenantHubGroup", "first").await?;
        harness.until_gone("TenantHubGroup", &namespace, "first").await?;
        for spec in [linked_to(json!({ "name": "own" }), first("Retain")), first("Delete")] {
            attack.create("TenantHubGroup", "first", &spec).await?;
            let sentence = attack.until_refused("TenantHubGroup", "first", "AlreadyExists").await?;
            assert!(sentence.contains("is linked to ProvisioningService"), "{sentence}");
            let let_go = json!({ "metadata": { "annotations": { "moorage.dev/orphan": "true" } } });
            let leaves = spec["deletionPolicy"] == "Delete";
            if leaves {
                attack.patch("TenantHubGroup", "first", &let_go).await?;
            }
            attack.delete("TenantHubGroup", "first").await?;
            harness.until_gone("TenantHubGroup", &namespace, "first").await?;
        }
        attack.create("TenantHubGroup", "first", &first("Delete")).await?;
        attack.until_refused("TenantHubGroup", "first", "AlreadyExists").await?;
        // It was let go, and takes its room still.
        let second = hubs(&platform, "fabrikam-rg", &["fabrikam-second-hub"], "Retain");
        attack.create("TenantHubGroup", "second", &linked_to(shared(), second)).await?;
        let sentence = attack.until_refused("TenantHubGroup", "second", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        assert_eq!(attack.tenants.snapshot().matches("  link fabrikam-first-hub").count(), 1, "{}", attack.tenants.snapshot());
        attack.end().await
    })
}

#[test]
fn links_of_hubs_that_were_there_before_they_asked_for_them() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("latelinks", cloud_options(), with_room_for_one).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let harness = &attack.tenants.harness;
        let names = ["older", "younger"];
        for name in names {
            let hub = format!("fabrikam-{name}-hub");
            attack.create("TenantHubGroup", name, &hubs(&platform, "fabrikam-rg", &[&hub], "Delete")).await?;
            harness.until_condition("TenantHubGroup", &namespace, name, "Ready", "Ready").await?;
            // Ages are told in seconds.
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        }
        let link = json!({ "spec": { "provisioningServiceRef": { "name": "contoso-dps", "namespace": platform } } });
        attack.patch("TenantHubGroup", "younger", &link).await?;
        harness.until_at_rest(&attack.tenants.operator).await?;
        harness.until_condition("TenantHubGroup", &namespace, "younger", "Ready", "Ready").await?;
        attack.patch("TenantHubGroup", "older", &link).await?;
        attack.until_refused("TenantHubGroup", "older", "QuotaExceeded").await?;
        harness.until_at_rest(&attack.tenants.operator).await?;
        assert!(!attack.tenants.snapshot().contains("  link fabrikam-older-hub"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}
