//! Links by the identity of the provisioning service, and links that are made anew.

use moorage_crds::annotations::RELINK;

use super::{
    present::{LINK, LINKED, LINKING, TO_LINK},
    *,
};
use crate::{controller::linter::annotate, ledger::entries::CLAIMED};

#[test]
fn s0_3_a_link_by_identity_is_written_down_before_it_is_made_and_after_the_role_that_it_needs() {
    let hubs = keyless(object(&["a-hub"]));
    let plain = SiteHub { policy: None, ..SiteHub::ours() };
    let site = Site::empty().with("a-hub", plain.clone()).recorded("hub.a-hub", "made");
    let no_identity = "not yet, DependencyNotReady: IoT hub a-hub is to be linked by identity, and the provisioning service has none yet; if its \
                       ProvisioningService has no spec.identity, set it to SystemAssigned";
    assert_eq!(site.present(&hubs), [no_identity]);
    let gone = Site { service: None, ..site.clone() };
    let not_there = "not yet, DependencyNotReady: IoT hub a-hub is to be linked by identity, and the provisioning service is not ready for links yet | again in 30 s";
    assert_eq!(gone.present(&hubs), [not_there]);
    let site = site.with_identity();
    assert_eq!(
        site.present(&hubs),
        [
            "RecordClaim: Write down role.a-hub (set)",
            "AssignRole: Let the provisioning service into IoT hub a-hub by its identity",
            "not yet, AssignRole: The provisioning service is being let into IoT hub a-hub",
        ]
    );
    let site = site.with("a-hub", SiteHub { roles: vec![role_on("a-hub")], ..plain }).recorded("role.a-hub", CLAIMED);
    assert_eq!(site.present(&hubs), [LINKED, "not yet, RecordClaim: IoT hub a-hub is being linked"]);
    let site = site.recorded("link.a-hub", BY_IDENTITY);
    assert_eq!(site.present(&hubs), [TO_LINK, LINK, LINKING]);
    assert_eq!(site.linked(SiteLink::by_identity("a-hub")).present(&hubs), ["met | usable"]);
}

#[test]
fn the_role_of_a_service_that_was_made_anew_takes_the_place_of_the_one_that_we_gave_before() {
    let former = RoleAssignment { principal: "a principal that is gone".to_owned(), ..role_on("a-hub") };
    let hub = SiteHub { policy: None, roles: vec![former], ..SiteHub::ours() };
    let site = Site::empty().with_identity().with("a-hub", hub).recorded("hub.a-hub", "made").recorded("role.a-hub", CLAIMED);
    let assign = "AssignRole: Let the provisioning service into IoT hub a-hub by its identity, in place of the one that it had before";
    let standing = "not yet, AssignRole: The provisioning service is being let into IoT hub a-hub";
    assert_eq!(site.present(&keyless(object(&["a-hub"]))), [assign, standing]);
}

#[test]
fn a_role_that_nobody_needs_any_more_is_taken_away_and_then_struck_from_the_ledger() {
    let hubs = object(&["a-hub"]);
    let site = Site::empty().with_identity().complete("a-hub").recorded("role.a-hub", CLAIMED);
    let given = site.clone().with("a-hub", SiteHub { roles: vec![role_on("a-hub")], ..SiteHub::ours() });
    let taken = [
        "DeleteRole: Take the provisioning service's role from IoT hub a-hub",
        "not yet, DeleteRole: The provisioning service's role is being taken from IoT hub a-hub | usable",
    ];
    assert_eq!(given.present(&hubs), taken);
    let struck = [
        "DropClaim: Write down role.a-hub (struck)",
        "not yet, DropClaim: The provisioning service has no role on IoT hub a-hub any more | usable",
    ];
    assert_eq!(site.present(&hubs), struck);
}

#[test]
fn a_role_that_somebody_else_gave_is_as_good_and_is_not_taken_away() {
    let given = RoleAssignment { name: "theirs".to_owned(), principal: PRINCIPAL.to_uppercase() };
    let hub = SiteHub { policy: None, roles: vec![given], ..SiteHub::ours() };
    let site = Site::empty().with_identity().with("a-hub", hub).recorded("hub.a-hub", "made").recorded("link.a-hub", BY_IDENTITY);
    assert_eq!(site.present(&keyless(object(&["a-hub"]))), [TO_LINK, LINK, LINKING]);
    let leaving = site.linked(SiteLink::by_identity("a-hub")).absent(&object(&["a-hub"]));
    assert!(leaving.iter().all(|line| !line.contains("DeleteRole")), "{leaving:?}");
}

#[test]
fn a_link_by_identity_that_we_did_not_write_down_is_somebody_elses_and_is_left_alone() {
    let site = Site::empty().with_identity().with("a-hub", SiteHub { roles: vec![role_on("a-hub")], policy: None, ..SiteHub::ours() });
    let site = site.recorded("hub.a-hub", "made").linked(SiteLink { weight: 9, ..SiteLink::by_identity("a-hub") });
    assert_eq!(site.present(&keyless(object(&["a-hub"]))), ["met | usable"]);
}

#[test]
fn a_link_is_made_to_work_in_another_way_only_when_that_was_confirmed() {
    let mut hubs = keyless(object(&["a-hub"]));
    let site = Site::empty().with_identity().complete("a-hub");
    let site = site.with("a-hub", SiteHub { roles: vec![role_on("a-hub")], ..SiteHub::ours() });
    let ask = "not yet, AwaitingConfirmation: IoT hub a-hub is linked by key, and Azure does not change that in place; annotate this object with \
               moorage.dev/relink=a-hub to have it unlinked and linked anew: a device that registers in that moment may be given another hub | \
               usable";
    assert_eq!(site.present(&hubs), [ask]);
    annotate(&mut hubs.metadata, RELINK, "a-hub");
    assert_eq!(site.present(&hubs), ["UnlinkHub: Unlink a-hub.azure-devices.net", &format!("{LINKING} | usable")]);
}

#[test]
fn a_link_to_a_hub_that_is_no_more_is_replaced_when_the_hub_is_made_anew() {
    let hubs = object(&["a-hub"]);
    let site = Site::empty().linked(SiteLink::foreign("a-hub"));
    let make = "CreateHub: Create IoT hub a-hub in eastus (S1, units: 2)";
    let making = "not yet, CreateHub: IoT hub a-hub is being created";
    assert_eq!(site.present(&hubs), ["RecordClaim: Write down hub.a-hub (set), link.a-hub (set)", make, making]);
    let site = site.recorded("hub.a-hub", "made").recorded("link.a-hub", STALE).with("a-hub", SiteHub::ours());
    assert_eq!(site.present(&hubs), ["UnlinkHub: Unlink a-hub.azure-devices.net", LINKING]);
    let unlinked = Site { links: Vec::new(), ..site };
    assert_eq!(unlinked.present(&hubs), [TO_LINK, LINK, LINKED, LINKING]);
}
