//! What somebody else changes in hubs that are as their spec says.

use super::*;
use crate::ledger::entries;

/// A group of two hubs that is as its spec says, and was seen to be so.
fn in_place(policy: DriftPolicy) -> Model {
    let mut object = object(&NAMES[..2]);
    object.spec.drift_policy = policy;
    let site = Site::empty().complete(NAMES[0]).complete(NAMES[1]);
    let mut model =
        Model { object, goal: Goal::Present, site, slow: 0, group_moving: 0, group_going: false, others: false, made: BTreeMap::new() };
    assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
    model
}

#[test]
fn what_somebody_else_changed_is_corrected_or_only_told_as_the_policy_says() {
    let change = |model: &mut Model| {
        model.site.hub(NAMES[0]).sku = ("S1".to_owned(), 9);
        model.site.links.retain(|link| link.host != host(NAMES[1]));
    };
    let mut corrected = in_place(DriftPolicy::Correct);
    change(&mut corrected);
    assert_eq!(described(&settle(&mut corrected, Vec::new())), ["met | usable"]);
    assert_eq!(corrected.site.hub(NAMES[0]).sku, ("S1".to_owned(), 2));

    let mut reported = in_place(DriftPolicy::Report);
    change(&mut reported);
    let sentence = "met | drifted: somebody has changed in Azure: a-hub sku, b-hub link (removed); it is left so (driftPolicy: Report): \
                    undo that there, change the spec, or set driftPolicy: Correct";
    assert_eq!(described(&settle(&mut reported, Vec::new())), [sentence]);
    assert_eq!((reported.site.hub(NAMES[0]).sku.clone(), reported.site.links.len()), (("S1".to_owned(), 9), 1));
}

#[test]
fn a_change_of_the_spec_is_carried_out_over_drift_that_was_only_told() {
    let mut model = in_place(DriftPolicy::Report);
    model.site.hub(NAMES[0]).sku = ("S1".to_owned(), 9);
    assert!(settle(&mut model, Vec::new()).drift.is_some());
    model.object.spec.hubs[0].sku.capacity = 3;
    assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
    assert_eq!(model.site.hub(NAMES[0]).sku, ("S1".to_owned(), 3));
}

#[test]
fn a_role_that_somebody_took_is_only_told_where_drift_is_and_nothing_is_written_down_for_it() {
    let mut model = in_place(DriftPolicy::Report);
    model.site = model.site.with_identity();
    for (n, name) in NAMES[..2].iter().enumerate() {
        model.object.spec.hubs[n].link.authentication = LinkAuthentication::Identity;
        annotate(&mut model.object.metadata, RELINK, name);
        settle(&mut model, Vec::new());
    }
    assert_eq!(described(&settle(&mut model, Vec::new())), ["met | usable"]);
    model.site.hub(NAMES[0]).roles.clear();
    model.site.entries.remove(&entries::of(entries::ROLE, NAMES[0]));
    let before = model.site.entries.clone();
    assert!(settle(&mut model, Vec::new()).drift.is_some());
    assert_eq!((model.site.entries.clone(), model.site.hub(NAMES[0]).roles.len()), (before, 0));
}
