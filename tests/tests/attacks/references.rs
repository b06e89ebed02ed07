//! Every reference of every kind, pointed at what is another namespace's.

use std::collections::BTreeSet;

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::{Value, json};

use crate::attacker::{ATTACKER, Attack, VICTIM};
use crate::attempts::Attempt;

/// A reference that leads out of its namespace, in an object of the attacker's that may not follow it.
struct Foreign {
    /// Where it is in the object.
    field: &'static str,
    attempt: Attempt,
}

/// All of them, at a platform's and a victim's things.
fn foreign(platform: &str, victims: &str) -> Vec<Foreign> {
    let account = json!({ "name": "azure", "namespace": platform });
    let service = |name: &str, namespace: &str| json!({ "name": name, "namespace": namespace });
    let hubs = |resource_group: &str, service: Value| {
        json!({
            "accountRef": account, "provisioningServiceRef": service, "resourceGroup": { "name": resource_group, "location": "westeurope" },
            "hubs": [{ "name": "fabrikam-reaching-hub", "location": "westeurope" }],
        })
    };
    vec![
        Foreign {
            field: "ProvisioningService spec.accountRef",
            attempt: Attempt::ungranted(
                "account-for-a-service",
                "ProvisioningService",
                json!({ "accountRef": account, "resourceGroup": "contoso-us-resource-group", "name": "fabrikam-dps", "location": "eastus" }),
            ),
        },
        Foreign {
            field: "TenantHubGroup spec.accountRef",
            attempt: Attempt::ungranted(
                "account-for-hubs",
                "TenantHubGroup",
                hubs("contoso-us-resource-group", service("contoso-dps", platform)),
            ),
        },
        Foreign {
            field: "TenantHubGroup spec.provisioningServiceRef",
            attempt: Attempt::ungranted("service-for-links", "TenantHubGroup", hubs("fabrikam-rg", service("contoso-own", victims))),
        },
        Foreign {
            field: "EnrollmentGroup spec.tenantHubGroupRef",
            attempt: Attempt::ungranted(
                "hubs-for-devices",
                "EnrollmentGroup",
                json!({
                    "provisioningServiceRef": { "name": "own" }, "tenantHubGroupRef": { "name": "contoso-us", "namespace": victims },
                    "attestation": { "symmetricKey": {} },
                }),
            )
            .because("DependencyMissing"),
        },
        Foreign {
            field: "DeviceCredential spec.enrollmentGroupRef",
            attempt: Attempt::ungranted(
                "group-for-a-device",
                "DeviceCredential",
                json!({ "enrollmentGroupRef": { "name": "contoso-us-devices", "namespace": platform }, "registrationId": "fabrikam-9" }),
            ),
        },
    ]
}

/// References in a schema that say a namespace, by their fields.
fn references(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let fields = &schema["properties"];
    if fields["namespace"].is_object() && fields["name"].is_object() {
        found.insert(at.to_owned());
    }
    for (name, field) in fields.as_object().into_iter().flatten() {
        references(field, &format!("{at}.{name}"), found);
    }
    if schema["items"].is_object() {
        references(&schema["items"], &format!("{at}[]"), found);
    }
}

#[test]
fn every_reference_that_can_lead_out_of_its_namespace_is_attacked() -> anyhow::Result<()> {
    let mut of_schemas = BTreeSet::new();
    for crd in moorage_crds::all() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema)?;
        references(&schema["openAPIV3Schema"]["properties"]["spec"], &format!("{} spec", crd.spec.names.kind), &mut of_schemas);
    }
    let attacked: BTreeSet<_> = foreign("platform", "contoso").into_iter().map(|foreign| foreign.field.to_owned()).collect();
    assert_eq!(attacked, of_schemas);
    Ok(())
}

/// A service in the victim's namespace, and one of the attacker's, as far as it may have one.
fn services(platform: &str, victims: &str, attackers: &str) -> Value {
    let of = |namespace: &str, name: &str, cloud: &str, group: &str| {
        json!({
            "apiVersion": "moorage.dev/v1alpha1", "kind": "ProvisioningService", "metadata": { "namespace": namespace, "name": name },
            "spec": {
                "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": group, "name": cloud, "location": "westeurope",
                "deletionPolicy": "Delete",
            },
        })
    };
    let items = [
        of(victims, "contoso-own", "contoso-own-dps", "contoso-us-resource-group"),
        of(attackers, "own", "fabrikam-own-dps", "fabrikam-rg"),
    ];
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

#[test]
fn what_others_have_by_each_reference_after_it_is_there() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("after").await?;
        let names = ["platform", VICTIM, ATTACKER].map(|tenant| attack.tenants.example.namespace(tenant));
        let [platform, victims, attackers] = names.each_ref().map(String::as_str);
        attack.tenants.harness.kubectl(&["apply", "-f", "-"], &services(platform, victims, attackers).to_string()).await?;
        for (namespace, name) in [(victims, "contoso-own"), (attackers, "own")] {
            attack.tenants.harness.until_condition("ProvisioningService", namespace, name, "Ready", "Ready").await?;
        }
        let attempts: Vec<_> = foreign(platform, victims).into_iter().map(|foreign| foreign.attempt).collect();
        attack.is_refused(&attempts).await?;
        attack.end().await
    })
}

#[test]
fn what_exists_in_another_namespace_by_what_is_told_of_it() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("exists").await?;
        let names = ["platform", VICTIM, ATTACKER].map(|tenant| attack.tenants.example.namespace(tenant));
        let [platform, victims, attackers] = names.each_ref().map(String::as_str);
        attack.tenants.harness.kubectl(&["apply", "-f", "-"], &services(platform, victims, attackers).to_string()).await?;
        for Foreign { field, attempt } in foreign(platform, victims) {
            let field = field.rsplit('.').next().unwrap_or_default();
            let name = attempt.spec[field]["name"].as_str().unwrap_or_default().to_owned();
            let mut absent = attempt.spec.clone();
            absent[field]["name"] = "absent".into();
            attack.create(attempt.kind, attempt.name, &attempt.spec).await?;
            let of_another = format!("{}-absent", attempt.name);
            attack.create(attempt.kind, &of_another, &absent).await?;
            let told = attack.until_refused(attempt.kind, attempt.name, attempt.reason).await?;
            let told_of_nothing = attack.until_refused(attempt.kind, &of_another, attempt.reason).await?;
            assert_eq!(told_of_nothing.replace("/absent ", &format!("/{name} ")), told);
        }
        attack.end().await
    })
}

#[test]
fn what_others_have_by_each_reference_before_it_is_there() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::begun("before", cloud_options(), |example| {
            let names = ["platform", VICTIM, ATTACKER].map(|tenant| example.namespace(tenant));
            let [platform, victims, attackers] = names.each_ref().map(String::as_str);
            let reaching = foreign(platform, victims).into_iter().map(|foreign| foreign.attempt.object(attackers));
            // Applied first, behind the namespaces.
            let at = example.objects().iter().position(|object| object["kind"] != "Namespace").unwrap_or_default();
            let services = services(platform, victims, attackers)["items"].as_array().cloned().unwrap_or_default();
            example.objects_mut().extend(services);
            for (place, object) in reaching.enumerate() {
                example.objects_mut().insert(at + place, object);
            }
        })
        .await?;
        let attack = Attack::of(tenants).await?;
        for (kind, namespace, name) in [
            ("ProvisioningService", VICTIM, "contoso-own"),
            ("TenantHubGroup", VICTIM, "contoso-us"),
            ("DeviceCredential", VICTIM, "contoso-simdevice-east"),
            ("DeviceCredential", VICTIM, "contoso-simdevice-west"),
        ] {
            attack.tenants.until(kind, namespace, name, "Ready", "Ready").await?;
        }
        let (platform, victims) = (attack.tenants.example.namespace("platform"), attack.tenants.example.namespace(VICTIM));
        for Foreign { attempt, .. } in foreign(&platform, &victims) {
            attack.until_refused(attempt.kind, attempt.name, attempt.reason).await?;
            assert!(!attack.has_secret(attempt.name).await?, "{}", attempt.name);
        }
        attack.end().await
    })
}

#[test]
fn what_others_have_by_a_reference_that_is_changed_when_all_is_ready() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("between").await?;
        let names = ["platform", VICTIM, ATTACKER].map(|tenant| attack.tenants.example.namespace(tenant));
        let [platform, victims, attackers] = names.each_ref().map(String::as_str);
        attack.tenants.harness.kubectl(&["apply", "-f", "-"], &services(platform, victims, attackers).to_string()).await?;
        attack.tenants.harness.until_condition("ProvisioningService", attackers, "own", "Ready", "Ready").await?;
        let hubs = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "provisioningServiceRef": { "name": "own" },
            "resourceGroup": { "name": "fabrikam-rg" }, "hubs": [{ "name": "fabrikam-own-hub", "location": "westeurope" }],
        });
        attack.create("TenantHubGroup", "own", &hubs).await?;
        let group = json!({
            "provisioningServiceRef": { "name": "own" }, "tenantHubGroupRef": { "name": "own" }, "attestation": { "symmetricKey": {} },
        });
        attack.create("EnrollmentGroup", "own", &group).await?;
        let device = json!({ "enrollmentGroupRef": { "name": "own" }, "registrationId": "contoso-simdevice-east" });
        attack.create("DeviceCredential", "own", &device).await?;
        for kind in ["TenantHubGroup", "EnrollmentGroup", "DeviceCredential"] {
            attack.tenants.harness.until_condition(kind, attackers, "own", "Ready", "Ready").await?;
        }
        let secret = attack.tenants.harness.secret(attackers, "own").await?;

        // Its Ready credential is that of the victim's device in the victim's group now.
        let stolen = json!({ "spec": { "enrollmentGroupRef": { "name": "contoso-us-devices", "namespace": platform } } });
        attack.patch("DeviceCredential", "own", &stolen).await?;
        attack.until_refused("DeviceCredential", "own", "NotGranted").await?;
        assert_eq!(attack.tenants.harness.secret(attackers, "own").await?, secret, "it has what its own group gave it");
        let back = json!({ "spec": { "enrollmentGroupRef": { "name": "own", "namespace": null } } });
        attack.patch("DeviceCredential", "own", &back).await?;

        // Its Ready group gives devices the victim's hubs now, and a device is to be ended there.
        let others = json!({ "spec": { "tenantHubGroupRef": { "name": "contoso-us", "namespace": victims } } });
        attack.patch("EnrollmentGroup", "own", &others).await?;
        attack.until_refused("EnrollmentGroup", "own", "DependencyMissing").await?;
        let asked = json!({ "metadata": { "annotations": { "moorage.dev/reprovision-requested-at": "2026-01-01T00:00:00Z" } } });
        attack.patch("DeviceCredential", "own", &asked).await?;
        attack.until_refused("DeviceCredential", "own", "DependencyNotReady").await?;
        assert!(!attack.tenants.snapshot().contains("group own enabled geoLatency [contoso"), "{}", attack.tenants.snapshot());

        // What must not change cannot be changed.
        for (kind, name, patch) in [
            ("TenantHubGroup", "own", json!({ "spec": { "provisioningServiceRef": { "name": "contoso-own", "namespace": victims } } })),
            ("TenantHubGroup", "own", json!({ "spec": { "resourceGroup": { "name": "contoso-us-resource-group" } } })),
            ("EnrollmentGroup", "own", json!({ "spec": { "provisioningServiceRef": { "name": "contoso-dps" } } })),
            ("ProvisioningService", "own", json!({ "spec": { "name": "contoso-dps" } })),
        ] {
            attack.patch(kind, name, &patch).await.expect_err("it is refused at admission");
        }
        attack.end().await
    })
}
