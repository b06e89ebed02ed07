//! Hubs that should go: taken out of the spec, or with their group.

use moorage_crds::annotations::CONFIRM_DELETE;

use super::*;
use crate::{
    controller::linter::{annotate, confirm},
    ledger::entries,
    object::KindName,
};

const UNLINK: &str = "UnlinkHub: Unlink a-hub.azure-devices.net";
const UNLINKING: &str = "not yet, UnlinkHub: IoT hub a-hub is being unlinked";
const DELETE: [&str; 2] = ["DeleteHub: Delete IoT hub a-hub", "not yet, DeleteHub: IoT hub a-hub is being deleted"];
const STRUCK: &str = "not yet, DropClaim: IoT hub a-hub is let go";

/// A group without `a-hub`, which it once had, and with nothing else to do.
fn without() -> TenantHubGroup {
    object(&["b-hub"])
}

fn site() -> Site {
    Site::empty().complete("b-hub")
}

fn usable(line: &str) -> String {
    format!("{line} | usable")
}

#[test]
fn a_dropped_hub_is_unlinked_then_deleted_then_forgotten() {
    assert_eq!(site().complete("a-hub").present(&without()), [UNLINK, &usable(UNLINKING)]);
    let unlinked = site().with("a-hub", SiteHub::ours()).recorded("hub.a-hub", "made").recorded("link.a-hub", "digest");
    assert_eq!(unlinked.present(&without()), [DELETE[0], &usable(DELETE[1])]);
    let gone = site().recorded("hub.a-hub", "made").recorded("link.a-hub", "digest");
    assert_eq!(gone.present(&without()), ["DropClaim: Write down hub.a-hub (struck), link.a-hub (struck)", &usable(STRUCK)]);
}

#[test]
fn a_hub_that_was_dropped_before_it_was_in_place_is_found_and_deleted() {
    let made = site().with("a-hub", SiteHub { policy: None, ..SiteHub::ours() }).recorded("hub.a-hub", "claimed");
    assert_eq!(made.present(&without()), [DELETE[0], &usable(DELETE[1])]);
    let never = site().recorded("hub.a-hub", "claimed");
    assert_eq!(never.present(&without()), ["DropClaim: Write down hub.a-hub (struck)", &usable(STRUCK)]);
}

#[test]
fn a_dropped_hub_with_devices_goes_only_when_its_name_confirms_it() {
    let mut full = site().complete("a-hub");
    full.hub("a-hub").devices = 3;
    let asked = "not yet, AwaitingConfirmation: IoT hub a-hub was taken out of the spec and still has 3 devices; annotate this object with \
                 moorage.dev/confirm-delete=a-hub to have it deleted | usable";
    assert_eq!(full.present(&without()), [asked]);
    let confirmed = |word: &str| {
        let mut hubs = without();
        annotate(&mut hubs.metadata, CONFIRM_DELETE, word);
        hubs
    };
    assert_eq!(full.present(&confirmed("b-hub")), [asked]);
    assert_eq!(full.present(&confirmed("A-Hub")), [UNLINK, &usable(UNLINKING)]);
    full.links.retain(|link| link.host != host("a-hub"));
    assert_eq!(full.present(&without()), [asked]);
    assert_eq!(full.present(&confirmed("a-hub")), [DELETE[0], &usable(DELETE[1])]);
}

#[test]
fn a_hub_is_kept_while_an_enrollment_names_it() {
    let named = "not yet, InUse: enrollment group press still assigns devices to IoT hub a-hub; take the hub out of it, or delete it, first | again in 30 s";
    let enrolled = vec![(host("a-hub"), "press".to_owned())];
    let linked = Site { enrolled: enrolled.clone(), ..site().complete("a-hub") };
    assert_eq!(linked.present(&without()), [usable(named)]);
    // Somebody else's link: the hub is ours nevertheless.
    let foreign = site().with("a-hub", SiteHub::ours()).linked(SiteLink::foreign("a-hub")).recorded("hub.a-hub", "made");
    assert_eq!(Site { enrolled, ..foreign }.present(&without()), [usable(named)]);
}

#[test]
fn a_dropped_hub_is_not_touched_while_it_moves_and_a_failed_one_goes_when_confirmed() {
    let with = |state| {
        let mut site = site().complete("a-hub");
        site.hub("a-hub").state = state;
        site
    };
    let waits = "not yet, Provisioning: IoT hub a-hub is Transitioning | again in 2 s";
    assert_eq!(with(("Transitioning", "Transitioning")).present(&without()), [usable(waits)]);
    let asked = "not yet, AwaitingConfirmation: IoT hub a-hub was taken out of the spec and still has an unknown number of devices; \
                 annotate this object with moorage.dev/confirm-delete=a-hub to have it deleted";
    assert_eq!(with(("Failed", "Activating")).present(&without()), [usable(asked)]);
    let mut hubs = without();
    annotate(&mut hubs.metadata, CONFIRM_DELETE, "a-hub");
    let mut failed = with(("Failed", "Activating"));
    assert_eq!(failed.present(&hubs), [UNLINK, &usable(UNLINKING)]);
    failed.links.retain(|link| link.host != host("a-hub"));
    assert_eq!(failed.present(&hubs), [DELETE[0], &usable(DELETE[1])]);
}

#[test]
fn a_dropped_hub_that_is_kept_or_adopted_loses_our_link_and_our_policy_and_nothing_else() {
    let policy = [
        "DeleteLinkPolicy: Take the link's access policy from IoT hub a-hub".to_owned(),
        usable("not yet, DeleteLinkPolicy: The link's policy is being taken from IoT hub a-hub"),
    ];
    let let_go = |entries: &str| [format!("DropClaim: Write down hub.a-hub (struck), {entries}link.a-hub (struck)"), usable(STRUCK)];
    let mut kept = without();
    kept.spec.deletion_policy = DeletionPolicy::Retain;
    let adopted = || SiteHub { policy: Some(1), ..SiteHub::of(Maker::Stranger) };
    let ours = || SiteHub { devices: 9, ..SiteHub::ours() };
    // What stays and was made for this object takes room in its grant.
    for (hubs, hub, record, left) in [(kept, ours(), "made", "left.hub.a-hub (set), "), (without(), adopted(), "adopted", "")] {
        let mut site =
            site().with("a-hub", hub).linked(SiteLink::ours("a-hub")).recorded("hub.a-hub", record).recorded("link.a-hub", "digest");
        assert_eq!(site.present(&hubs), [UNLINK, &usable(UNLINKING)]);
        site.links.retain(|link| link.host != host("a-hub"));
        assert_eq!(site.present(&hubs), policy);
        site.hub("a-hub").policy = None;
        assert_eq!(site.present(&hubs), let_go(left));
    }
}

#[test]
fn a_hub_that_is_to_take_anothers_place_in_a_grant_waits_until_that_is_gone() {
    let swapped = object(&["b-hub"]);
    let mut site = site().with("a-hub", SiteHub { devices: 9, ..SiteHub::ours() }).recorded("hub.a-hub", "made");
    site.crowded.hubs = Some("the account's grant is for 1 hub".to_owned());
    let plan = site.present(&swapped);
    assert!(plan.iter().all(|line| !line.contains("b-hub")) && plan.join("").contains("AwaitingConfirmation"), "{plan:?}");
    site.hubs.clear();
    site.entries.clear();
    let waits = "not yet, QuotaExceeded: IoT hub b-hub waits: the account's grant is for 1 hub";
    assert_eq!(site.present(&swapped), [waits]);
    site.crowded.hubs = None;
    assert!(site.present(&swapped).join("").contains("CreateHub"), "{:?}", site.present(&swapped));
}

#[test]
fn a_hub_of_somebody_else_is_only_struck_from_the_ledger() {
    let struck = ["DropClaim: Write down hub.a-hub (struck)", &usable(STRUCK)];
    for (maker, record) in [(Maker::Stranger, "claimed"), (Maker::Another, "claimed"), (Maker::Another, "made")] {
        let site = site().with("a-hub", SiteHub::of(maker)).linked(SiteLink::foreign("a-hub")).recorded("hub.a-hub", record);
        assert_eq!(site.present(&without()), struck, "{maker:?} {record}");
    }
}

#[test]
fn a_link_that_outlived_its_hub_is_removed() {
    let dangling = site().linked(SiteLink::ours("a-hub")).recorded("hub.a-hub", "made");
    assert_eq!(dangling.present(&without()), [UNLINK, &usable(UNLINKING)]);
    assert_eq!(
        Site { service: None, ..site() }.recorded("hub.a-hub", "made").present(&without())[0],
        "DropClaim: Write down hub.a-hub (struck)"
    );
}

#[test]
fn a_hub_is_not_unlinked_where_a_write_would_break_links_or_the_service_is_busy() {
    let mixed = site().complete("a-hub").linked(SiteLink::untold("other"));
    let refused = "stuck, UnknownLinks: the provisioning service has links that do not say how they work, which a write of ours might break; unlink the hubs there | usable";
    assert_eq!(mixed.present(&without()), [refused]);
    let busy = Site { service: Some(("Transitioning", "Active")), ..site().complete("a-hub") };
    assert_eq!(busy.present(&without()), ["not yet, DependencyNotReady: the provisioning service is busy | again in 2 s | usable"]);
}

#[test]
fn what_is_known_of_devices_goes_with_their_hub_and_not_before() {
    let left = vec![(ObjectKey::new(KindName::DeviceCredential, "contoso", "pump"), "identity.abc".to_owned())];
    let forgets = [
        "DropClaim: Strike the device of DeviceCredential/contoso/pump, whose hub is gone, from the ledger",
        &usable("not yet, DropClaim: What is known of devices is gone with IoT hub a-hub"),
    ];
    let gone = Site { left: left.clone(), ..site() }.recorded("hub.a-hub", "made");
    assert_eq!(gone.present(&without()), forgets);
    let alone = Site { left: left.clone(), ..Site::empty() }.recorded("hub.a-hub", "made");
    assert_eq!(alone.absent(&object(&["a-hub"])), forgets);
    let there = Site { left, ..site().complete("a-hub") };
    assert_eq!(there.present(&without()), [UNLINK, &usable(UNLINKING)]);
}

#[test]
fn a_group_that_is_kept_asks_the_cloud_nothing() {
    assert_eq!(described(&object(&["a-hub"]).plan(&Observed::Kept { devices: None }, Goal::Absent, now())), ["met | usable"]);
}

#[test]
fn a_group_with_devices_goes_only_when_its_uid_confirms_it() {
    let mut full = Site::empty().complete("a-hub").complete("b-hub");
    (full.hub("a-hub").devices, full.hub("b-hub").devices) = (3, 4);
    let mut hubs = object(&["a-hub", "b-hub"]);
    let asked = "not yet, AwaitingConfirmation: 7 devices would lose their identities with the hubs; if you mean it: kubectl annotate \
                 tenanthubgroup -n contoso hubs moorage.dev/confirm-delete=0f4c1d1e-7d0b-4d0e-9d3a-2f1f0c5f3b11 | usable";
    assert_eq!(full.absent(&hubs), [asked]);
    annotate(&mut hubs.metadata, CONFIRM_DELETE, "a-hub");
    assert_eq!(full.absent(&hubs), [asked]);
    confirm(&mut hubs.metadata);
    let once = ["UnlinkHub: Unlink a-hub.azure-devices.net, b-hub.azure-devices.net", &usable(UNLINKING)];
    assert_eq!(full.absent(&hubs), once);
    full.hub("b-hub").state = ("Failed", "Activating");
    assert_eq!(full.absent(&object(&["a-hub", "b-hub"])), [asked.replace("7 devices", "an unknown number of devices")]);
    full.links.clear();
    assert_eq!(full.absent(&hubs), [DELETE[0], "DeleteHub: Delete IoT hub b-hub", &usable(DELETE[1])]);
}

#[test]
fn with_the_hubs_gone_the_resource_group_goes_and_the_ledger_last() {
    let hubs = object(&["a-hub"]);
    let mut gone = Site::empty().recorded("hub.a-hub", "made");
    gone.group.empty = true;
    let group = [
        "DeleteResourceGroup: Delete resource group contoso-iot, which is empty",
        "not yet, DeleteResourceGroup: resource group contoso-iot, which is empty, is being deleted",
    ];
    assert_eq!(gone.absent(&hubs), group);
    let struck = ["DropClaim: Write down hub.a-hub (struck)", "not yet, DropClaim: The ledger is being cleared"];
    gone.group.ours = false;
    assert_eq!(gone.absent(&hubs), struck);
    gone.group = ObservedGroup { state: State::Missing, ours: false, empty: false };
    assert_eq!(gone.absent(&hubs), struck);
    gone.entries.clear();
    assert_eq!(gone.absent(&hubs), ["met | usable"]);
}

#[test]
fn the_resource_group_is_not_deleted_while_a_hub_goes() {
    let mut going = Site::empty().complete("a-hub");
    going.links.clear();
    going.hub("a-hub").state = ("Deleting", "Deleting");
    going.group.empty = true;
    assert_eq!(going.absent(&object(&["a-hub"])), ["not yet, Provisioning: IoT hub a-hub is being deleted | again in 2 s | usable"]);
}

#[test]
fn a_hub_that_was_asked_for_and_is_not_seen_yet_is_waited_for_and_not_left_behind() {
    let unseen = Site { taken: true, ..Site::empty() }.recorded(&entries::of(entries::HUB, "a-hub"), "claimed");
    let waits = unseen.absent(&object(&["a-hub"]));
    assert!(waits[0].starts_with("not yet, Provisioning: IoT hub a-hub was asked for, and is not seen yet"), "{waits:?}");
}
