//! Who is let in by a grant, in tables, and against random grants in words of their own.

use moorage_crds::{CloudAccount, EnrollmentGroup, ProvisioningService};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{cache::unreadable::Unreadable, controller::linter::read};

fn account(grants: &Value) -> CloudAccount {
    let azure = json!({ "tenantId": "t", "subscriptionId": "s", "workloadIdentity": { "clientId": "c", "serviceAccountName": "a" } });
    let metadata = json!({ "namespace": "platform", "name": "azure" });
    read(json!({ "metadata": metadata, "spec": { "azure": azure, "grants": grants } }))
}

fn service(grants: &Value) -> ProvisioningService {
    let metadata = json!({ "namespace": "platform", "name": "dps" });
    let place = json!({ "accountRef": { "name": "azure" }, "resourceGroup": "iot", "name": "dps", "location": "eastus", "grants": grants });
    read(json!({ "metadata": metadata, "spec": place }))
}

fn group(grants: &Value) -> EnrollmentGroup {
    let metadata = json!({ "namespace": "platform", "name": "press" });
    read(json!({ "metadata": metadata, "spec": {
        "provisioningServiceRef": { "name": "dps" }, "tenantHubGroupRef": { "name": "hubs", "namespace": "contoso" },
        "attestation": { "symmetricKey": {} }, "grants": grants,
    } }))
}

/// A pattern, a name, and whether the one means the other.
const NAMESPACES: [(&str, &str, bool); 10] = [
    ("contoso", "contoso", true),
    ("contoso", "contoso-evil", false),
    ("contoso", "contos", false),
    ("contoso", "evil-contoso", false),
    ("contoso-*", "contoso-east", true),
    ("contoso-*", "contoso", false),
    ("contoso*", "contoso-evil", true),
    ("*", "anybody", true),
    ("con*so", "contoso", false),
    ("Contoso", "contoso", false),
];

#[test]
fn a_namespace_is_let_in_under_its_whole_name() {
    for (pattern, namespace, is_meant) in NAMESPACES {
        let on_account = account(&json!([{ "namespaces": [pattern], "resourceGroups": ["*"] }]));
        assert_eq!(super::on_account(&on_account, namespace, "rg").is_some(), is_meant, "account: {pattern}, {namespace}");
        let on_service = service(&json!([{ "namespaces": [pattern] }]));
        assert_eq!(on_provisioning_service(&on_service, namespace).is_some(), is_meant, "service: {pattern}, {namespace}");
        let on_group = group(&json!([{ "namespaces": [pattern], "registrationIds": "*" }]));
        assert_eq!(on_enrollment_group(&on_group, namespace, "device", "x").is_ok(), is_meant, "group: {pattern}, {namespace}");
    }
}

#[test]
fn a_resource_group_and_an_id_are_granted_under_their_whole_names_whatever_their_case() {
    for (pattern, name, is_meant) in [
        ("contoso-rg", "contoso-rg", true),
        ("contoso-rg", "CONTOSO-RG", true),
        ("contoso-rg", "contoso-rg-evil", false),
        ("contoso-rg", "contoso-r", false),
        ("contoso-*", "Contoso-east", true),
        ("contoso-*", "contoso", false),
        ("*", "anything", true),
    ] {
        let on_account = account(&json!([{ "namespaces": ["contoso"], "resourceGroups": [pattern] }]));
        assert_eq!(super::on_account(&on_account, "contoso", name).is_some(), is_meant, "account: {pattern}, {name}");
        let on_group = group(&json!([{ "namespaces": ["contoso"], "registrationIds": pattern }]));
        assert_eq!(on_enrollment_group(&on_group, "contoso", "device", name).is_ok(), is_meant, "group: {pattern}, {name}");
    }
}

#[test]
fn the_own_namespace_always_may_and_has_no_limits() {
    let (account, service, group) = (account(&json!([])), service(&json!([])), group(&json!([])));
    assert_eq!(on_account(&account, "platform", "any"), Some(Adoption::Always));
    assert_eq!(limiting(&account, "platform", "any"), None);
    assert_eq!(on_provisioning_service(&service, "platform"), Some(LinkRight { most: None, allocation: AllocationGrant::Any }));
    assert_eq!(on_enrollment_group(&group, "platform", "device", "any"), Ok(None));
}

#[test]
fn limits_are_those_of_the_grant_that_lets_in() {
    let grants = json!([
        { "namespaces": ["fabrikam"], "resourceGroups": ["*"], "maxHubs": 9 },
        { "namespaces": ["contoso"], "resourceGroups": ["other"], "maxHubs": 8 },
        { "namespaces": ["contoso"], "resourceGroups": ["rg"], "maxHubs": 2, "skus": ["S1"], "maxUnits": 3 },
    ]);
    let account = account(&grants);
    let (position, entry) = limiting(&account, "contoso", "rg").expect("it is limited");
    assert_eq!((position, entry.max_hubs, &entry.skus[..], entry.max_units), (2, Some(2), &[moorage_crds::SkuName::S1][..], Some(3)));
    let grants = json!([{ "namespaces": ["fabrikam"], "allocation": "Any" }, { "namespaces": ["contoso"], "maxHubs": 1 }]);
    let right = LinkRight { most: Some((1, vec!["contoso".to_owned()])), allocation: AllocationGrant::Own };
    assert_eq!(on_provisioning_service(&service(&grants), "contoso"), Some(right));
}

/// What a pattern means, in other words than the product's.
fn is_meant(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
    match pattern.split_last() {
        Some(('*', head)) => name.iter().take(head.len()).eq(head),
        _ => name == pattern,
    }
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab]{1,3}[*]?|[*]", 1..3)
}

proptest! {
    #[test]
    fn whoever_is_let_in_has_the_namespace_and_the_thing_in_one_grant(
        grants in prop::collection::vec((patterns(), patterns()), 0..4),
        namespace in "[ab]{1,4}",
        thing in "[ab]{1,4}",
    ) {
        let has = |patterns: &[String], name: &str| patterns.iter().any(|pattern| is_meant(pattern, name));
        let is_inside = grants.iter().any(|(namespaces, things)| has(namespaces, &namespace) && has(things, &thing));
        let of_account: Vec<_> = grants.iter().map(|(names, things)| json!({ "namespaces": names, "resourceGroups": things })).collect();
        prop_assert_eq!(on_account(&account(&json!(of_account)), &namespace, &thing).is_some(), is_inside);

        let is_linked = grants.iter().any(|(namespaces, _)| has(namespaces, &namespace));
        let of_service: Vec<_> = grants.iter().map(|(names, _)| json!({ "namespaces": names })).collect();
        prop_assert_eq!(on_provisioning_service(&service(&json!(of_service)), &namespace).is_some(), is_linked);

        let is_enrolled = grants.iter().any(|(namespaces, ids)| has(namespaces, &namespace) && is_meant(&ids[0], &thing));
        let of_group: Vec<_> = grants.iter().map(|(names, ids)| json!({ "namespaces": names, "registrationIds": ids[0] })).collect();
        prop_assert_eq!(on_enrollment_group(&group(&json!(of_group)), &namespace, "device", &thing).is_ok(), is_enrolled);
    }
}

#[test]
fn of_an_owner_that_cannot_be_read_those_are_told_whom_it_names_and_its_last_version_counts_for_nobody() {
    let objects = Objects::default();
    let before = account(&json!([{ "namespaces": ["*"], "resourceGroups": ["*"] }]));
    let at = before.key();
    objects.put(&at, Vec::new(), Arc::new(before));
    let asked = |namespace: &str| match super::account(&objects, &at, namespace, "contoso-rg") {
        Ok(_) => "granted".to_owned(),
        Err(standing) => format!("{:?}", standing.why().map(|why| (why.reason, why.note.contains("cannot be read")))),
    };
    assert_eq!(asked("contoso"), "granted");
    let metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta::default();
    let unreadable =
        Unreadable { error: "recursion limit exceeded".to_owned(), metadata, status: None, granted: vec!["contoso".to_owned()] };
    objects.unreadable().put(at.clone(), unreadable);
    for (namespace, told) in [
        ("contoso", "Some((DependencyMissing, true))"),
        ("platform", "Some((DependencyMissing, true))"),
        ("fabrikam", "Some((NotGranted, false))"),
    ] {
        assert_eq!(asked(namespace), told, "{namespace}");
    }
    objects.unreadable().remove(&at);
    assert_eq!(asked("fabrikam"), "granted");
}
