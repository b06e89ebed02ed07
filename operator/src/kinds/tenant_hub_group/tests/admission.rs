//! What is judged of a hub group before Azure is asked.

use moorage_crds::{CloudAccount, ProvisioningService};
use proptest::prelude::*;

use super::*;
use crate::controller::linter::{caches, described_standing, note, show};

fn account(grants: &Value) -> CloudAccount {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "CloudAccount",
        "metadata": metadata("platform", "azure"),
        "spec": {
            "azure": { "tenantId": "t", "subscriptionId": "s", "workloadIdentity": { "clientId": "c", "serviceAccountName": "a" } },
            "grants": grants,
        },
    }))
}

fn service(grants: &Value) -> ProvisioningService {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ProvisioningService",
        "metadata": metadata("platform", "dps"),
        "spec": {
            "accountRef": { "name": "azure" },
            "resourceGroup": "iot-shared",
            "name": "contoso-dps",
            "location": "eastus",
            "grants": grants,
        },
    }))
}

fn granting() -> Caches {
    let caches = caches();
    show(&caches, account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"], "adoption": "IfUnmanaged" }])));
    show(&caches, service(&json!([{ "namespaces": ["contoso"] }])));
    caches
}

fn contested(caches: &Caches, group: &TenantHubGroup) -> Vec<String> {
    match group.admit(caches, Goal::Present) {
        Ok(Admitted::Granted(grant)) => grant.contested.into_iter().collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hub_that_is_named_twice_in_other_letters_is_refused_and_can_still_go() {
    let twice = object(&["a-hub", "A-Hub"]);
    let refused = twice.admit(&granting(), Goal::Present).err().as_ref().map(described_standing).unwrap_or_default();
    assert!(refused.starts_with("stuck, Invalid: spec.hubs names IoT hub A-Hub twice"), "{refused}");
    assert!(twice.admit(&granting(), Goal::Absent).is_ok());
}

#[test]
fn a_hub_group_needs_its_account_and_its_provisioning_service_and_the_leave_of_both() {
    let hubs = object(&["a-hub"]);
    let refused = |caches: &Caches| hubs.admit(caches, Goal::Present).err().as_ref().map(described_standing).unwrap_or_default();
    let caches = caches();
    assert_eq!(
        refused(&caches),
        "not yet, DependencyMissing: CloudAccount platform/azure does not exist; create it, or correct spec.accountRef"
    );
    show(&caches, account(&json!([])));
    assert!(refused(&caches).starts_with("stuck, NotGranted: CloudAccount platform/azure does not grant"), "{}", refused(&caches));
    show(&caches, account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"], "adoption": "IfUnmanaged" }])));
    assert_eq!(
        refused(&caches),
        "not yet, DependencyMissing: ProvisioningService platform/dps does not exist; create it, or correct spec.provisioningServiceRef"
    );
    show(&caches, service(&json!([])));
    assert!(refused(&caches).starts_with("stuck, NotGranted: ProvisioningService platform/dps grants nothing"), "{}", refused(&caches));
    show(&caches, service(&json!([{ "namespaces": ["contoso"] }])));
    let admitted = hubs.admit(&caches, Goal::Present);
    let Ok(Admitted::Granted(grant)) = &admitted else { panic!("{admitted:?}") };
    assert_eq!((grant.account.adoption, grant.service.is_some()), (Adoption::IfUnmanaged, true));
}

#[test]
fn a_hub_group_that_is_kept_needs_nobody() {
    let mut hubs = object(&["a-hub"]);
    assert!(matches!(hubs.admit(&caches(), Goal::Absent), Ok(Admitted::Kept { devices: None })), "it has made nothing");
    let made = caches();
    note(&made, &hubs.key(), &[("hub.a-hub", "made".to_owned())]);
    assert!(hubs.admit(&made, Goal::Absent).is_err());
    hubs.spec.deletion_policy = DeletionPolicy::Retain;
    let admitted = hubs.admit(&caches(), Goal::Absent);
    assert!(matches!(&admitted, Ok(Admitted::Kept { devices: None })), "{admitted:?}");
    assert!(hubs.admit(&caches(), Goal::Present).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_all_who_want_a_hub_the_oldest_alone_is_not_contested(
        groups in prop::collection::vec((prop::sample::subsequence(&["a-hub", "b-hub", "c-hub"][..], 1..=3), any::<bool>(), 0..3_i64), 1..5),
    ) {
        let caches = granting();
        let created = |(n, (hubs, capitals, second)): (usize, &(Vec<&str>, bool, i64))| {
            let mut group = object(hubs);
            if *capitals {
                group.spec.hubs.iter_mut().for_each(|hub| hub.name = hub.name.to_uppercase());
            }
            group.metadata.name = Some(format!("hubs-{n}"));
            group.metadata.creation_timestamp = Some(read(json!(format!("2026-01-01T00:00:0{second}Z"))));
            group
        };
        let objects: Vec<_> = groups.iter().enumerate().map(created).collect();
        for group in &objects {
            show(&caches, group.clone());
        }
        for name in ["a-hub", "b-hub", "c-hub"] {
            let wants = |group: &&TenantHubGroup| group.spec.hubs.iter().any(|hub| hub.name.eq_ignore_ascii_case(name));
            let mut wanting: Vec<_> = objects.iter().filter(wants).collect();
            wanting.sort_by_key(|group| (group.metadata.creation_timestamp.clone().map(|time| time.0), group.key()));
            let is_contested: Vec<_> = wanting.iter().map(|group| contested(&caches, group).contains(&name.to_owned())).collect();
            let expected: Vec<_> = (0..wanting.len()).map(|place| place > 0).collect();
            prop_assert_eq!(is_contested, expected, "{}", name);
        }
    }
}
