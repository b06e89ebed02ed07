//! Labels, annotations, owners and names of objects that are to be taken for what they are not.

use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};

use crate::attacker::{Attack, VICTIM};

/// A Secret that says that it was made for an object.
fn said_to_be_of(namespace: &str, name: &str, owner: &str, controller: Option<&Value>) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "namespace": namespace, "name": name,
            "labels": { "app.kubernetes.io/managed-by": "moorage" },
            "annotations": { "moorage.dev/owner-kind": "DeviceCredential", "moorage.dev/owner-name": owner },
            "ownerReferences": controller.into_iter().collect::<Vec<_>>(),
        },
        "stringData": { "theirs": "stays" },
    })
}

#[test]
fn secrets_and_pages_that_say_whose_they_are() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("forged").await?;
        let (platform, victims, namespace) =
            (attack.tenants.example.namespace("platform"), attack.tenants.example.namespace(VICTIM), attack.namespace());
        let victim = attack.tenants.object("DeviceCredential", VICTIM, "contoso-simdevice-east").await?;
        let secret = attack.tenants.harness.secret(&victims, "contoso-simdevice-east").await?;
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "namespace": namespace, "name": "owner" } });
        attack.kubectl(&["create", "-f", "-"], &map.to_string()).await?;
        let uid = attack.kubectl(&["get", "configmap", "owner", "-n", &namespace, "-o", "jsonpath={.metadata.uid}"], "").await?;
        let controller = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "controller": true });
        let page = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "namespace": namespace, "name": "moorage-ledger-0123456789abcdef",
                "labels": { "app.kubernetes.io/managed-by": "moorage", "moorage.dev/installation": "forged" },
                "annotations": {
                    "moorage.dev/owner-kind": "DeviceCredential", "moorage.dev/owner-namespace": victims,
                    "moorage.dev/owner-name": "contoso-simdevice-east",
                },
            },
            "data": { "disenrolled.contoso-simdevice-east": format!("{platform}/contoso-dps") },
        });
        for object in [
            said_to_be_of(&namespace, "controlled", "controlled", Some(&controller)),
            said_to_be_of(&namespace, "of-the-victim", "contoso-simdevice-east", None),
            page,
        ] {
            attack.kubectl(&["create", "-f", "-"], &object.to_string()).await?;
        }
        // A credential under the name of a Secret that somebody else controls, and one whose owner is the victim's object.
        let spec = json!({
            "enrollmentGroupRef": { "name": "fabrikam-eu-devices", "namespace": platform }, "registrationId": "fabrikam-controlled",
        });
        attack.create("DeviceCredential", "controlled", &spec).await?;
        attack.until_refused("DeviceCredential", "controlled", "SecretNotOurs").await?;
        let adopted = json!({
            "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential",
            "metadata": {
                "namespace": namespace, "name": "adopted",
                "annotations": { "moorage.dev/confirm-delete": victim["metadata"]["uid"], "moorage.dev/orphan": "true" },
                "ownerReferences": [{
                    "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "name": "contoso-simdevice-east",
                    "uid": victim["metadata"]["uid"],
                }],
            },
            "spec": {
                "enrollmentGroupRef": { "name": "contoso-us-devices", "namespace": platform }, "registrationId": "contoso-simdevice-east",
                "deletionPolicy": "Deprovision",
            },
        });
        attack.kubectl(&["create", "-f", "-"], &adopted.to_string()).await?;
        for name in ["controlled", "adopted"] {
            attack.kubectl(&["delete", "devcred", name, "-n", &namespace, "--wait=false", "--ignore-not-found"], "").await?;
            attack.tenants.harness.until_gone("DeviceCredential", &namespace, name).await?;
        }
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        let theirs = attack.tenants.harness.secret(&namespace, "controlled").await?;
        assert_eq!(theirs.get("theirs").map(String::as_str), Some("stays"));
        assert_eq!(attack.tenants.harness.secret(&victims, "contoso-simdevice-east").await?, secret);
        assert!(!attack.tenants.snapshot().contains("enrollment contoso-simdevice-east"), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}

#[test]
fn names_that_are_paths_patterns_or_too_long() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("oddnames").await?;
        let platform = attack.tenants.example.namespace("platform");
        let before = attack.tenants.snapshot();
        let (group, account) =
            (json!({ "name": "fabrikam-eu-devices", "namespace": platform }), json!({ "name": "azure", "namespace": platform }));
        let device = |more: Value| {
            let mut spec = json!({ "enrollmentGroupRef": group });
            spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            ("DeviceCredential", spec)
        };
        let hubs = |hub: &str, resource_group: &str| {
            let hubs = json!([{ "name": hub, "location": "westeurope" }]);
            ("TenantHubGroup", json!({ "accountRef": account, "resourceGroup": { "name": resource_group }, "hubs": hubs }))
        };
        let long = "x".repeat(300);
        let refused = [
            ("odd", device(json!({ "registrationId": "fabrikam-*" }))),
            ("odd", device(json!({ "registrationId": "fabrikam-/../contoso-1" }))),
            ("odd", device(json!({ "registrationId": format!("fabrikam-{long}") }))),
            ("odd", device(json!({ "registrationId": "fabrikam-1", "individualEnrollment": { "deviceId": "fabrikam/../../x" } }))),
            ("odd", device(json!({ "registrationId": "fabrikam-1", "secret": { "name": "../other" } }))),
            ("odd", hubs("fabrikam-hub/../contoso-east-hub", "fabrikam-rg")),
            ("odd", hubs("fabrikam-hub", "fabrikam-rg/../contoso-us-resource-group")),
            (&long[..253], hubs("fabrikam-hub", "fabrikam-rg")),
        ];
        for (name, (kind, spec)) in refused {
            let Err(error) = attack.create(kind, name, &spec).await else { panic!("{kind} {name} is taken: {spec}") };
            assert!(error.to_string().contains("is invalid"), "{error:#}");
        }
        assert_eq!(attack.tenants.snapshot(), before);
        attack.end().await
    })
}
