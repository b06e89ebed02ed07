//! Limits and withdrawals got around by saying something else of what is there: another account, resource group, service or status.

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{CLIENT, Harness, SUBSCRIPTION, TENANT, cloud_options, fabrikam_s_past};
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

use crate::attacker::Attack;

/// Hubs of the attacker's in a resource group of its grant.
fn hubs(platform: &str, group: &str, name: &str, policy: &str) -> Value {
    json!({
        "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": { "name": group, "location": "westeurope" },
        "hubs": [{ "name": name, "location": "westeurope" }], "deletionPolicy": policy,
    })
}

/// An account that is not there.
fn nowhere() -> Value {
    json!({ "spec": { "accountRef": { "name": "nothing", "namespace": null } } })
}

#[test]
fn hubs_without_end_by_another_account_or_another_resource_group() -> anyhow::Result<()> {
    block_on(async {
        let with_room_for_one = |example: &mut Example| {
            let account = example.object_mut("CloudAccount", "azure").expect("it is in the example");
            account["spec"]["grants"][1]["maxHubs"] = json!(3);
        };
        let attack = Attack::of(Tenants::ready_with("evade", cloud_options(), with_room_for_one).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        attack.create("TenantHubGroup", "first", &hubs(&platform, "fabrikam-rg1", "fabrikam-one-hub", "Retain")).await?;
        attack.tenants.harness.until_condition("TenantHubGroup", &namespace, "first", "Ready", "Ready").await?;
        // It still names its hub, by no right.
        attack.patch("TenantHubGroup", "first", &nowhere()).await?;
        attack.until_refused("TenantHubGroup", "first", "DependencyMissing").await?;
        attack.create("TenantHubGroup", "second", &hubs(&platform, "fabrikam-rg1", "fabrikam-two-hub", "Retain")).await?;
        let sentence = attack.until_refused("TenantHubGroup", "second", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        // An object of its name elsewhere, which would delete what it does not name.
        attack.delete("TenantHubGroup", "first").await?;
        attack.tenants.harness.until_gone("TenantHubGroup", &namespace, "first").await?;
        attack.create("TenantHubGroup", "first", &hubs(&platform, "fabrikam-rg2", "fabrikam-three-hub", "Delete")).await?;
        attack.until_refused("TenantHubGroup", "first", "QuotaExceeded").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        let world = attack.tenants.snapshot();
        assert!(world.contains("fabrikam-one-hub") && !world.contains("two-hub") && !world.contains("three-hub"), "{world}");
        attack.end().await
    })
}

#[test]
fn links_without_end_by_a_group_that_forgets_its_service() -> anyhow::Result<()> {
    block_on(async {
        let with_room_for_one = |example: &mut Example| {
            let [contoso, fabrikam] = ["contoso", "fabrikam"].map(|tenant| example.namespace(tenant));
            let service = example.object_mut("ProvisioningService", "contoso-dps").expect("it is in the example");
            service["spec"]["grants"] = json!([{ "namespaces": [contoso] }, { "namespaces": [fabrikam], "maxHubs": 3 }]);
        };
        let attack = Attack::of(Tenants::ready_with("unlinked", cloud_options(), with_room_for_one).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let linked = |hub: &str| {
            let mut linked = hubs(&platform, "fabrikam-rg", hub, "Retain");
            linked["provisioningServiceRef"] = json!({ "name": "contoso-dps", "namespace": platform });
            linked
        };
        attack.create("TenantHubGroup", "first", &linked("fabrikam-one-hub")).await?;
        attack.tenants.harness.until_condition("TenantHubGroup", &namespace, "first", "Ready", "Ready").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        attack.delete("TenantHubGroup", "first").await?;
        attack.tenants.harness.until_gone("TenantHubGroup", &namespace, "first").await?;
        attack.create("TenantHubGroup", "first", &hubs(&platform, "fabrikam-rg", "fabrikam-one-hub", "Retain")).await?;
        let sentence = attack.until_refused("TenantHubGroup", "first", "AlreadyExists").await?;
        assert!(sentence.contains("is linked to ProvisioningService"), "{sentence}");
        attack.create("TenantHubGroup", "second", &linked("fabrikam-two-hub")).await?;
        let sentence = attack.until_refused("TenantHubGroup", "second", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        attack.end().await
    })
}

#[test]
fn enrollments_that_are_forgotten_by_a_move_to_a_service_of_ones_own() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("forget").await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let service = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg", "name": "fabrikam-own-dps",
            "location": "westeurope",
        });
        attack.create("ProvisioningService", "own", &service).await?;
        let mut own = hubs(&platform, "fabrikam-rg", "fabrikam-own-hub", "Retain");
        own["provisioningServiceRef"] = json!({ "name": "own" });
        attack.create("TenantHubGroup", "own", &own).await?;
        let group = json!({
            "provisioningServiceRef": { "name": "own" }, "tenantHubGroupRef": { "name": "own" }, "attestation": { "symmetricKey": {} },
        });
        attack.create("EnrollmentGroup", "own", &group).await?;
        attack.tenants.harness.until_condition("EnrollmentGroup", &namespace, "own", "Ready", "Ready").await?;
        let device = |id: &str, more: Value| {
            let mut spec = json!({ "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform }, "registrationId": id });
            spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            spec
        };
        // An enrollment of its own, in the platform's service.
        attack.create("DeviceCredential", "moves", &device("fabrikam-moves", json!({ "individualEnrollment": {} }))).await?;
        attack.tenants.harness.until_condition("DeviceCredential", &namespace, "moves", "Ready", "Ready").await?;
        attack
            .patch("DeviceCredential", "moves", &json!({ "spec": { "enrollmentGroupRef": { "name": "own", "namespace": null } } }))
            .await?;
        let sentence = attack.until_refused("DeviceCredential", "moves", "Invalid").await?;
        assert!(sentence.contains("which would be forgotten"), "{sentence}");
        // And one that bars a device.
        let barred = device("fabrikam-barred", json!({ "deletionPolicy": "Disenroll" }));
        attack.create("DeviceCredential", "barred", &barred).await?;
        attack.tenants.harness.until_condition("DeviceCredential", &namespace, "barred", "Ready", "Ready").await?;
        attack.delete("DeviceCredential", "barred").await?;
        attack.tenants.harness.until_gone("DeviceCredential", &namespace, "barred").await?;
        let mut elsewhere = barred;
        elsewhere["enrollmentGroupRef"] = json!({ "name": "own" });
        attack.create("DeviceCredential", "barred", &elsewhere).await?;
        attack.until_refused("DeviceCredential", "barred", "Invalid").await?;
        attack.end().await
    })
}

#[test]
fn going_on_after_a_withdrawal_by_another_account() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("goingon").await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let contoso = attack.tenants.example.namespace("contoso");
        let withdrawn = json!({ "spec": { "grants": [{ "namespaces": [contoso], "resourceGroups": ["contoso-*"] }] } });
        attack.tenants.patch("CloudAccount", "platform", "azure", &withdrawn).await?;
        attack.until_refused("TenantHubGroup", "fabrikam-eu", "NotGranted").await?;
        let account = json!({ "azure": {
            "tenantId": TENANT, "subscriptionId": SUBSCRIPTION,
            "clientSecret": { "clientId": CLIENT, "secretRef": { "name": "none", "key": "clientSecret" } },
        } });
        attack.create("CloudAccount", "own", &account).await?;
        let own = json!({ "spec": { "accountRef": { "name": "own", "namespace": null } } });
        for (name, reference) in [("nowhere", nowhere()), ("own", own)] {
            attack.patch("TenantHubGroup", "fabrikam-eu", &reference).await?;
            attack.until_refused("TenantHubGroup", "fabrikam-eu", "DependencyMissing").await?;
            for (name, more) in [(name.to_owned(), json!({})), (format!("{name}-enrolled"), json!({ "individualEnrollment": {} }))] {
                let mut spec = json!({
                    "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform }, "registrationId": format!("fabrikam-{name}"),
                });
                spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
                attack.create("DeviceCredential", &name, &spec).await?;
                attack.until_refused("DeviceCredential", &name, "DependencyNotReady").await?;
            }
        }
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        let secrets = attack.tenants.harness.kubectl(&["get", "secrets", "-n", &namespace, "-o", "name"], "").await?;
        assert!(!secrets.contains("nowhere") && !secrets.contains("own"), "{secrets}");
        assert!(!attack.tenants.snapshot().contains("-enrolled"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}

#[test]
fn the_adoption_of_a_hub_by_an_older_object_in_another_resource_group() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "nowhere")?;
        let harness = Harness::set(shared().await?, "nowhere", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        // The tenants change sides.
        let (platform, namespace) = (example.namespace("platform"), example.namespace("contoso"));
        let squat = json!({
            "apiVersion": "moorage.dev/v1alpha1", "kind": "TenantHubGroup", "metadata": { "namespace": namespace, "name": "squat" },
            "spec": hubs(&platform, "contoso-nowhere", "fabrikam-asia-hub", "Retain"),
        });
        harness.kubectl(&["create", "-f", "-"], &squat.to_string()).await?;
        // Ages are told in seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let tenants = Tenants::applied(harness, example, None).await?;
        tenants.until("TenantHubGroup", "fabrikam", "fabrikam-eu", "Ready", "Ready").await?;
        tenants.until("TenantHubGroup", "contoso", "squat", "Stalled", "NameTaken").await?;
        Ok(())
    })
}

#[test]
fn what_happens_to_others_objects_by_a_status_that_is_too_large() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("times").await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let planned: Vec<_> = (0..100).map(|number| format!("{number}{}", "x".repeat(1000))).collect();
        let spec = json!({
            "enrollmentGroupRef": { "name": "contoso-us-devices", "namespace": platform }, "registrationId": "contoso-there",
        });
        attack.create("DeviceCredential", "there", &spec).await?;
        attack.until_refused("DeviceCredential", "there", "NotGranted").await?;
        attack.forge("DeviceCredential", "there", &json!({ "planned": planned })).await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        let version = async || {
            anyhow::Ok(attack.tenants.harness.get("DeviceCredential", &namespace, "there").await?["metadata"]["resourceVersion"].clone())
        };
        let before = version().await?;
        let victims = attack.tenants.example.namespace("contoso");
        let grants = json!([{ "namespaces": [victims], "registrationIds": "contoso-*", "maxTokenTtl": "6d" }]);
        attack.tenants.patch("EnrollmentGroup", "platform", "contoso-us-devices", &json!({ "spec": { "grants": grants } })).await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(version().await?, before, "that something has happened is told");
        Ok(())
    })
}
