//! Resource groups in every state.

use super::*;
use crate::controller::linter::{described, now};

const STATES: [State; 3] = [State::Missing, State::Moving, State::Settled];

fn seen(state: State, ours: bool, empty: bool) -> ObservedGroup {
    ObservedGroup { state, ours, empty }
}

#[test]
fn a_missing_group_is_made_where_the_spec_says_and_otherwise_asked_for() {
    let plan = |state, location| {
        missing(&seen(state, false, false), "rg", (location, &BTreeMap::new()), now(), |change| change).as_ref().map(described)
    };
    let created =
        ["CreateResourceGroup: Create resource group rg in eastus", "not yet, CreateResourceGroup: Resource group rg is being created"];
    assert_eq!(plan(State::Missing, Some("eastus")), Some(created.map(str::to_owned).to_vec()));
    let asked = "stuck, DependencyMissing: resource group rg does not exist; create it, or say in which location it is to be made";
    assert_eq!(plan(State::Missing, None), Some(vec![asked.to_owned()]));
    let waits = "not yet, Provisioning: resource group rg is not settled yet | again in 2 s";
    assert_eq!(plan(State::Moving, Some("eastus")), Some(vec![waits.to_owned()]));
    assert_eq!(plan(State::Moving, None), Some(vec![waits.to_owned()]));
    assert_eq!(plan(State::Settled, Some("eastus")), None);
    assert_eq!(plan(State::Settled, None), None);
}

#[test]
fn a_group_is_deleted_only_if_we_made_it_and_nothing_is_in_it() {
    let plan = |seen: ObservedGroup| leftover(&seen, "rg", now(), |change| change).as_ref().map(described);
    let note = "resource group rg, which is empty, is being deleted";
    let deleted =
        ["DeleteResourceGroup: Delete resource group rg, which is empty".to_owned(), format!("not yet, DeleteResourceGroup: {note}")];
    assert_eq!(plan(seen(State::Settled, true, true)), Some(deleted.to_vec()));
    assert_eq!(plan(seen(State::Moving, true, true)), Some(vec![format!("not yet, Provisioning: {note} | again in 2 s")]));
    assert_eq!(plan(seen(State::Missing, true, true)), None);
    for state in STATES {
        assert_eq!(plan(seen(state, true, false)), None, "{state:?} and not empty");
        assert_eq!(plan(seen(state, false, true)), None, "{state:?} and not ours");
        assert_eq!(plan(seen(state, false, false)), None, "{state:?}");
    }
}
