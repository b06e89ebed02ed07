//! What others were granted, or a name, by only asking for it: whoever asks has nothing until that is written down.

use std::time::Duration;

use jiff::SignedDuration;
use moorage_simulator::{Fault, Match, NewService, Occurrence, Rule};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, SUBSCRIPTION, TENANT, cloud_options, fabrikam_s_past};
use moorage_tests::tenants::Tenants;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use crate::{
    attacker::Attack,
    leftovers::{granting, hubs},
};

fn service(platform: &str, name: &str) -> Value {
    json!({
        "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg", "name": name, "location": "westeurope",
        "deletionPolicy": "Retain",
    })
}

#[test]
fn provisioning_services_without_end_each_let_go_while_it_is_being_made() -> anyhow::Result<()> {
    block_on(async {
        let mut cloud = cloud_options();
        cloud.latency.operation = SignedDuration::from_secs(4);
        let attack = Attack::of(Tenants::ready_with("whilemade", cloud, granting("maxServices", 1)).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let harness = &attack.tenants.harness;
        attack.create("ProvisioningService", "own", &service(&platform, "fabrikam-s0-dps")).await?;
        until("it is being made", SOON, || async {
            if attack.tenants.snapshot().contains("fabrikam-s0-dps") { Ok(()) } else { Err(NotYet::seen("nothing")) }
        })
        .await?;
        attack.delete("ProvisioningService", "own").await?;
        harness.until_gone("ProvisioningService", &namespace, "own").await?;
        for (name, object, reason) in [("fabrikam-s1-dps", "own", "AlreadyExists"), ("fabrikam-s2-dps", "other", "QuotaExceeded")] {
            attack.create("ProvisioningService", object, &service(&platform, name)).await?;
            attack.until_refused("ProvisioningService", object, reason).await?;
            assert!(!attack.tenants.snapshot().contains(name), "a service by a grant that is full");
        }
        attack.end().await
    })
}

/// Objects that are older than the victim's, have nothing, and are refused for something else than their number.
#[test]
fn the_room_of_others_by_asking_for_what_is_refused() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("s0-tenants.yaml", "onlyasks")?;
        let [platform, contoso, fabrikam] = ["platform", "contoso", "fabrikam"].map(|tenant| example.namespace(tenant));
        let both = json!([contoso, fabrikam]);
        example.object_mut("ProvisioningService", "contoso-dps").expect("it is in the example")["spec"]["grants"] =
            json!([{ "namespaces": both, "maxHubs": 4 }]);
        example.object_mut("CloudAccount", "azure").expect("it is in the example")["spec"]["grants"] = json!([{
            "namespaces": both, "resourceGroups": ["contoso-*", "fabrikam-*"], "maxHubs": 4, "skus": ["S1"], "adoption": "IfUnmanaged",
        }]);
        let harness = Harness::set(shared().await?, "onlyasks", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        let names: Vec<_> = (0..4).map(|n| format!("fabrikam-r{n}-hub")).collect();
        let four: Vec<_> = names.iter().map(String::as_str).collect();
        let object = |kind: &str, name: &str, spec: &Value| json!({ "apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": { "namespace": fabrikam, "name": name }, "spec": spec });
        // One by an account that cannot sign in, and one of a tier that was not granted.
        let proof = json!({ "clientId": TENANT, "secretRef": { "name": "none", "key": "s" } });
        let mut links = hubs(&platform, "any", &four, "Retain");
        links["accountRef"] = json!({ "name": "own" });
        links["provisioningServiceRef"] = json!({ "name": "contoso-dps", "namespace": platform });
        let mut larger = hubs(&platform, "fabrikam-old", &four, "Delete");
        larger["hubs"][0]["sku"] = json!({ "name": "S2", "capacity": 1 });
        let asking = [
            object("CloudAccount", "own", &json!({ "azure": { "tenantId": TENANT, "subscriptionId": TENANT, "clientSecret": proof } })),
            object("TenantHubGroup", "links", &links),
            object("TenantHubGroup", "larger", &larger),
        ];
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": asking }).to_string();
        harness.kubectl(&["create", "-f", "-"], &list).await?;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let tenants = Tenants::applied(harness, example, None).await?;
        for (tenant, victim) in [("contoso", "contoso-us"), ("fabrikam", "fabrikam-eu")] {
            tenants.until("TenantHubGroup", tenant, victim, "Ready", "Ready").await?;
        }
        tenants.until("TenantHubGroup", "fabrikam", "larger", "Stalled", "NotGranted").await?;
        tenants.end().await
    })
}

#[test]
fn the_name_of_a_service_of_the_platform_by_asking_for_it_in_another_place() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("squatdps", cloud_options(), granting("maxServices", 0)).await?).await?;
        let platform = attack.tenants.example.namespace("platform");
        let (group, name) = ("platform-old", "platform-old-dps");
        let old = NewService { subscription: SUBSCRIPTION, group, name, location: "eastus" };
        attack.tenants.harness.cloud().seed(|azure| azure.add_service(old));
        attack.create("ProvisioningService", "squat", &service(&platform, name)).await?;
        attack.until_refused("ProvisioningService", "squat", "QuotaExceeded").await?;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let spec = json!({
            "accountRef": { "name": "azure" }, "resourceGroup": group, "name": name, "location": "eastus", "adoption": "IfUnmanaged",
        });
        let metadata = json!({ "namespace": platform, "name": "old" });
        let object = json!({ "apiVersion": "moorage.dev/v1alpha1", "kind": "ProvisioningService", "metadata": metadata, "spec": spec });
        attack.tenants.harness.kubectl(&["create", "-f", "-"], &object.to_string()).await?;
        attack.tenants.until("ProvisioningService", "platform", "old", "Ready", "Ready").await?;
        attack.end().await
    })
}

/// Each of them was told that there is room for one, before any of them had it.
#[test]
fn more_devices_with_keys_of_their_own_by_asking_for_all_of_them_at_once() -> anyhow::Result<()> {
    const MANY: usize = 6;
    block_on(async {
        let room_for_one = |example: &mut Example| {
            let group = example.object_mut("EnrollmentGroup", "fabrikam-eu-devices").expect("it is in the example");
            group["spec"]["grants"][0]["maxDevices"] = json!(3);
        };
        let attack = Attack::of(Tenants::ready_with("atonce", cloud_options(), room_for_one).await?).await?;
        let harness = &attack.tenants.harness;
        let platform = attack.tenants.example.namespace("platform");
        for n in 0..MANY {
            let spec = json!({
                "enrollmentGroupRef": { "name": "nowhere" }, "registrationId": format!("fabrikam-r{n}"), "individualEnrollment": {},
                "deletionPolicy": "Retain",
            });
            attack.create("DeviceCredential", &format!("c{n}"), &spec).await?;
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        let looks = Match { path: Some("/enrollments/fabrikam-r".to_owned()), ..Match::default() };
        harness.cloud().faults().add(Rule { matching: looks, occurrence: Occurrence::Every, fault: Fault::Slow(300) })?;
        // The youngest first: whoever is older comes when the others have been judged.
        let reference = json!({ "spec": { "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform } } });
        let names: Vec<_> = (0..MANY).rev().map(|n| format!("c{n}")).collect();
        let all = names.iter().map(|name| attack.patch("DeviceCredential", name, &reference));
        futures::future::try_join_all(all).await?;
        until("all are judged", SOON, || async {
            let mut ready = Vec::new();
            for name in &names {
                let object = harness.get("DeviceCredential", &attack.namespace(), name).await.map_err(NotYet::seen)?;
                let reason = object["status"]["conditions"][0]["reason"].as_str().unwrap_or_default().to_owned();
                if !["Ready", "QuotaExceeded"].contains(&reason.as_str()) {
                    return Err(NotYet::seen(format!("{name}: {reason}")));
                }
                ready.extend((reason == "Ready").then_some(name));
            }
            if ready.len() == 1 { Ok(()) } else { Err(NotYet::seen(format!("{ready:?} are Ready"))) }
        })
        .await?;
        assert_eq!(attack.tenants.snapshot().matches("enrollment fabrikam-r").count(), 1);
        attack.end().await
    })
}

#[test]
fn a_service_of_the_platform_kept_from_deletion_by_hubs_that_were_never_linked_to_it() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("neverlinked", cloud_options(), granting("maxHubs", 3)).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let harness = &attack.tenants.harness;
        let spec = json!({
            "accountRef": { "name": "azure" }, "resourceGroup": "platform-iot", "name": "spare-dps", "location": "eastus",
            "deletionPolicy": "Delete", "grants": [{ "namespaces": [namespace], "maxHubs": 0 }],
        });
        let metadata = json!({ "namespace": platform, "name": "spare" });
        let spare = json!({ "apiVersion": "moorage.dev/v1alpha1", "kind": "ProvisioningService", "metadata": metadata, "spec": spec });
        harness.kubectl(&["create", "-f", "-"], &spare.to_string()).await?;
        harness.until_condition("ProvisioningService", &platform, "spare", "Ready", "Ready").await?;
        attack.create("TenantHubGroup", "own", &hubs(&platform, "fabrikam-rg9", &["fabrikam-own-hub"], "Delete")).await?;
        harness.until_condition("TenantHubGroup", &namespace, "own", "Ready", "Ready").await?;
        let linked = json!({ "spec": { "provisioningServiceRef": { "name": "spare", "namespace": platform } } });
        attack.patch("TenantHubGroup", "own", &linked).await?;
        attack.until_refused("TenantHubGroup", "own", "QuotaExceeded").await?;
        harness.kubectl(&["delete", "provisioningservice", "spare", "-n", &platform, "--wait=false"], "").await?;
        // It asks for its own confirmation, and for nobody else.
        harness.until_condition("ProvisioningService", &platform, "spare", "Reconciling", "AwaitingConfirmation").await?;
        attack.end().await
    })
}
