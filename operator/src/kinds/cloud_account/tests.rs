use super::*;
use crate::kinds::tests::{metadata, now, read, told};

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
        (Seen::Accepted, Goal::Present, "met | usable"),
        (Seen::Leaving { users }, Goal::Absent, waits),
        (Seen::Leaving { users: None }, Goal::Absent, "met | usable"),
    ];
    for (seen, goal, expected) in table {
        assert_eq!(told(&account().plan(&seen, goal, now())), [expected]);
    }
}
