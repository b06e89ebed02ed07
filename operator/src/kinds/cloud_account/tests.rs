//! What an account tells, and how it goes.

use super::*;
use crate::controller::linter::{described, metadata, now, read};
use moorage_crds::{AcceptedIdentity, CloudAccountStatus};

fn account() -> CloudAccount {
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "CloudAccount",
        "metadata": metadata("platform", "azure"),
        "spec": { "azure": {
            "tenantId": "t",
            "subscriptionId": "s",
            "clientSecret": { "clientId": "c", "secretRef": { "name": "azure", "key": "clientSecret" } },
        } },
    }))
}

#[test]
fn an_account_goes_when_nobody_needs_it_any_more_and_not_before() {
    let users = Some("TenantHubGroup/contoso/hubs and 2 more".to_owned());
    let waits = "not yet, InUse: still needed by TenantHubGroup/contoso/hubs and 2 more to undo what they made";
    let table = [
        (Observed::Accepted { identity: None, hubs: None }, Goal::Present, "met | usable"),
        (Observed::Leaving { users }, Goal::Absent, waits),
        (Observed::Leaving { users: None }, Goal::Absent, "met | usable"),
    ];
    for (seen, goal, expected) in table {
        assert_eq!(described(&account().plan(&seen, goal, now())), [expected]);
    }
}

#[test]
fn who_uses_an_account_looks_again_when_another_credential_was_accepted() {
    let accepted_by = |version: &str| {
        let mut account = account();
        let identity = AcceptedIdentity {
            method: moorage_crds::IdentityMethod::ClientSecret,
            tenant_id: "t".to_owned(),
            client_id: "c".to_owned(),
            service_account_name: None,
            secret_resource_version: Some(version.to_owned()),
        };
        account.status = Some(CloudAccountStatus { identity: Some(identity), ..CloudAccountStatus::default() });
        account.visible_to_dependents()
    };
    assert_eq!(accepted_by("7"), accepted_by("7"));
    assert_ne!(accepted_by("7"), accepted_by("8"));
}

#[test]
fn an_account_proves_itself_in_exactly_one_way() {
    use crate::controller::linter::{caches, described_standing};

    let refused = |account: &CloudAccount| account.admit(&caches(), Goal::Present).err().as_ref().map(described_standing);
    let described = "stuck, Invalid: give exactly one of spec.azure.clientSecret and spec.azure.workloadIdentity";
    let mut one = account();
    assert_eq!(refused(&one), None);
    one.spec.azure.workload_identity = Some(read(json!({ "clientId": "c", "serviceAccountName": "a" })));
    assert_eq!(refused(&one).as_deref(), Some(described));
    one.spec.azure.client_secret = None;
    assert_eq!(refused(&one), None);
    one.spec.azure.workload_identity = None;
    assert_eq!(refused(&one).as_deref(), Some(described));
}
