//! Which hubs a group may name.

use moorage_crds::TenantHubGroup;
use moorage_plan::Standing;

use super::*;
use crate::{azure::facts::HubFacts, error::ObserveError, kinds::enrollment_group::observe::linked_hubs};

fn hub_group(hubs: &[&str]) -> TenantHubGroup {
    let wished: Vec<_> = hubs.iter().map(|name| json!({ "name": name, "location": "eastus" })).collect();
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TenantHubGroup",
        "metadata": metadata("contoso", "hubs"),
        "spec": {
            "accountRef": { "name": "azure" },
            "provisioningServiceRef": { "name": "dps" },
            "resourceGroup": { "name": "rg" },
            "hubs": wished,
        },
    }))
}

fn known(name: &str, linked: bool) -> HubFacts {
    HubFacts { name: name.to_owned(), host: format!("{name}.azure-devices.net"), linked }
}

/// The hosts that a group may name of a hub group with these hubs, if all that is known of them is this; `settled` if it names some already.
fn named(group: &EnrollmentGroup, hubs: &[&str], known: &[HubFacts], settled: bool) -> Result<Option<Vec<String>>, String> {
    let found = linked_hubs(Cloud::public(), group, &hub_group(hubs), known, settled);
    found.map(|hosts| hosts.map(|hosts| hosts.iter().map(ToString::to_string).collect())).map_err(|halt| match halt {
        ObserveError::Blocked(Standing::Stalled(why)) => format!("{}: {}", why.reason, why.note),
        other => format!("{other:?}"),
    })
}

const BOTH: [&str; 2] = ["contoso-west", "contoso-east"];

#[test]
fn a_new_group_waits_until_every_hub_is_linked_and_then_names_them_in_order() {
    let group = object(&json!({}));
    let of = |known: &[HubFacts]| named(&group, &BOTH, known, false);
    let both = Ok(Some(vec![EAST.to_owned(), WEST.to_owned()]));
    assert_eq!(of(&[known("contoso-west", true), known("contoso-east", true)]), both);
    assert_eq!(of(&[known("contoso-west", false), known("contoso-east", true)]), Ok(None));
    assert_eq!(of(&[]), Ok(None));
}

#[test]
fn a_settled_group_follows_the_hubs_but_never_names_none() {
    let group = object(&json!({}));
    let of = |known: &[HubFacts]| named(&group, &BOTH, known, true);
    assert_eq!(of(&[known("contoso-west", false), known("contoso-east", true)]), Ok(Some(vec![EAST.to_owned()])));
    assert_eq!(of(&[known("contoso-east", false)]), Ok(None));
    assert_eq!(of(&[]), Ok(None));
}

#[test]
fn a_hub_that_is_out_of_the_spec_is_not_named() {
    let all = [known("contoso-west", true), known("contoso-east", true)];
    assert_eq!(named(&object(&json!({})), &["contoso-east"], &all, false), Ok(Some(vec![EAST.to_owned()])));
    // Names of hubs have no case in Azure.
    assert_eq!(named(&object(&json!({})), &["Contoso-East"], &all, false), Ok(Some(vec![EAST.to_owned()])));
}

#[test]
fn only_the_hubs_that_are_named_are_taken_and_one_that_is_unknown_is_told() {
    let all = [known("contoso-west", true), known("contoso-east", true), known("contoso-new", false)];
    let of = |hubs: &[&str]| {
        let group = object(&json!({ "hubs": hubs }));
        named(&group, &["contoso-west", "contoso-east", "contoso-new"], &all, false)
    };
    assert_eq!(of(&["Contoso-East"]), Ok(Some(vec![EAST.to_owned()])));
    assert_eq!(of(&["contoso-west", "contoso-east"]), Ok(Some(vec![EAST.to_owned(), WEST.to_owned()])));
    assert_eq!(of(&["contoso-east", "contoso-new"]), Ok(None));
    let refused = "DependencyMissing: TenantHubGroup contoso/hubs has no hub contoso-south; add it there, or correct spec.hubs";
    assert_eq!(of(&["contoso-east", "contoso-south"]), Err(refused.to_owned()));
}

#[test]
fn a_host_outside_of_azure_is_not_named() {
    let elsewhere = HubFacts { host: "contoso-east.example.org".to_owned(), ..known("contoso-east", true) };
    let refused = "Invalid: hub contoso-east says that its host is one outside of Azure";
    assert_eq!(named(&object(&json!({})), &["contoso-east"], &[elsewhere], false), Err(refused.to_owned()));
}
