//! Which hubs a group may name.

use moorage_crds::{EnrollmentGroupStatus, HubStatus, TenantHubGroup};
use moorage_plan::Standing;

use super::*;
use crate::{
    error::ObserveError,
    kinds::enrollment_group::{admit::may_name, observe::linked_hubs},
    object::Keyed,
};

fn hub_group(namespace: &str, hubs: &[(&str, bool)]) -> TenantHubGroup {
    let wished: Vec<_> = hubs.iter().map(|(name, _)| json!({ "name": name, "location": "eastus" })).collect();
    let seen = |(name, linked): &(&str, bool)| json!({ "name": name, "hostName": format!("{name}.azure-devices.net"), "adopted": false, "linked": linked });
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TenantHubGroup",
        "metadata": metadata(namespace, "hubs"),
        "spec": {
            "accountRef": { "name": "azure" },
            "provisioningServiceRef": { "name": "dps" },
            "resourceGroup": { "name": "rg" },
            "hubs": wished,
        },
        "status": { "observedGeneration": 1, "conditions": [], "hubs": hubs.iter().map(seen).collect::<Vec<_>>() },
    }))
}

fn named(group: &EnrollmentGroup, hubs: &TenantHubGroup, services_namespace: &str) -> Result<Option<Vec<String>>, String> {
    let allowed = may_name(group, &hubs.key().name.namespace, services_namespace).map_err(ObserveError::from);
    let found = allowed.and_then(|()| linked_hubs(&Cloud::public(), group, hubs));
    found.map(|hosts| hosts.map(|hosts| hosts.iter().map(ToString::to_string).collect())).map_err(|halt| match halt {
        ObserveError::Blocked(Standing::Stalled(why)) => format!("{}: {}", why.reason, why.note),
        other => format!("{other:?}"),
    })
}

/// A group that already names hubs, as its status tells.
fn settled() -> EnrollmentGroup {
    let mut group = object(&json!({}));
    group.status = Some(EnrollmentGroupStatus { iot_hubs: vec![EAST.to_owned()], ..EnrollmentGroupStatus::default() });
    group
}

#[test]
fn a_new_group_waits_until_every_hub_is_linked_and_then_names_them_in_order() {
    let group = object(&json!({}));
    let both = Ok(Some(vec![EAST.to_owned(), WEST.to_owned()]));
    assert_eq!(named(&group, &hub_group("contoso", &[("contoso-west", true), ("contoso-east", true)]), "platform"), both);
    assert_eq!(named(&group, &hub_group("contoso", &[("contoso-west", false), ("contoso-east", true)]), "platform"), Ok(None));
    let mut unseen = hub_group("contoso", &[("contoso-east", true)]);
    unseen.status = None;
    assert_eq!(named(&group, &unseen, "platform"), Ok(None));
}

#[test]
fn a_settled_group_follows_the_hubs_but_never_names_none() {
    let east = hub_group("contoso", &[("contoso-west", false), ("contoso-east", true)]);
    assert_eq!(named(&settled(), &east, "platform"), Ok(Some(vec![EAST.to_owned()])));
    assert_eq!(named(&settled(), &hub_group("contoso", &[("contoso-east", false)]), "platform"), Ok(None));
    assert_eq!(named(&settled(), &hub_group("contoso", &[]), "platform"), Ok(None));
}

#[test]
fn a_hub_that_is_out_of_the_spec_or_has_no_host_is_not_named() {
    let mut hubs = hub_group("contoso", &[("contoso-west", true), ("contoso-east", true)]);
    hubs.spec.hubs.retain(|hub| hub.name == "contoso-east");
    assert_eq!(named(&object(&json!({})), &hubs, "platform"), Ok(Some(vec![EAST.to_owned()])));
    let status = hubs.status.as_mut().expect("it was seen");
    status.hubs = vec![HubStatus { name: "contoso-east".to_owned(), linked: true, ..HubStatus::default() }];
    assert_eq!(named(&settled(), &hubs, "platform"), Ok(None));
}

#[test]
fn the_hubs_of_another_tenant_are_not_named() {
    let hubs = hub_group("fabrikam", &[("contoso-east", true)]);
    let mut group = object(&json!({}));
    group.metadata.namespace = Some("contoso".to_owned());
    let refused = "NotGranted: hubs of namespace fabrikam can be named here only by whoever owns the provisioning service; move this object to \
                   its namespace, or to that of the hubs";
    assert_eq!(named(&group, &hubs, "platform"), Err(refused.to_owned()));
    assert_eq!(named(&group, &hub_group("contoso", &[("contoso-east", true)]), "platform"), Ok(Some(vec![EAST.to_owned()])));
    assert_eq!(named(&object(&json!({})), &hubs, "platform"), Ok(Some(vec![EAST.to_owned()])));
}

#[test]
fn only_the_hubs_that_are_named_are_taken_and_one_that_is_unknown_is_told() {
    let hubs = hub_group("contoso", &[("contoso-west", true), ("contoso-east", true), ("contoso-new", false)]);
    let group = |named: &[&str]| object(&json!({ "hubs": named }));
    assert_eq!(named(&group(&["Contoso-East"]), &hubs, "platform"), Ok(Some(vec![EAST.to_owned()])));
    assert_eq!(named(&group(&["contoso-west", "contoso-east"]), &hubs, "platform"), Ok(Some(vec![EAST.to_owned(), WEST.to_owned()])));
    assert_eq!(named(&group(&["contoso-east", "contoso-new"]), &hubs, "platform"), Ok(None));
    let refused = "DependencyMissing: TenantHubGroup contoso/hubs has no hub contoso-south; add it there, or correct spec.hubs";
    assert_eq!(named(&group(&["contoso-east", "contoso-south"]), &hubs, "platform"), Err(refused.to_owned()));
}

#[test]
fn a_host_outside_of_azure_is_not_named() {
    let mut hubs = hub_group("contoso", &[("contoso-east", true)]);
    hubs.status.as_mut().expect("it was seen").hubs[0].host_name = Some("contoso-east.example.org".to_owned());
    let refused = "Invalid: hub contoso-east says that its host is one outside of Azure";
    assert_eq!(named(&object(&json!({})), &hubs, "platform"), Err(refused.to_owned()));
}
