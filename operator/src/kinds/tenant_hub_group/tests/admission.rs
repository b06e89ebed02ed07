//! What is judged of a hub group before Azure is asked.

use moorage_crds::{AzureCloud, CloudAccount, ProvisioningService};

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
    show(caches, group.clone());
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
    let ungranted = "stuck, NotGranted: CloudAccount platform/azure does not exist, or does not grant resource group contoso-iot to namespace \
                     contoso; correct spec.accountRef, or ask its owner to add to spec.grants: {namespaces: [contoso], resourceGroups: \
                     [contoso-iot]}";
    assert_eq!(refused(&caches), ungranted);
    show(&caches, account(&json!([])));
    assert_eq!(refused(&caches), ungranted);
    show(&caches, account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"], "adoption": "IfUnmanaged" }])));
    let ungranted = "stuck, NotGranted: ProvisioningService platform/dps does not exist, or grants nothing to namespace contoso; correct \
                     spec.provisioningServiceRef, or ask its owner to add to spec.grants: {namespaces: [contoso]}";
    assert_eq!(refused(&caches), ungranted);
    show(&caches, service(&json!([])));
    assert_eq!(refused(&caches), ungranted);
    show(&caches, service(&json!([{ "namespaces": ["contoso"] }])));
    let admitted = hubs.admit(&caches, Goal::Present);
    let Ok(Admitted::Granted(grant)) = &admitted else { panic!("{admitted:?}") };
    assert_eq!((grant.account.adoption, grant.service.is_some()), (Adoption::IfUnmanaged, true));
}

#[test]
fn hubs_are_linked_to_a_provisioning_service_of_their_own_cloud_and_can_go_from_another() {
    let caches = granting();
    let mut elsewhere = account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"] }]));
    elsewhere.metadata.name = Some("china".to_owned());
    elsewhere.spec.azure.cloud = AzureCloud::China;
    show(&caches, elsewhere);
    let mut hubs = object(&["a-hub"]);
    assert!(hubs.admit(&caches, Goal::Present).is_ok());
    hubs.spec.account_ref.name = "china".to_owned();
    let refused = hubs.admit(&caches, Goal::Present).err().as_ref().map(described_standing).unwrap_or_default();
    let told = "stuck, Invalid: the hubs are in Azure's cloud China, and ProvisioningService platform/dps is in Public: a provisioning service \
                links hubs of its own cloud only; name one in China, or take an account of Public";
    assert_eq!(refused, told);
    assert!(hubs.admit(&caches, Goal::Absent).is_ok());
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

/// An account that lets the namespace have so many hubs, and a hub group of a name, an age and a policy.
fn granting_hubs(most: i32) -> Caches {
    let caches = caches();
    show(&caches, account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"], "maxHubs": most }])));
    show(&caches, service(&json!([{ "namespaces": ["contoso"] }])));
    caches
}

fn of_age(name: &str, second: u8, hubs: &[&str], policy: DeletionPolicy) -> TenantHubGroup {
    let mut group = object(hubs);
    group.metadata.name = Some(name.to_owned());
    group.metadata.creation_timestamp = Some(read(json!(format!("2026-01-01T00:00:0{second}Z"))));
    group.spec.deletion_policy = policy;
    group
}

/// What is said of the room for a group's hubs: nothing, that it waits for its own, or that there is none.
fn room(caches: &Caches, group: &TenantHubGroup) -> String {
    show(caches, group.clone());
    match group.admit(caches, Goal::Present) {
        Ok(Admitted::Granted(grant)) => {
            grant.crowded.hubs.or(grant.crowded.links).map_or_else(|| "room".to_owned(), |why| format!("waits: {why}"))
        }
        Ok(other) => panic!("{other:?}"),
        Err(standing) => described_standing(&standing),
    }
}

/// Where the hubs are, and another resource group of the same grant.
const HERE: &str = "platform/azure/s/contoso-iot";
const THERE: &str = "platform/azure/s/contoso-other";

const WAITS: &str = "waits: the account's grant is for 1 hub, which leaves no room for another before one that was taken out is gone";

fn no_room(most: &str, first: usize, left: usize, mine: usize) -> String {
    format!(
        "stuck, QuotaExceeded: the account's grant is for {most}; {first} of other objects that come first, {left} that objects left behind \
         and {mine} of this one are too many: take some out, delete what was left behind and its page of the ledger, or ask its owner for more"
    )
}

#[test]
fn a_hub_that_is_there_keeps_its_place_in_a_grant_whoever_is_older() {
    use DeletionPolicy::Delete;
    let (older, younger) = (of_age("older", 1, &["b-hub"], Delete), of_age("younger", 2, &["a-hub"], Delete));
    let caches = granting_hubs(1);
    show(&caches, older.clone());
    show(&caches, younger.clone());
    assert_eq!([room(&caches, &older), room(&caches, &younger)], ["room", "room"], "whoever only asks takes none");
    note(&caches, &younger.key(), &[("hub.a-hub", "made".to_owned()), ("at.a-hub", HERE.to_owned())]);
    assert_eq!([room(&caches, &older), room(&caches, &younger)], [no_room("1 hub", 1, 0, 1), "room".to_owned()]);
}

#[test]
fn one_hub_takes_anothers_place_when_that_is_gone_and_never_if_that_stays() {
    use DeletionPolicy::{Delete, Retain};
    let caches = granting_hubs(1);
    let swapped = |policy| of_age("hubs", 2, &["b-hub"], policy);
    note(&caches, &swapped(Delete).key(), &[("hub.a-hub", "made".to_owned()), ("at.a-hub", HERE.to_owned())]);
    assert_eq!(room(&caches, &swapped(Delete)), WAITS);
    assert_eq!(room(&caches, &swapped(Retain)), no_room("1 hub", 0, 1, 1));
    // Whoever is older and waits for room does not take the place that is being made.
    show(&caches, of_age("older", 1, &["c-hub"], Delete));
    assert_eq!(room(&caches, &swapped(Delete)), WAITS);
    note(&caches, &swapped(Delete).key(), &[("hub.b-hub", "claimed".to_owned()), ("at.b-hub", HERE.to_owned())]);
    assert_eq!(room(&caches, &swapped(Delete)), "room");
    // One that is in another resource group is not deleted from here.
    let elsewhere = granting_hubs(1);
    note(&elsewhere, &swapped(Delete).key(), &[("hub.a-hub", "made".to_owned()), ("at.a-hub", THERE.to_owned())]);
    assert_eq!(room(&elsewhere, &swapped(Delete)), no_room("1 hub", 0, 1, 1));
}

/// A hub does not stop to count because its owner asks for it by another right, or by none.
#[test]
fn a_hub_whose_owner_has_another_account_now_takes_the_room_that_it_took() {
    use DeletionPolicy::Delete;
    let caches = granting_hubs(1);
    let mut moved = of_age("moved", 1, &["a-hub"], Delete);
    note(&caches, &moved.key(), &[("hub.a-hub", "made".to_owned()), ("at.a-hub", HERE.to_owned())]);
    moved.spec.account_ref = read(json!({ "name": "own" }));
    show(&caches, moved);
    assert_eq!(room(&caches, &of_age("hubs", 2, &["b-hub"], Delete)), no_room("1 hub", 0, 1, 1));
    // What it has is nobody's loss.
    let settled = of_age("settled", 3, &["c-hub"], Delete);
    note(&caches, &settled.key(), &[("hub.c-hub", "made".to_owned()), ("at.c-hub", HERE.to_owned())]);
    assert_eq!(room(&caches, &settled), "room");
}

#[test]
fn what_was_let_go_takes_room_once_and_what_was_adopted_none() {
    use DeletionPolicy::Delete;
    let gone = of_age("gone", 1, &[], Delete).key();
    for (entry, value, asked, is_refused) in [
        ("left.hub.a-hub", "platform/azure/s/contoso-iot platform/dps", "b-hub", true),
        ("left.hub.a-hub", "platform/azure/s/contoso-iot", "b-hub", true),
        ("left.hub.a-hub", "fabrikam/azure/s/contoso-iot", "b-hub", false),
        ("left.hub.a-hub", "platform/azure/s/fabrikam-iot", "b-hub", false),
        ("left.hub.a-hub", "", "b-hub", false),
        ("left.hub.a-hub", "platform/azure/s/contoso-iot", "A-hub", false),
        ("left.hub.a-hub", "platform/azure/another/contoso-iot", "b-hub", false),
        ("hub.a-hub", "made", "b-hub", true),
        ("hub.a-hub", "made", "A-hub", false),
        ("hub.a-hub", "adopted", "b-hub", false),
    ] {
        let caches = granting_hubs(1);
        note(&caches, &gone, &[(entry, value.to_owned()), ("at.a-hub", HERE.to_owned())]);
        let told = room(&caches, &of_age("hubs", 2, &[asked], Delete));
        assert_eq!(told, if is_refused { no_room("1 hub", 0, 1, 1) } else { "room".to_owned() }, "{entry}={value}, {asked}");
    }
}

/// What somebody has elsewhere says nothing of what there is here.
#[test]
fn hubs_of_another_account_give_no_place_in_this_one() {
    use DeletionPolicy::{Delete, Retain};
    for policy in [Delete, Retain] {
        let caches = granting_hubs(1);
        note(&caches, &of_age("gone", 1, &[], Retain).key(), &[("hub.a-hub", "made".to_owned()), ("at.a-hub", HERE.to_owned())]);
        let moved = of_age("moved", 2, &["b-hub"], policy);
        let made_at = |place: &str| note(&caches, &moved.key(), &[("hub.b-hub", "made".to_owned()), ("at.b-hub", place.to_owned())]);
        made_at("contoso/own/s/contoso-iot");
        assert_eq!(room(&caches, &moved), no_room("1 hub", 0, 1, 1));
        made_at("contoso/own/another/contoso-iot");
        let elsewhere = "stuck, AlreadyExists: IoT hub b-hub was made, adopted or asked for in another subscription or resource group";
        assert!(room(&caches, &moved).starts_with(elsewhere), "it would be forgotten there");
    }
}

/// A provisioning service that lets a namespace link so many hubs.
fn granting_links(most: i32) -> Caches {
    let caches = caches();
    show(&caches, account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"] }])));
    show(&caches, service(&json!([{ "namespaces": ["contoso"], "maxHubs": most }])));
    caches
}

#[test]
fn of_a_service_s_hubs_those_keep_their_place_that_are_linked_and_not_those_that_are_there() {
    use DeletionPolicy::Delete;
    let caches = granting_links(1);
    let (older, younger) = (of_age("older", 1, &["a-hub"], Delete), of_age("younger", 2, &["b-hub"], Delete));
    let made = |hub: &str| [(format!("hub.{hub}"), "made".to_owned()), (format!("at.{hub}"), HERE.to_owned())];
    let noted = |group: &TenantHubGroup, entries: &[(String, String)]| {
        let entries: Vec<_> = entries.iter().map(|(entry, value)| (entry.as_str(), value.clone())).collect();
        note(&caches, &group.key(), &entries);
    };
    noted(&older, &made("a-hub"));
    noted(&younger, &[&made("b-hub")[..], &[("to.b-hub".to_owned(), "platform/dps".to_owned())]].concat());
    show(&caches, older.clone());
    let full = |first| no_room("1 hub", first, 0, 1).replace("the account's", "the provisioning service's");
    assert_eq!([room(&caches, &younger), room(&caches, &older)], ["room".to_owned(), full(1)]);
}

#[test]
fn hubs_that_are_linked_to_another_service_in_the_name_of_an_object_are_not_forgotten() {
    let (caches, hubs) = (granting(), object(&["a-hub"]));
    note(&caches, &hubs.key(), &[("hub.a-hub", "made".to_owned()), ("to.a-hub", "platform/other".to_owned())]);
    let elsewhere = "stuck, AlreadyExists: IoT hub a-hub is linked to ProvisioningService platform/other in the name of a former object of this \
                     name; name that one in spec.provisioningServiceRef, or make the hub group under another name";
    assert_eq!(room(&caches, &hubs), elsewhere);
    note(&caches, &hubs.key(), &[("left.hub.a-hub", format!("elsewhere; {HERE} platform/other"))]);
    assert_eq!(room(&caches, &hubs), elsewhere, "also one that was let go");
    note(&caches, &hubs.key(), &[("hub.a-hub", "made".to_owned()), ("to.a-hub", "platform/dps".to_owned())]);
    assert_eq!(room(&caches, &hubs), "room");
}

#[test]
fn two_hundred_hub_groups_that_want_the_same_hubs_are_judged_in_no_time() {
    let caches = caches();
    show(&caches, account(&json!([{ "namespaces": ["contoso"], "resourceGroups": ["contoso-*"], "maxHubs": 17, "skus": ["S1"] }])));
    show(&caches, service(&json!([{ "namespaces": ["contoso"], "maxHubs": 17 }])));
    let names: Vec<String> = (0..16).map(|n| format!("a{n}-hub")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for n in 0..200 {
        let age = if n < 198 { 0 } else { u8::try_from(n - 197).expect("few") };
        show(&caches, of_age(&format!("g{n}"), age, &names, DeletionPolicy::Delete));
    }
    let longest = [("g198", 1, 0), ("g199", 2, 16)].map(|(name, age, contested)| {
        let group = of_age(name, age, &names, DeletionPolicy::Delete);
        show(&caches, group.clone());
        let began = std::time::Instant::now();
        assert_eq!(contested_hubs(&group.admit(&caches, Goal::Present)), contested);
        let judged = began.elapsed();
        let made = names.iter().flat_map(|name| [(format!("hub.{name}"), "made".to_owned()), (format!("at.{name}"), HERE.to_owned())]);
        let made: Vec<_> = made.collect();
        note(&caches, &group.key(), &made.iter().map(|(entry, value)| (entry.as_str(), value.clone())).collect::<Vec<_>>());
        judged
    });
    println!("200 hub groups of 16 hubs, judged without optimization in {longest:?}");
    // Without optimization; each by the squares of the groups would be minutes.
    assert!(longest.iter().max() < Some(&std::time::Duration::from_millis(500)), "{longest:?}");
}

fn contested_hubs(admitted: &Result<Admitted, Standing>) -> usize {
    match admitted {
        Ok(Admitted::Granted(grant)) => grant.contested.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hub_is_that_of_who_has_it_here_and_of_nobody_who_only_asks() {
    use DeletionPolicy::Delete;
    let caches = granting();
    let (older, younger) = (of_age("older", 1, &["a-hub"], Delete), of_age("younger", 2, &["A-Hub"], Delete));
    show(&caches, older.clone());
    show(&caches, younger.clone());
    let is_contested = || [&older, &younger].map(|group| !contested(&caches, group).is_empty());
    let noted = |group: &TenantHubGroup, record: &str, place: &str| {
        note(&caches, &group.key(), &[("hub.a-hub", record.to_owned()), ("at.a-hub", place.to_owned())]);
    };
    assert_eq!(is_contested(), [false, false]);
    for record in ["claimed", "made", "adopted"] {
        noted(&younger, record, HERE);
        assert_eq!(is_contested(), [true, false], "{record}");
    }
    // By a restore both may have it.
    noted(&older, "made", HERE);
    assert_eq!(is_contested(), [false, true]);
    note(&caches, &older.key(), &[]);
    let mut elsewhere = of_age("elsewhere", 0, &["a-hub"], Delete);
    elsewhere.spec.resource_group.name = "contoso-else".to_owned();
    show(&caches, elsewhere.clone());
    noted(&younger, "made", THERE);
    assert!(contested(&caches, &older).is_empty(), "it is another hub there");
}
