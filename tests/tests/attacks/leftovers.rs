//! More than was granted by what was left behind: under another name of a resource group, by an account of one's own, or with no hub at all.

use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::harness::{SUBSCRIPTION, TENANT, cloud_options};
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

use crate::attacker::Attack;

/// A hub group of the attacker's in the platform's subscription, which may make its resource group.
pub fn hubs(platform: &str, resource_group: &str, names: &[&str], policy: &str) -> Value {
    let hubs: Vec<_> = names.iter().map(|name| json!({ "name": name, "location": "westeurope" })).collect();
    json!({
        "accountRef": { "name": "azure", "namespace": platform }, "deletionPolicy": policy, "hubs": hubs,
        "resourceGroup": { "name": resource_group, "location": "westeurope" },
    })
}

/// The example in which the account grants the attacker at most so many of something.
pub fn granting(field: &'static str, most: i32) -> impl Fn(&mut Example) {
    move |example| {
        let account = example.object_mut("CloudAccount", "azure").expect("it is in the example");
        account["spec"]["grants"][1][field] = json!(most);
    }
}

#[test]
fn a_hub_that_was_let_go_by_an_object_that_names_it_in_another_resource_group() -> anyhow::Result<()> {
    block_on(async {
        // Two of the three are the example's.
        let attack = Attack::of(Tenants::ready_with("letgoelsewhere", cloud_options(), granting("maxHubs", 3)).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let harness = &attack.tenants.harness;
        attack.create("TenantHubGroup", "first", &hubs(&platform, "fabrikam-rg1", &["fabrikam-first-hub"], "Retain")).await?;
        harness.until_condition("TenantHubGroup", &namespace, "first", "Ready", "Ready").await?;
        attack.patch("TenantHubGroup", "first", &json!({ "metadata": { "annotations": { "moorage.dev/orphan": "true" } } })).await?;
        attack.delete("TenantHubGroup", "first").await?;
        harness.until_gone("TenantHubGroup", &namespace, "first").await?;
        attack.create("TenantHubGroup", "first", &hubs(&platform, "fabrikam-tmp", &["fabrikam-first-hub"], "Delete")).await?;
        attack.until_refused("TenantHubGroup", "first", "NameTaken").await?;
        attack.delete("TenantHubGroup", "first").await?;
        harness.until_gone("TenantHubGroup", &namespace, "first").await?;

        attack.create("TenantHubGroup", "second", &hubs(&platform, "fabrikam-rg1", &["fabrikam-second-hub"], "Retain")).await?;
        let sentence = attack.until_refused("TenantHubGroup", "second", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        assert!(!attack.tenants.snapshot().contains("fabrikam-tmp"), "a resource group in which no hub can be made");
        attack.end().await
    })
}

#[test]
fn hubs_without_end_by_an_account_of_ones_own() -> anyhow::Result<()> {
    const OWN: &str = "99999999-2222-4222-8222-222222222222";
    const APP: &str = "99999999-3333-4333-8333-333333333333";
    block_on(async {
        let mut cloud = cloud_options();
        cloud.applications[0].subscriptions = Some(vec![SUBSCRIPTION.to_owned()]);
        let mut app = cloud.applications[0].clone();
        (app.client_id, app.client_secrets, app.subscriptions) = (APP.to_owned(), vec!["mine".to_owned()], Some(vec![OWN.to_owned()]));
        cloud.applications.push(app);
        let mut subscription = cloud.subscriptions[0].clone();
        subscription.id = OWN.to_owned();
        cloud.subscriptions.push(subscription);
        let attack = Attack::of(Tenants::ready_with("ownaccount", cloud, granting("maxHubs", 3)).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let harness = &attack.tenants.harness;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": namespace, "name": "own" }, "stringData": { "s": "mine" },
        });
        attack.kubectl(&["create", "-f", "-"], &secret.to_string()).await?;
        let proof = json!({ "clientId": APP, "secretRef": { "name": "own", "key": "s" } });
        let account = json!({ "azure": { "tenantId": TENANT, "subscriptionId": OWN, "clientSecret": proof } });
        attack.create("CloudAccount", "own", &account).await?;
        for round in ["round0", "round1"] {
            let hub = format!("fabrikam-{round}-hub");
            let mut spec = hubs(&platform, "fabrikam-rg9", &[&hub], "Retain");
            spec["accountRef"] = json!({ "name": "own" });
            attack.create("TenantHubGroup", round, &spec).await?;
            harness.until_condition("TenantHubGroup", &namespace, round, "Ready", "Ready").await?;
            harness.until_at_rest(&attack.tenants.operator).await?;
            // In its own subscription everybody may delete by hand.
            harness.cloud().seed(|azure| azure.delete_hub(&hub));
            let moved = json!({
                "spec": { "accountRef": { "name": "azure", "namespace": platform } },
                "metadata": { "annotations": { "moorage.dev/recreate": hub } },
            });
            attack.patch("TenantHubGroup", round, &moved).await?;
            harness.until_at_rest(&attack.tenants.operator).await?;
            let sentence = attack.until_refused("TenantHubGroup", round, "AlreadyExists").await?;
            assert!(sentence.contains("in another subscription or resource group"), "{sentence}");
            attack.delete("TenantHubGroup", round).await?;
            harness.until_gone("TenantHubGroup", &namespace, round).await?;
        }
        assert!(!attack.tenants.snapshot().contains("hub fabrikam-round"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}

#[test]
fn provisioning_services_without_end_by_leaving_them_behind() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("services", cloud_options(), granting("maxServices", 2)).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        for number in 0..3 {
            let name = format!("own-{number}");
            let service = json!({
                "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg",
                "name": format!("fabrikam-own-{number}"), "location": "westeurope",
            });
            attack.create("ProvisioningService", &name, &service).await?;
            if number == 2 {
                let sentence = attack.until_refused("ProvisioningService", &name, "QuotaExceeded").await?;
                assert!(sentence.contains("2 are there, or were left behind"), "{sentence}");
                break;
            }
            attack.tenants.harness.until_condition("ProvisioningService", &namespace, &name, "Ready", "Ready").await?;
            if number == 0 {
                // Under the same name, another one: the first would be forgotten.
                attack.delete("ProvisioningService", &name).await?;
                attack.tenants.harness.until_gone("ProvisioningService", &namespace, &name).await?;
                let mut next = service.clone();
                next["name"] = json!("fabrikam-next");
                attack.create("ProvisioningService", &name, &next).await?;
                attack.until_refused("ProvisioningService", &name, "AlreadyExists").await?;
            }
            if number == 1 {
                let orphan = json!({ "metadata": { "annotations": { "moorage.dev/orphan": "true" } } });
                attack.patch("ProvisioningService", &name, &orphan).await?;
            }
            attack.delete("ProvisioningService", &name).await?;
            attack.tenants.harness.until_gone("ProvisioningService", &namespace, &name).await?;
        }
        attack.end().await
    })
}
