//! Enrollment groups: whoever holds their keys can register any id in their service.

use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};

use crate::attacker::Attack;

/// A group on the platform's service, as it was once possible.
fn group_on_the_shared_service(more: &Value) -> Value {
    let mut spec = json!({
        "provisioningServiceRef": { "name": "contoso-dps", "namespace": "platform" },
        "tenantHubGroupRef": { "name": "fabrikam-eu" },
        "attestation": { "symmetricKey": {} },
    });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

#[test]
fn a_group_of_ones_own_on_the_shared_service_and_with_it_a_key_for_every_id() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("ownkeys").await?;
        attack.create("EnrollmentGroup", "master", &group_on_the_shared_service(&json!({}))).await?;
        attack.until_refused("EnrollmentGroup", "master", "DependencyMissing").await?;
        assert!(!attack.has_secret("master-keys").await?, "no key of the shared service is in a tenant's namespace");
        assert!(!attack.tenants.snapshot().contains("master"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}

#[test]
fn the_keys_of_another_tenants_group_by_adoption() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("adoptgroup").await?;
        let before = attack.tenants.snapshot();
        let more = json!({ "enrollmentGroupId": "contoso-us-devices", "adoption": "Always", "tenantHubGroupRef": { "name": "contoso-us", "namespace": "contoso" } });
        attack.create("EnrollmentGroup", "thief", &group_on_the_shared_service(&more)).await?;
        attack.until_refused("EnrollmentGroup", "thief", "DependencyMissing").await?;
        assert!(!attack.has_secret("thief-keys").await?);
        assert_eq!(attack.tenants.snapshot(), before);
        attack.end().await
    })
}

#[test]
fn keys_of_its_own_for_an_id_that_was_never_granted() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("foreignid").await?;
        let group = json!({ "name": "fabrikam-eu-devices", "namespace": attack.tenants.example.namespace("platform") });
        for (name, more) in [
            ("by-id", json!({ "registrationId": "contoso-future" })),
            ("alone", json!({ "registrationId": "contoso-future", "individualEnrollment": {} })),
            ("device", json!({ "registrationId": "fabrikam-mine", "individualEnrollment": { "deviceId": "contoso-simdevice-east" } })),
            ("barred", json!({ "registrationId": "contoso-future", "deletionPolicy": "Disenroll" })),
        ] {
            let mut spec = json!({ "enrollmentGroupRef": group });
            spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            attack.create("DeviceCredential", name, &spec).await?;
            let sentence = attack.until_refused("DeviceCredential", name, "NotGranted").await?;
            assert!(sentence.contains("or does not grant"), "{sentence}");
            assert!(!attack.has_secret(name).await?, "{name}");
        }
        attack.delete("DeviceCredential", "barred").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        assert!(!attack.tenants.snapshot().contains("contoso-future"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}

#[test]
fn a_name_in_its_own_hubs_outside_of_the_grant_that_comes_with_a_later_change() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("swapped").await?;
        let group = json!({ "name": "fabrikam-eu-devices", "namespace": attack.tenants.example.namespace("platform") });
        let spec =
            json!({ "enrollmentGroupRef": group, "registrationId": "fabrikam-swap", "individualEnrollment": { "deviceId": "fabrikam-a" } });
        attack.create("DeviceCredential", "swap", &spec).await?;
        let namespace = attack.namespace();
        attack.tenants.harness.until_condition("DeviceCredential", &namespace, "swap", "Ready", "Ready").await?;
        // Taken out and put in again, so that no rule of the schema compares the two.
        attack.patch("DeviceCredential", "swap", &json!({ "spec": { "individualEnrollment": null } })).await?;
        let other = json!({ "spec": { "individualEnrollment": { "deviceId": "contoso-simdevice-east" } } });
        attack.patch("DeviceCredential", "swap", &other).await?;
        attack.until_refused("DeviceCredential", "swap", "NotGranted").await?;
        assert!(!attack.tenants.snapshot().contains("deviceId contoso-simdevice-east"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}
