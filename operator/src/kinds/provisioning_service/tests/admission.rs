//! What is judged of a service before Azure is asked.

use moorage_crds::{CloudAccount, EnrollmentGroup, annotations::FINALIZER};

use super::*;
use crate::{
    azure::facts::{ServiceFacts, service_place},
    controller::{
        context::Caches,
        linter::{caches, described_standing, note, show},
    },
    ledger::entries::{ADOPTED, CLAIMED, GROUP, MADE, SERVICE, SERVICE_FACTS, SERVICE_PLACE},
    object::Keyed,
};

fn account(grants: &Value) -> CloudAccount {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "CloudAccount",
        "metadata": metadata("azure", "azure"),
        "spec": {
            "azure": { "tenantId": "t", "subscriptionId": "s", "workloadIdentity": { "clientId": "c", "serviceAccountName": "a" } },
            "grants": grants,
        },
    }))
}

/// A service whose account is in another namespace.
fn service(spec: &Value) -> ProvisioningService {
    let mut object = object(spec);
    object.spec.account_ref.namespace = Some("azure".to_owned());
    object
}

fn caches_with(grants: &Value) -> Caches {
    let caches = caches();
    show(&caches, account(grants));
    caches
}

fn granting() -> Caches {
    caches_with(&json!([
        { "namespaces": ["platform"], "resourceGroups": ["iot-*"], "adoption": "IfUnmanaged" },
        { "namespaces": ["platform"], "resourceGroups": ["other"], "adoption": "Always" },
    ]))
}

fn refused(object: &ProvisioningService, caches: &Caches, goal: Goal) -> Option<String> {
    object.admit(caches, goal).err().as_ref().map(described_standing)
}

/// An enrollment group of the service that has something to undo.
fn user() -> EnrollmentGroup {
    let mut metadata = metadata("platform", "press");
    metadata["finalizers"] = json!([FINALIZER]);
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "EnrollmentGroup",
        "metadata": metadata,
        "spec": { "provisioningServiceRef": { "name": "dps" }, "tenantHubGroupRef": { "name": "hubs" }, "attestation": { "symmetricKey": {} } },
    }))
}

fn created(mut object: ProvisioningService, name: &str, time: &str) -> ProvisioningService {
    object.metadata.name = Some(name.to_owned());
    object.metadata.creation_timestamp = Some(read(json!(time)));
    object
}

#[test]
fn a_service_needs_an_account_that_grants_its_resource_group() {
    let dps = service(&json!({}));
    let ungranted = "stuck, NotGranted: CloudAccount azure/azure does not exist, or does not grant resource group iot-shared to namespace \
                     platform; correct spec.accountRef, or ask its owner to add to spec.grants: {namespaces: [platform], resourceGroups: \
                     [iot-shared]}";
    let with_a_page = |caches: Caches| {
        note(&caches, &dps.key(), &[(SERVICE, CLAIMED.to_owned())]);
        caches
    };
    for goal in [Goal::Present, Goal::Absent] {
        assert_eq!(refused(&dps, &with_a_page(caches()), goal).as_deref(), Some(ungranted), "{goal:?}");
        assert_eq!(refused(&dps, &with_a_page(caches_with(&json!([]))), goal).as_deref(), Some(ungranted), "{goal:?}");
        let admitted = dps.admit(&with_a_page(granting()), goal);
        assert!(matches!(&admitted, Ok(Admitted::Granted(grant)) if grant.account.adoption == Adoption::IfUnmanaged), "{admitted:?}");
    }
    let mut of_its_own = service(&json!({}));
    of_its_own.spec.account_ref.namespace = None;
    let missing = "not yet, DependencyMissing: CloudAccount platform/azure does not exist; create it, or correct spec.accountRef";
    assert_eq!(refused(&of_its_own, &caches(), Goal::Present).as_deref(), Some(missing));
}

#[test]
fn a_service_that_is_kept_needs_no_account_and_waits_for_those_who_need_it() {
    let kept = service(&json!({ "deletionPolicy": "Retain" }));
    let admitted = kept.admit(&caches(), Goal::Absent);
    assert!(matches!(&admitted, Ok(Admitted::Kept { users: None })), "{admitted:?}");
    // Nothing is in the ledger, so nothing was made; and whoever refers to it has made nothing through it, whatever finalizers it has.
    let caches = granting();
    show(&caches, user());
    assert!(matches!(service(&json!({})).admit(&caches, Goal::Absent), Ok(Admitted::Kept { users: None })));
    note(&caches, &user().key(), &[(GROUP, MADE.to_owned())]);
    for policy in ["Retain", "Delete"] {
        let dps = service(&json!({ "deletionPolicy": policy }));
        // Those who wait need its hosts, and what the ledger says of them was lost.
        let admitted = dps.admit(&caches, Goal::Absent);
        assert!(matches!(&admitted, Ok(Admitted::Granted(grant)) if grant.users.is_some()), "{policy}: {admitted:?}");
    }
    let facts = ServiceFacts {
        id_scope: "0ne00000001".to_owned(),
        service_host: "dps.azure-devices-provisioning.net".to_owned(),
        device_host: "global.azure-devices-provisioning.net".to_owned(),
    };
    let account = caches.objects.of::<CloudAccount>().get(&account(&json!([])).key().name).expect("it is there");
    let written = facts.written(&service_place(&account.spec.azure.subscription_id, &service(&json!({}))));
    note(&caches, &service(&json!({})).key(), &[(SERVICE, MADE.to_owned()), (SERVICE_FACTS, written)]);
    for policy in ["Retain", "Delete"] {
        let admitted = service(&json!({ "deletionPolicy": policy })).admit(&caches, Goal::Absent);
        let named = "EnrollmentGroup/platform/press";
        assert!(matches!(&admitted, Ok(Admitted::Kept { users: Some(users) }) if users == named), "{policy}: {admitted:?}");
    }
}

#[test]
fn services_of_a_grant_are_counted_with_those_that_were_left_behind() {
    let grant = json!([{ "namespaces": ["platform"], "resourceGroups": ["iot-*"], "maxServices": 1 }]);
    let full = "stuck, QuotaExceeded: the account's grant is for 1 provisioning service, and 1 are there, or were left behind: delete one, and its page of \
                the ledger, or ask its owner for more";
    let place = |name: &str| format!("azure/azure/s/iot-shared/{name}");
    let gone = created(service(&json!({})), "gone", "2026-01-01T00:00:00Z").key();
    for (entry, at, is_refused) in [
        (SERVICE, place("other-dps"), true),
        (SERVICE, "azure/azure/s/elsewhere/other-dps".to_owned(), false),
        (SERVICE, place("contoso-dps"), false),
        ("left.service.other-dps", place("other-dps"), true),
        ("left.service.other-dps", "platform/own/s/iot-shared/other-dps".to_owned(), false),
    ] {
        let caches = caches_with(&grant);
        let entries =
            if entry == SERVICE { vec![(SERVICE, MADE.to_owned()), (SERVICE_PLACE, at.clone())] } else { vec![(entry, at.clone())] };
        note(&caches, &gone, &entries);
        let told = refused(&service(&json!({})), &caches, Goal::Present);
        assert_eq!(told.as_deref(), is_refused.then_some(full), "{entry} {at}");
    }
    // The next object of a name does not forget what the one before it made.
    let caches = caches_with(&grant);
    note(&caches, &service(&json!({})).key(), &[(SERVICE, MADE.to_owned()), (SERVICE_PLACE, place("former-dps"))]);
    for goal in [Goal::Present, Goal::Absent] {
        let told = refused(&service(&json!({})), &caches, goal).unwrap_or_default();
        assert!(told.starts_with("stuck, AlreadyExists: provisioning service former-dps was made"), "{goal:?}: {told}");
    }
    // Who only asks takes no room, whoever is older.
    let (caches, old) = (caches_with(&grant), created(service(&json!({ "name": "a-dps" })), "old", "2026-01-01T00:00:00Z"));
    let new = created(service(&json!({ "name": "b-dps" })), "new", "2026-02-01T00:00:00Z");
    show(&caches, old.clone());
    show(&caches, new.clone());
    let are_refused = || [&old, &new].map(|object| refused(object, &caches, Goal::Present).is_some());
    assert_eq!(are_refused(), [false, false]);
    note(&caches, &new.key(), &[(SERVICE, CLAIMED.to_owned()), (SERVICE_PLACE, place("b-dps"))]);
    assert_eq!(are_refused(), [true, false]);
    // One that was only claimed may have been made since, and is not forgotten either.
    let renamed = created(service(&json!({ "name": "c-dps" })), "new", "2026-03-01T00:00:00Z");
    assert!(
        refused(&renamed, &caches, Goal::Present).is_some_and(|told| told.starts_with("stuck, AlreadyExists: provisioning service b-dps"))
    );
}

#[test]
fn a_service_is_that_of_who_has_it_there_and_of_nobody_who_only_asks() {
    let caches = granting();
    let old = created(service(&json!({ "name": "Contoso-DPS" })), "old", "2026-01-01T00:00:00Z");
    let new = created(service(&json!({})), "new", "2026-02-01T00:00:00Z");
    show(&caches, old.clone());
    show(&caches, new.clone());
    let holder = |object: &ProvisioningService| match object.admit(&caches, Goal::Present) {
        Ok(Admitted::Granted(grant)) => grant.holder.map(|holder| holder.name.name.to_string()),
        other => panic!("{other:?}"),
    };
    let noted = |object: &ProvisioningService, record: &str, at: &str| {
        note(&caches, &object.key(), &[(SERVICE, record.to_owned()), (SERVICE_PLACE, at.to_owned())]);
    };
    let (here, there) = ("azure/azure/s/iot-shared/contoso-dps", "azure/azure/s/iot-else/contoso-dps");
    assert_eq!([holder(&new), holder(&old)], [None, None]);
    for record in [CLAIMED, MADE, ADOPTED] {
        noted(&new, record, here);
        assert_eq!([holder(&new), holder(&old)], [None, Some("new".to_owned())], "{record}");
    }
    // By a restore both may have it.
    noted(&old, MADE, here);
    assert_eq!([holder(&new), holder(&old)], [Some("old".to_owned()), None]);
    noted(&new, MADE, there);
    assert_eq!(holder(&old), None);
}
