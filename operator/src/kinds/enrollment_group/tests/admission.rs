//! What is judged of a group before Azure is asked.

use moorage_crds::{CloudAccount, ProvisioningService, TenantHubGroup};

use super::*;
use crate::controller::{
    context::Caches,
    linter::{caches, described_standing, show},
};

fn service(grants: &Value) -> ProvisioningService {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ProvisioningService",
        "metadata": metadata("platform", "dps"),
        "spec": { "accountRef": { "name": "azure" }, "resourceGroup": "iot", "name": "contoso-dps", "location": "eastus", "grants": grants },
    }))
}

fn account() -> CloudAccount {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "CloudAccount",
        "metadata": metadata("platform", "azure"),
        "spec": { "azure": {
            "tenantId": "t", "subscriptionId": "s", "workloadIdentity": { "clientId": "c", "serviceAccountName": "a" },
        } },
    }))
}

fn hubs(namespace: &str) -> TenantHubGroup {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TenantHubGroup",
        "metadata": metadata(namespace, "hubs"),
        "spec": {
            "accountRef": { "name": "azure", "namespace": "platform" },
            "provisioningServiceRef": { "name": "dps", "namespace": "platform" },
            "resourceGroup": { "name": "rg" },
            "hubs": [{ "name": "contoso-east", "location": "eastus" }],
        },
    }))
}

/// Everything that the group of these tests needs.
fn complete() -> Caches {
    let caches = caches();
    show(&caches, account());
    show(&caches, service(&json!([])));
    show(&caches, hubs("contoso"));
    caches
}

fn refused(group: &EnrollmentGroup, caches: &Caches) -> Option<String> {
    group.admit(caches, Goal::Present).err().as_ref().map(described_standing)
}

#[test]
fn a_group_of_the_service_s_owner_may_name_the_hubs_of_any_tenant() {
    assert_eq!(refused(&object(&json!({})), &complete()), None);
}

/// What is said of hubs that are not there, or not this service's: not which of the two.
const UNLINKED: &str = "not yet, DependencyMissing: TenantHubGroup contoso/hubs does not exist, cannot be read, or does not have its hubs linked to the \
                        provisioning service of this group; create it with that spec.provisioningServiceRef, or correct \
                        spec.tenantHubGroupRef";

#[test]
fn what_a_group_rests_on_is_there_before_anything_is_asked() {
    let without = |which: &str| {
        let caches = caches();
        for kind in ["account", "service", "hubs"].into_iter().filter(|kind| *kind != which) {
            match kind {
                "account" => show(&caches, account()),
                "service" => show(&caches, service(&json!([]))),
                _ => show(&caches, hubs("contoso")),
            }
        }
        refused(&object(&json!({})), &caches)
    };
    let missing = |what: &str| Some(format!("not yet, DependencyMissing: {what}"));
    assert_eq!(
        without("service"),
        missing("ProvisioningService platform/dps does not exist; create it, or correct spec.provisioningServiceRef")
    );
    assert_eq!(without("account"), missing("CloudAccount platform/azure does not exist; create it, or correct spec.accountRef"));
    assert_eq!(without("hubs").as_deref(), Some(UNLINKED));
}

#[test]
fn a_hub_that_the_hub_group_lacks_is_told_by_name() {
    let described = "stuck, DependencyMissing: TenantHubGroup contoso/hubs has no hub contoso-north; add it there, or correct spec.hubs";
    assert_eq!(refused(&object(&json!({ "hubs": ["contoso-north"] })), &complete()), Some(described.to_owned()));
}

/// Whoever holds a group's keys can register any id in its service, other tenants' among them.
#[test]
fn a_group_of_a_tenant_is_in_a_service_of_its_own_or_in_none() {
    let mut group = object(&json!({ "tenantHubGroupRef": { "name": "hubs" } }));
    group.metadata.namespace = Some("contoso".to_owned());
    let caches = complete();
    show(&caches, service(&json!([{ "namespaces": ["*"] }])));
    let described = refused(&group, &caches).expect("it is refused");
    assert!(described.contains("ProvisioningService contoso/dps does not exist"), "{described}");
}

#[test]
fn hubs_that_are_not_linked_to_the_service_of_a_group_are_not_named() {
    for reference in [Value::Null, json!({ "name": "dps" }), json!({ "name": "other", "namespace": "platform" })] {
        let caches = complete();
        let mut elsewhere = hubs("contoso");
        elsewhere.spec.provisioning_service_ref = read(reference);
        show(&caches, elsewhere);
        let described = refused(&object(&json!({})), &caches);
        assert_eq!(described.as_deref(), Some(UNLINKED));
    }
}

#[test]
fn of_two_groups_of_one_name_in_a_service_the_older_has_it() {
    let created = |name: &str, time: &str| {
        let mut group = object(&json!({ "enrollmentGroupId": "press" }));
        group.metadata.name = Some(name.to_owned());
        group.metadata.creation_timestamp = Some(read(json!(time)));
        group
    };
    let (older, younger) = (created("older", "2026-01-01T00:00:00Z"), created("younger", "2026-01-02T00:00:00Z"));
    let caches = complete();
    show(&caches, older.clone());
    show(&caches, younger.clone());
    assert_eq!(refused(&older, &caches), None);
    let described = refused(&younger, &caches).expect("it is refused");
    assert!(
        described.starts_with("stuck, AlreadyExists: enrollment group press belongs to EnrollmentGroup platform/older, which came first"),
        "{described}"
    );
}

#[test]
fn a_group_that_is_kept_needs_nothing_of_what_it_rests_on() {
    let group = object(&json!({ "deletionPolicy": "Retain" }));
    assert!(matches!(group.admit(&caches(), Goal::Absent), Ok(Admitted::Kept { users: None })));
}
