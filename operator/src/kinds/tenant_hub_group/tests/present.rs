//! Hubs that should be there.

use moorage_crds::SkuName;
use moorage_crds::annotations::RECREATE;

use proptest::prelude::*;

use super::*;
use crate::{controller::linter::annotate, ledger::entries};

pub(super) const TO_LINK: &str = "RecordClaim: Write down to.a-hub (set)";
pub(super) const LINK: &str = "LinkHub: Link IoT hub a-hub";
pub(super) const LINKED: &str = "RecordClaim: Write down link.a-hub (set)";
pub(super) const LINKING: &str = "not yet, LinkHub: IoT hub a-hub is being linked";

#[test]
fn hubs_are_claimed_in_one_write_of_the_ledger_before_they_are_made() {
    let two = object(&["a-hub", "b-hub"]);
    let make = |name: &str| format!("CreateHub: Create IoT hub {name} in eastus (S1, units: 2)");
    let making = "not yet, CreateHub: IoT hub a-hub is being created".to_owned();
    let claim = "RecordClaim: Write down hub.a-hub (set), hub.b-hub (set)".to_owned();
    assert_eq!(Site::empty().present(&two), [claim, make("a-hub"), make("b-hub"), making.clone()]);
    let claimed = Site::empty().recorded("hub.a-hub", "claimed").recorded("hub.b-hub", "claimed");
    assert_eq!(claimed.present(&two), [make("a-hub"), make("b-hub"), making.clone()]);
    assert_eq!(
        Site::empty().recorded("hub.a-hub", "claimed").present(&object(&["A-Hub"])),
        [make("A-Hub"), making.replace("a-hub", "A-Hub")]
    );
}

#[test]
fn hubs_that_do_not_fit_into_the_subscription_are_refused_and_those_that_do_are_made() {
    let claimed = |used, limit| {
        let usages = vec![HubUsage { free: true, used: 1, limit: 1 }, HubUsage { free: false, used, limit }];
        Site { usages, ..Site::empty() }.recorded("hub.a-hub", "claimed").recorded("hub.b-hub", "claimed")
    };
    let make = |name: &str| format!("CreateHub: Create IoT hub {name} in eastus (S1, units: 2)");
    let refused = |name, used, beside| {
        format!(
            "stuck, QuotaExceeded: IoT hub {name} does not fit: the subscription has {used} of 50 paid IoT hubs{beside}; delete one, ask \
             Microsoft for more, or use another account"
        )
    };
    let two = object(&["a-hub", "b-hub"]);
    let making = "not yet, CreateHub: IoT hub a-hub is being created".to_owned();
    assert_eq!(claimed(48, 50).present(&two), [make("a-hub"), make("b-hub"), making]);
    assert_eq!(claimed(49, 50).present(&two), [make("a-hub"), refused("b-hub", 49, ", and 1 of this object come first")]);
    assert_eq!(claimed(50, 50).present(&two), [refused("a-hub", 50, "")]);
}

#[test]
fn hubs_without_a_provisioning_service_are_made_and_not_linked() {
    let mut alone = object(&["a-hub"]);
    alone.spec.provisioning_service_ref = None;
    let making = "not yet, CreateHub: IoT hub a-hub is being created".to_owned();
    let make = "CreateHub: Create IoT hub a-hub in eastus (S1, units: 2)".to_owned();
    assert_eq!(Site::empty().recorded("hub.a-hub", "claimed").present(&alone), [make, making]);
    let there = Site::empty().with("a-hub", SiteHub::ours()).recorded("hub.a-hub", "made");
    assert_eq!(there.present(&alone), ["met | usable"]);
    assert_eq!(there.present(&object(&["a-hub"])), [TO_LINK, LINK, LINKED, LINKING]);
}

#[test]
fn their_resource_group_comes_first() {
    let mut site = Site::empty();
    site.group = ObservedGroup { state: State::Missing, ours: false, empty: false };
    let mut hubs = object(&["a-hub"]);
    let made = [
        "CreateResourceGroup: Create resource group contoso-iot in eastus",
        "not yet, CreateResourceGroup: Resource group contoso-iot is being created",
    ];
    assert_eq!(site.present(&hubs), made);
    hubs.spec.resource_group.location = None;
    let asked = "stuck, DependencyMissing: resource group contoso-iot does not exist; create it, or say in which location it is to be made";
    assert_eq!(site.present(&hubs), [asked]);
}

#[test]
fn a_hub_that_has_vanished_is_made_anew_only_when_its_name_is_said() {
    let vanished = "stuck, Vanished: IoT hub a-hub has vanished from Azure, with the identities of its devices; restore it, or annotate \
                    this object with moorage.dev/recreate=a-hub to have it made anew";
    for record in ["made", "adopted"] {
        let site = Site::empty().recorded("hub.a-hub", record);
        let mut hubs = object(&["a-hub"]);
        assert_eq!(site.present(&hubs), [vanished]);
        annotate(&mut hubs.metadata, RECREATE, "b-hub");
        assert_eq!(site.present(&hubs), [vanished]);
        annotate(&mut hubs.metadata, RECREATE, "a-hub");
        let made = ["RecordClaim: Write down hub.a-hub (set)", "CreateHub: Create IoT hub a-hub in eastus (S1, units: 2)"];
        assert_eq!(site.present(&hubs)[..2], made);
    }
}

#[test]
fn a_hub_of_somebody_else_is_adopted_or_refused() {
    use Adoption::{IfUnmanaged, Never};
    let asked = "stuck, AlreadyExists: IoT hub a-hub exists already; set adoption: IfUnmanaged to take it over, or choose another name";
    let ungranted = "stuck, AlreadyExists: IoT hub a-hub exists already and the account's grant does not let this namespace adopt it (adoption: IfUnmanaged); ask its owner";
    let belongs =
        "stuck, AlreadyExists: IoT hub a-hub exists and belongs to another Moorage object (see its tag moorage-owner); choose another name";
    let taken = ["RecordClaim: Write down hub.a-hub (set)", "not yet, RecordClaim: IoT hub a-hub is being adopted"];
    let with = |maker, adoption, granted| {
        let mut hubs = object(&["a-hub"]);
        hubs.spec.hubs[0].adoption = adoption;
        Site { granted, ..Site::empty() }.with("a-hub", SiteHub::of(maker)).plan(&hubs, Goal::Present)
    };
    assert_eq!(described(&with(Maker::Stranger, Never, IfUnmanaged)), [asked]);
    assert_eq!(described(&with(Maker::Stranger, IfUnmanaged, Never)), [ungranted]);
    assert_eq!(described(&with(Maker::Another, IfUnmanaged, IfUnmanaged)), [belongs]);
    let adopting = with(Maker::Stranger, IfUnmanaged, IfUnmanaged);
    assert_eq!(described(&adopting), taken);
    let adopted = [("hub.a-hub", "adopted"), ("at.a-hub", PLACE)].map(|(entry, value)| (entry.to_owned(), Some(value.to_owned())));
    assert!(matches!(&adopting.actions[..], [Action::Record { entries }] if *entries == adopted), "{adopting:?}");
}

#[test]
fn an_adopted_hub_gets_our_policy_and_keeps_its_size() {
    let hubs = object(&["a-hub"]);
    let site = Site::empty().with("a-hub", SiteHub::of(Maker::Stranger)).recorded("hub.a-hub", "adopted");
    let plan = site.plan(&hubs, Goal::Present);
    let policy = [
        "CreateLinkPolicy: Make an access policy for the link in IoT hub a-hub",
        "not yet, CreateLinkPolicy: IoT hub a-hub is being brought to its spec",
    ];
    assert_eq!(described(&plan), policy);
    assert!(matches!(&plan.actions[..], [Action::ChangeHub { size: None, policy: Some(policy), .. }] if policy == POLICY), "{plan:?}");
    let with_policy =
        Site::empty().with("a-hub", SiteHub { policy: Some(1), ..SiteHub::of(Maker::Stranger) }).recorded("hub.a-hub", "adopted");
    assert_eq!(with_policy.present(&hubs), [TO_LINK, LINK, LINKED, LINKING]);
}

#[test]
fn a_hub_of_ours_is_brought_to_its_size_and_gets_our_policy_in_one_write() {
    let mut hubs = object(&["a-hub"]);
    let both = Site::empty().with("a-hub", SiteHub { policy: None, sku: ("S1".to_owned(), 1), ..SiteHub::ours() });
    let plan = both.plan(&hubs, Goal::Present);
    let resized = ["UpdateHub: Bring IoT hub a-hub to S1, units: 2", "not yet, UpdateHub: IoT hub a-hub is being brought to its spec"];
    assert_eq!(described(&plan), resized);
    assert!(matches!(&plan.actions[..], [Action::ChangeHub { size: Some(_), policy: Some(_), .. }]), "{plan:?}");
    let complete = Site::empty().complete("a-hub");
    hubs.spec.hubs[0].sku.name = SkuName::S3;
    let larger =
        ["UpdateHub: Bring IoT hub a-hub to S3, units: 2", "not yet, UpdateHub: IoT hub a-hub is being brought to its spec | usable"];
    assert_eq!(complete.present(&hubs), larger);
}

#[test]
fn a_hub_is_linked_with_the_key_that_the_ledger_then_recognises() {
    let hubs = object(&["a-hub"]);
    let site = Site::empty().with("a-hub", SiteHub::ours());
    let first = ["RecordClaim: Write down hub.a-hub (set)", TO_LINK, LINK, LINKED, "not yet, RecordClaim: IoT hub a-hub is in place"];
    assert_eq!(site.present(&hubs), first);
    let plan = site.recorded("hub.a-hub", "made").plan(&hubs, Goal::Present);
    assert_eq!(described(&plan), [TO_LINK, LINK, LINKED, LINKING]);
    let [Action::Record { .. }, Action::WriteLinks { add, remove }, Action::Record { entries }] = &plan.actions[..] else {
        panic!("{plan:?}")
    };
    assert_eq!((add.len(), add[0].host.to_string(), &add[0].key, add[0].is_new), (1, host("a-hub"), &Some(access(1)), true));
    assert_eq!((add[0].link.allocation_weight, add[0].link.apply_allocation_policy), (5, false));
    assert!(remove.is_empty());
    assert_eq!(*entries, [("link.a-hub".to_owned(), Some(digest_of(&access(1))))]);
    assert_eq!(Site::empty().complete("a-hub").present(&hubs), ["met | usable"]);
}

#[test]
fn a_link_waits_until_those_are_gone_that_were_taken_out_for_it() {
    let hubs = object(&["a-hub"]);
    let mut site = Site::empty().complete("a-hub");
    site.links.clear();
    site.crowded.links = Some("the provisioning service's grant is for 1 hub".to_owned());
    assert_eq!(site.present(&hubs), [LINK, LINKED, LINKING], "it is that one's own, and somebody took it away");
    site.entries.remove("to.a-hub");
    assert_eq!(site.present(&hubs), ["not yet, QuotaExceeded: links wait: the provisioning service's grant is for 1 hub"]);
}

#[test]
fn a_link_of_ours_is_written_again_when_its_key_weight_or_policy_changed_or_the_ledger_lost_it() {
    let hubs = object(&["a-hub"]);
    let mut rolled = Site::empty().complete("a-hub");
    rolled.hub("a-hub").policy = Some(2);
    assert_eq!(rolled.present(&hubs), [LINK, LINKED, LINKING]);
    let forgotten = Site::empty().complete("a-hub");
    let forgotten = Site { entries: forgotten.entries.into_iter().filter(|(entry, _)| entry == "hub.a-hub").collect(), ..forgotten };
    assert_eq!(forgotten.present(&hubs), [TO_LINK, LINK, LINKED, LINKING]);
    let usable = [LINK, LINKED, &format!("{LINKING} | usable")];
    let mut heavier = object(&["a-hub"]);
    heavier.spec.hubs[0].link.allocation_weight = 6;
    assert_eq!(Site::empty().complete("a-hub").present(&heavier), usable);
    let mut shared = object(&["a-hub"]);
    shared.spec.hubs[0].link.apply_allocation_policy = true;
    assert_eq!(Site::empty().complete("a-hub").present(&shared), usable);
}

#[test]
fn a_link_that_somebody_else_wrote_is_left_alone_and_serves() {
    for policy in [None, Some(1)] {
        let site = Site::empty().with("a-hub", SiteHub { policy, ..SiteHub::ours() }).recorded("hub.a-hub", "made");
        assert_eq!(site.linked(SiteLink::foreign("a-hub")).present(&object(&["a-hub"])), ["met | usable"], "{policy:?}");
    }
}

#[test]
fn a_service_with_links_that_do_not_say_how_they_work_is_not_rewritten() {
    let site = Site::empty().with("a-hub", SiteHub::ours()).recorded("hub.a-hub", "made").linked(SiteLink::untold("other"));
    let refused = "stuck, UnknownLinks: the provisioning service has links that do not say how they work, which a write of ours might break; it is not rewritten";
    assert_eq!(site.present(&object(&["a-hub"])), [refused]);
    assert_eq!(Site::empty().complete("a-hub").linked(SiteLink::untold("other")).present(&object(&["a-hub"])), ["met | usable"]);
}

#[test]
fn the_fiftieth_link_is_written_and_the_fifty_first_is_not() {
    let with = |others: usize| {
        let site = Site::empty().with("a-hub", SiteHub::ours()).recorded("hub.a-hub", "made");
        (0..others).fold(site, |site, n| site.linked(SiteLink::foreign(&format!("other-{n}")))).present(&object(&["a-hub"]))
    };
    assert_eq!(with(49), [TO_LINK, LINK, LINKED, LINKING]);
    assert_eq!(with(50), ["stuck, QuotaExceeded: the provisioning service has 50 of 50 linked hubs and needs 1 more; use another"]);
    let mut full = (0..49).fold(Site::empty().complete("a-hub"), |site, n| site.linked(SiteLink::foreign(&format!("other-{n}"))));
    full.hub("a-hub").policy = Some(2);
    assert_eq!(full.present(&object(&["a-hub"])), [LINK, LINKED, LINKING]);
}

#[test]
fn links_wait_for_the_service() {
    // One that is not there comes back only if somebody sees to it.
    for (service, when) in [(None, "30 s"), (Some(("Succeeded", "Transitioning")), "2 s"), (Some(("Accepted", "Active")), "2 s")] {
        let site = Site { service, ..Site::empty() }.with("a-hub", SiteHub::ours()).recorded("hub.a-hub", "made");
        let waits = format!("not yet, DependencyNotReady: the provisioning service is not ready for links yet | again in {when}");
        assert_eq!(site.present(&object(&["a-hub"])), [waits], "{service:?}");
    }
}

#[test]
fn a_hub_is_waited_for_while_it_moves_and_left_to_somebody_when_it_failed() {
    let with = |state| {
        Site::empty().with("a-hub", SiteHub { state, ..SiteHub::ours() }).recorded("hub.a-hub", "made").present(&object(&["a-hub"]))
    };
    let waits = |state| [format!("not yet, Provisioning: IoT hub a-hub is {state} | again in 2 s")];
    assert_eq!(with(("Activating", "Activating")), waits("Activating"));
    assert_eq!(with(("Succeeded", "Transitioning")), waits("Succeeded"));
    assert_eq!(with(("Deleting", "Deleting")), waits("Deleting"));
    let failed = "stuck, Invalid: Azure failed to set IoT hub a-hub up; see why in its activity log, and repeat there what failed";
    assert_eq!(with(("Failed", "Activating")), [failed]);
    // What failed is a change: the hub works as before, and the change is made again.
    assert_eq!(with(("Canceled", "Active")), with(("Succeeded", "Active")));
}

/// What the ledger says of a hub that is linked.
const IN_USE: &str = "platform/azure/s/rg a-hub.azure-devices.net platform/dps";

fn facts_of(site: &Site) -> Option<String> {
    let seen = Observed::Live(Box::new(site.look(&object(&["a-hub"]), Goal::Present)));
    object(&["a-hub"]).facts(&seen).expect("it was looked at").remove("fact.hub.a-hub")
}

#[test]
fn what_is_known_of_a_hub_holds_while_it_is_busy_or_not_shown() {
    let known = || Site::empty().complete("a-hub").recorded("fact.hub.a-hub", IN_USE);
    let with = |state| {
        let mut site = known();
        site.hub("a-hub").state = state;
        site
    };
    for state in [("Succeeded", "Transitioning"), ("Transitioning", "Active"), ("Failed", "Activating"), ("Failed", "Active")] {
        assert_eq!(facts_of(&with(state)).as_deref(), Some(IN_USE), "{state:?}");
        let plan = with(state).present(&object(&["a-hub"])).join("");
        assert!(plan.contains("usable") || plan == "met", "{state:?}: {plan}");
    }
    let mut unseen = Site { taken: true, ..known() };
    unseen.hubs.clear();
    assert_eq!(facts_of(&unseen).as_deref(), Some(IN_USE));
    let plan = unseen.present(&object(&["a-hub"]));
    assert!(plan[0].starts_with("not yet, Vanished: IoT hub a-hub is not shown") && plan[0].ends_with("usable"), "{plan:?}");
    unseen.taken = false;
    assert_eq!(facts_of(&unseen), None, "its name is free: it is lost");
    let mut moved = with(("Succeeded", "Transitioning"));
    moved.entries.insert("fact.hub.a-hub".to_owned(), "platform/azure/s/another a-hub.azure-devices.net platform/dps".to_owned());
    assert_ne!(facts_of(&moved).as_deref(), Some(IN_USE), "it speaks of another place");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No enrollment changes its hubs because of what a hub does at the moment, or of what Azure does not show.
    #[test]
    fn a_hub_that_is_linked_leaves_its_enrollments_only_when_it_is_lost(
        replies in prop::collection::vec(
            (
                prop::option::weighted(0.8, (
                    prop::sample::select(&["Succeeded", "Transitioning", "Failed", "Activating", "Updating"][..]),
                    prop::sample::select(&["Active", "Transitioning", "Activating"][..]),
                )),
                prop::bool::weighted(0.9),
            ),
            1..12,
        ),
    ) {
        let mut site = Site::empty().complete("a-hub").recorded("fact.hub.a-hub", IN_USE);
        let hub = site.hubs["a-hub"].clone();
        for (shown, taken) in replies {
            site.hubs.clear();
            site.taken = taken;
            if let Some(state) = shown {
                site.hubs.insert("a-hub".to_owned(), SiteHub { state, ..hub.clone() });
            }
            let facts = facts_of(&site);
            if shown.is_none() && !taken {
                prop_assert_eq!(facts, None);
                return Ok(());
            }
            prop_assert_eq!(facts.as_deref(), Some(IN_USE), "{:?}", shown);
        }
    }
}

#[test]
fn a_hub_that_refuses_keys_is_not_linked_by_one() {
    let refused = "stuck, LocalAuthDisabled: IoT hub a-hub refuses keys (disableLocalAuth), and it is linked by key; allow keys on it, or set link.authentication: Identity";
    for policy in [None, Some(1)] {
        let site = Site::empty().with("a-hub", SiteHub { refuses_keys: true, policy, ..SiteHub::ours() }).recorded("hub.a-hub", "made");
        assert_eq!(site.present(&object(&["a-hub"])), [refused]);
    }
    let site = Site::empty().with("a-hub", SiteHub { refuses_keys: true, ..SiteHub::ours() }).recorded("hub.a-hub", "made");
    let mut alone = object(&["a-hub"]);
    alone.spec.provisioning_service_ref = None;
    let refused =
        "stuck, LocalAuthDisabled: IoT hub a-hub refuses keys (disableLocalAuth), and devices are made in it by one; allow keys on it";
    assert_eq!(site.present(&alone), [refused]);
}

#[test]
fn a_hub_that_is_stuck_holds_up_no_other() {
    let site = Site::empty().with("a-hub", SiteHub::of(Maker::Stranger)).with("b-hub", SiteHub::ours()).recorded("hub.b-hub", "made");
    let asked = "stuck, AlreadyExists: IoT hub a-hub exists already; set adoption: IfUnmanaged to take it over, or choose another name";
    assert_eq!(
        site.present(&object(&["a-hub", "b-hub"])),
        ["RecordClaim: Write down to.b-hub (set)", "LinkHub: Link IoT hub b-hub", "RecordClaim: Write down link.b-hub (set)", asked]
    );
}

#[test]
fn a_hub_whose_name_is_taken_is_not_made_over_what_may_be_there() {
    let taken = Site { taken: true, ..Site::empty() };
    let refused = "stuck, NameTaken: the name of IoT hub a-hub is taken in the world, and not by one in resource group contoso-iot; choose another name \
                   | again in 300 s";
    assert_eq!(taken.present(&object(&["a-hub"])), [refused]);
    let asked_for = "not yet, Provisioning: IoT hub a-hub was asked for, and is not seen yet; if that lasts, its name is somebody else's, outside \
                     of resource group contoso-iot: choose another | again in 5 s";
    assert_eq!(taken.recorded(&entries::of(entries::HUB, "a-hub"), "claimed").present(&object(&["a-hub"])), [asked_for]);
}

#[test]
fn a_hub_of_somebody_else_is_no_hub_to_use_even_if_it_is_linked() {
    let stranger = SiteHub { maker: Maker::Stranger, tagged: false, ..SiteHub::ours() };
    let site = Site::empty().with("a-hub", stranger).linked(SiteLink::foreign("a-hub"));
    assert!(!site.plan(&object(&["a-hub"]), Goal::Present).usable);
}
