//! More than was granted: tiers, units, hubs, devices, life, and what is as large as it can be.

use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::tenants::Tenants;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use crate::attacker::{ATTACKER, Attack};
use crate::attempts::Attempt;

/// The example in which the owners grant the attacker as little as they can.
fn narrowed(example: &mut Example) {
    let set = |object: &mut Value, field: &str, value: Value| object["spec"]["grants"][1][field] = value;
    let account = example.object_mut("CloudAccount", "azure").expect("it is in the example");
    for (field, value) in [("maxHubs", json!(2)), ("skus", json!(["S1"])), ("maxUnits", json!(1))] {
        set(account, field, value);
    }
    let group = example.object_mut("EnrollmentGroup", "fabrikam-eu-devices").expect("it is in the example");
    group["spec"]["grants"][0]["maxTokenTtl"] = json!("7d");
}

/// The example in which the attacker may have two devices more.
fn with_little_room(example: &mut Example) {
    let group = example.object_mut("EnrollmentGroup", "fabrikam-eu-devices").expect("it is in the example");
    group["spec"]["grants"][0]["maxDevices"] = json!(4);
}

#[test]
fn more_hubs_larger_hubs_and_devices_of_groups_that_name_no_hubs() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("toomuch", cloud_options(), narrowed).await?).await?;
        let platform = attack.tenants.example.namespace("platform");
        let hubs = |hub: Value, linked: bool| {
            let mut spec = json!({
                "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": { "name": "fabrikam-rg" }, "hubs": [hub],
            });
            if linked {
                spec["provisioningServiceRef"] = json!({ "name": "contoso-dps", "namespace": platform });
            }
            spec
        };
        let hub = |more: Value| {
            let mut hub = json!({ "name": "fabrikam-more-hub", "location": "westeurope" });
            hub.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            hub
        };
        let device = |more: Value| {
            let mut spec = json!({ "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform } });
            spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            spec
        };
        attack
            .is_refused(&[
                Attempt::ungranted("a-third-hub", "TenantHubGroup", hubs(hub(json!({})), false)).because("QuotaExceeded"),
                Attempt::ungranted("a-larger-tier", "TenantHubGroup", hubs(hub(json!({ "sku": { "name": "S3", "capacity": 1 } })), false)),
                Attempt::ungranted("more-units", "TenantHubGroup", hubs(hub(json!({ "sku": { "name": "S1", "capacity": 2 } })), false)),
                Attempt::ungranted(
                    "devices-of-all-groups",
                    "TenantHubGroup",
                    hubs(hub(json!({ "link": { "applyAllocationPolicy": true, "allocationWeight": 1000 } })), true),
                ),
                Attempt::ungranted(
                    "a-token-for-ever",
                    "DeviceCredential",
                    device(json!({ "registrationId": "fabrikam-1", "dpsToken": { "ttl": "365d" } })),
                ),
                Attempt::ungranted(
                    "an-id-in-capitals",
                    "DeviceCredential",
                    device(json!({ "registrationId": "contoso-simdevice-east", "individualEnrollment": { "deviceId": "FABRIKAM-x" } })),
                ),
                Attempt::ungranted(
                    "a-twin-of-a-megabyte",
                    "DeviceCredential",
                    device(json!({
                        "registrationId": "fabrikam-2",
                        "individualEnrollment": { "initialTwin": { "tags": { "filler": "x".repeat(1_000_000) } } },
                    })),
                )
                .because("Invalid"),
                Attempt::ungranted(
                    "a-twin-of-many-values",
                    "DeviceCredential",
                    device(json!({
                        "registrationId": "fabrikam-3",
                        "individualEnrollment": { "initialTwin": { "desired": { "filler": vec![0; 40_000] } } },
                    })),
                )
                .because("Invalid"),
                Attempt::ungranted(
                    "the-operators-own-tag",
                    "DeviceCredential",
                    device(json!({
                        "registrationId": "fabrikam-4", "individualEnrollment": { "initialTwin": { "tags": { "moorage": "mine" } } },
                    })),
                )
                .because("Invalid"),
            ])
            .await?;
        attack.end().await
    })
}

#[test]
fn enrollments_and_pages_of_the_ledger_without_end_by_making_and_deleting() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("loop", cloud_options(), with_little_room).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        // Two of the four that are granted are the example's.
        for number in 1..=5 {
            let (name, id) = (format!("loop-{number}"), format!("fabrikam-loop-{number}"));
            let spec = json!({
                "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform }, "registrationId": id,
                "deletionPolicy": "Disenroll",
            });
            attack.create("DeviceCredential", &name, &spec).await?;
            if number > 2 {
                let sentence = attack.until_refused("DeviceCredential", &name, "QuotaExceeded").await?;
                assert!(sentence.contains("left in the service"), "{sentence}");
            } else {
                attack.tenants.harness.until_condition("DeviceCredential", &namespace, &name, "Ready", "Ready").await?;
            }
            attack.delete("DeviceCredential", &name).await?;
            attack.tenants.harness.until_gone("DeviceCredential", &namespace, &name).await?;
        }
        let barred = attack.tenants.snapshot().matches("fabrikam-loop-").count();
        assert_eq!(barred, 2, "{}", attack.tenants.snapshot());
        // What the platform has for others is theirs: the tenant's own devices go on.
        attack.tenants.until("DeviceCredential", ATTACKER, "fabrikam-simdevice-eu", "Ready", "Ready").await?;
        attack.end().await
    })
}

/// Has an object let go with the cloud as it is.
fn orphan() -> Value {
    json!({ "metadata": { "annotations": { "moorage.dev/orphan": "true" } } })
}

/// The example in which the attacker may have one hub more.
fn with_room_for_a_hub(example: &mut Example) {
    let account = example.object_mut("CloudAccount", "azure").expect("it is in the example");
    account["spec"]["grants"][1]["maxHubs"] = json!(3);
}

#[test]
fn hubs_without_end_by_leaving_them_behind() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("leftover", cloud_options(), with_room_for_a_hub).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let hubs = |name: &str| {
            json!({
                "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": { "name": "fabrikam-rg" },
                "hubs": [{ "name": name, "location": "westeurope" }], "deletionPolicy": "Retain",
            })
        };
        attack.create("TenantHubGroup", "first", &hubs("fabrikam-first-hub")).await?;
        attack.tenants.harness.until_condition("TenantHubGroup", &namespace, "first", "Ready", "Ready").await?;
        attack.delete("TenantHubGroup", "first").await?;
        attack.tenants.harness.until_gone("TenantHubGroup", &namespace, "first").await?;
        attack.create("TenantHubGroup", "second", &hubs("fabrikam-second-hub")).await?;
        let sentence = attack.until_refused("TenantHubGroup", "second", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        // Whoever takes up what was left has it counted once, and one hub may take another's place.
        attack.create("TenantHubGroup", "first", &hubs("fabrikam-first-hub")).await?;
        attack.tenants.harness.until_condition("TenantHubGroup", &namespace, "first", "Ready", "Ready").await?;
        attack.delete("TenantHubGroup", "second").await?;
        attack.tenants.harness.until_gone("TenantHubGroup", &namespace, "second").await?;
        let uid = attack.tenants.harness.get("TenantHubGroup", &namespace, "first").await?["metadata"]["uid"].clone();
        let other = json!({
            "metadata": { "annotations": { "moorage.dev/confirm-delete": uid } },
            "spec": { "deletionPolicy": "Delete", "hubs": [{ "name": "fabrikam-third-hub", "location": "westeurope" }] },
        });
        attack.patch("TenantHubGroup", "first", &other).await?;
        until("the former hub is gone", SOON, || async {
            let snapshot = attack.tenants.snapshot();
            let has = |hub| snapshot.contains(&format!("hub {hub} "));
            if has("fabrikam-third-hub") && !has("fabrikam-first-hub") { Ok(()) } else { Err(NotYet::seen(snapshot)) }
        })
        .await?;
        attack.end().await
    })
}

#[test]
fn hubs_without_end_by_letting_go_of_them() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("letgo", cloud_options(), with_room_for_a_hub).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let hubs = |name: &str, policy: &str| {
            json!({
                "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": { "name": "fabrikam-rg" },
                "hubs": [{ "name": name, "location": "westeurope" }], "deletionPolicy": policy,
            })
        };
        // One that is taken out, and has devices, stays until that is confirmed: none comes in its place before.
        attack.create("TenantHubGroup", "swap", &hubs("fabrikam-old-hub", "Delete")).await?;
        attack.tenants.harness.until_condition("TenantHubGroup", &namespace, "swap", "Ready", "Ready").await?;
        let device = json!({ "hubRef": { "name": "swap", "hub": "fabrikam-old-hub" }, "deviceId": "fabrikam-inside" });
        attack.create("DeviceCredential", "inside", &device).await?;
        attack.tenants.harness.until_condition("DeviceCredential", &namespace, "inside", "Ready", "Ready").await?;
        attack.patch("TenantHubGroup", "swap", &json!({ "spec": hubs("fabrikam-new-hub", "Delete") })).await?;
        attack.until_refused("TenantHubGroup", "swap", "AwaitingConfirmation").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        assert!(!attack.tenants.snapshot().contains("fabrikam-new-hub"), "{}", attack.tenants.snapshot());
        // One that is kept takes its room with it.
        attack.patch("TenantHubGroup", "swap", &json!({ "spec": hubs("fabrikam-new-hub", "Retain") })).await?;
        let sentence = attack.until_refused("TenantHubGroup", "swap", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        // And so does one that is let go with its object.
        attack.patch("TenantHubGroup", "swap", &orphan()).await?;
        attack.delete("TenantHubGroup", "swap").await?;
        attack.tenants.harness.until_gone("TenantHubGroup", &namespace, "swap").await?;
        attack.create("TenantHubGroup", "next", &hubs("fabrikam-next-hub", "Delete")).await?;
        let sentence = attack.until_refused("TenantHubGroup", "next", "QuotaExceeded").await?;
        assert!(sentence.contains("1 that objects left behind"), "{sentence}");
        attack.end().await
    })
}

#[test]
fn enrollments_without_end_by_leaving_them_behind() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::of(Tenants::ready_with("leftids", cloud_options(), with_little_room).await?).await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        for number in 1..=3 {
            let (name, id) = (format!("left-{number}"), format!("fabrikam-left-{number}"));
            let spec = json!({
                "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform }, "registrationId": id,
                "individualEnrollment": {}, "deletionPolicy": "Retain",
            });
            attack.create("DeviceCredential", &name, &spec).await?;
            if number > 2 {
                attack.until_refused("DeviceCredential", &name, "QuotaExceeded").await?;
            } else {
                attack.tenants.harness.until_condition("DeviceCredential", &namespace, &name, "Ready", "Ready").await?;
            }
            if number == 2 {
                attack.patch("DeviceCredential", &name, &orphan()).await?;
            }
            attack.delete("DeviceCredential", &name).await?;
            attack.tenants.harness.until_gone("DeviceCredential", &namespace, &name).await?;
        }
        attack.end().await
    })
}
