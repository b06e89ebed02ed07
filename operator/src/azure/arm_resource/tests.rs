//! One resource of no kind in particular, in all its phases.

use moorage_plan::Standing;
use proptest::prelude::*;

use super::{ownership::Maker, resource_group::State, *};
use crate::controller::linter::{Named as Action, described, now};

const NAMED: Named<'_> = Named { what: "key vault a", group: "rg" };

#[derive(Clone, Debug)]
struct Vault(Option<&'static str>, Option<&'static str>);

impl Document for Vault {
    fn provisioning_state(&self) -> Option<&str> {
        self.0
    }

    fn own_state(&self) -> Option<&str> {
        self.1
    }

    fn tag(&self, _: &str) -> Option<&str> {
        None
    }

    fn made_by_us(self, _: bool) -> Self {
        self
    }
}

fn group(state: State) -> ObservedGroup {
    ObservedGroup { state, ours: true, empty: true }
}

fn seen(document: Option<Vault>, whose: Whose, record: Option<&str>) -> ObservedResource<Vault> {
    ObservedResource { document, name_is_taken: false, whose, record: record.map(str::to_owned) }
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

fn desired() -> Desired<'static> {
    Desired {
        named: NAMED,
        location: Some("eastus"),
        tags: &NO_TAGS,
        adoption: Adoption::IfUnmanaged,
        granted: Adoption::IfUnmanaged,
        creation: Reason::CreateHub,
        vanished: Some("it has vanished".to_owned()),
        refused: None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands for what makes an action of a step")]
fn action(step: Step) -> Action {
    Action(Reason::UpdateHub, format!("{step:?}"))
}

fn present_as_described(desired: Desired<'_>, state: State, seen: &ObservedResource<Vault>) -> Option<Vec<String>> {
    present(desired, &group(state), seen, now()).err().map(|plan| described(&plan.map(action)))
}

fn nothing() -> ObservedResource<Vault> {
    seen(None, Whose::Theirs(Maker::Stranger), None)
}

#[test]
fn a_resource_is_asked_for_lost_grouped_named_refused_and_then_claimed_and_made() {
    let vanished = ["stuck, Vanished: it has vanished".to_owned()];
    for record in [MADE, ADOPTED] {
        assert_eq!(
            present_as_described(desired(), State::Missing, &ObservedResource { record: Some(record.to_owned()), ..nothing() }).as_deref(),
            Some(&vanished[..])
        );
    }
    let lines =
        |desired: Desired<'_>, state, seen: &ObservedResource<Vault>| present_as_described(desired, state, seen).unwrap_or_default();
    assert_eq!(
        lines(desired(), State::Missing, &nothing())[0],
        "UpdateHub: Group(Create { name: \"rg\", location: \"eastus\", tags: {} })"
    );
    let taken = ObservedResource { name_is_taken: true, ..nothing() };
    let refused = || Desired { refused: Some(Plan::stalled(Reason::QuotaExceeded, "full")), ..desired() };
    assert!(lines(refused(), State::Settled, &taken)[0].starts_with("stuck, NameTaken: the name of key vault a is taken"));
    assert_eq!(lines(refused(), State::Settled, &nothing()), ["stuck, QuotaExceeded: full"]);
    let making = "not yet, CreateHub: Key vault a is being created";
    assert_eq!(lines(desired(), State::Settled, &nothing()), ["UpdateHub: Record(Some(\"claimed\"))", "UpdateHub: Create", making]);
    let claimed = ObservedResource { record: Some(CLAIMED.to_owned()), ..nothing() };
    assert_eq!(lines(desired(), State::Settled, &claimed), ["UpdateHub: Create", making]);
    let unseen = ObservedResource { name_is_taken: true, record: Some(MADE.to_owned()), ..nothing() };
    let told = lines(desired(), State::Settled, &unseen);
    assert!(
        told[0].starts_with("not yet, Vanished: key vault a is not shown in resource group rg, and its name is still taken"),
        "{told:?}"
    );
    let again = Desired { vanished: None, ..desired() };
    assert_eq!(lines(again, State::Settled, &ObservedResource { record: Some(MADE.to_owned()), ..nothing() }).len(), 3);
}

#[test]
fn a_resource_is_in_place_once_both_of_its_states_say_so() {
    let table = [
        (Some("Succeeded"), Some("Active"), Phase::Active),
        (None, None, Phase::Active),
        (Some("Succeeded"), Some("Activating"), Phase::Moving("Succeeded")),
        (Some("Updating"), None, Phase::Moving("Updating")),
        (None, Some("Activating"), Phase::Moving("being set up")),
        (Some("Failed"), Some("Active"), Phase::Active),
        (Some("Failed"), Some("Activating"), Phase::Failed),
        (Some("Canceled"), None, Phase::Failed),
    ];
    for (provisioning, own, expected) in table {
        let vault = Vault(provisioning, own);
        assert_eq!(phase(&vault), expected, "{vault:?}");
        let there = seen(Some(vault), Whose::Ours, Some(MADE));
        assert_eq!(present_as_described(desired(), State::Settled, &there).is_none(), expected == Phase::Active, "{there:?}");
    }
}

#[test]
fn what_stands_against_a_deletion_is_asked_in_order() {
    let wait = |note: &str| Some(Plan::wait(Reason::InUse, note, None));
    let with = |state, in_use: bool, settles_first, ask: bool, undo: bool| {
        let obstacles = Obstacles {
            in_use: wait("used").filter(|_| in_use),
            settles_first,
            unconfirmed: ask.then(|| "sure?".to_owned()),
            undo: wait("undo").filter(|_| undo),
        };
        let there = seen(Some(Vault(Some(state), None)), Whose::Ours, Some(MADE));
        let plan = absent(NAMED, &there, obstacles, Reason::DeleteHub, now(), action).map(|plan| described(&plan)).unwrap_or_default();
        plan.first().cloned().unwrap_or_default()
    };
    let going = "not yet, Provisioning: key vault a is being deleted | again in 2 s";
    assert_eq!(with("Deleting", true, true, true, true), "not yet, InUse: used");
    assert_eq!(with("Deleting", false, true, true, true), going);
    assert_eq!(with("Deleting", false, false, true, true), going);
    assert_eq!(with("Updating", false, true, true, true), "not yet, Provisioning: key vault a is Updating | again in 2 s");
    assert_eq!(with("Updating", false, false, true, true), "not yet, AwaitingConfirmation: sure?");
    assert_eq!(with("Succeeded", false, true, true, true), "not yet, AwaitingConfirmation: sure?");
    assert_eq!(with("Failed", false, true, false, true), "not yet, InUse: undo");
    assert_eq!(with("Succeeded", false, true, false, false), "UpdateHub: Delete");
}

proptest! {
    /// The rules of effects: nothing is made without a claim, and nothing is made, changed or deleted that is not provably ours.
    #[test]
    fn nothing_is_made_over_what_may_be_there_and_nothing_of_others_is_deleted(
        document in prop::option::of((
            prop::sample::select(&[None, Some("Succeeded"), Some("Updating"), Some("Deleting"), Some("Failed")][..]),
            prop::sample::select(&[None, Some("Active"), Some("Activating"), Some("Deleting")][..]),
        )),
        whose in prop::sample::select(&[
            Whose::Ours, Whose::Adopted, Whose::Theirs(Maker::Stranger), Whose::Theirs(Maker::Former), Whose::Theirs(Maker::Living),
        ][..]),
        record in prop::sample::select(&[None, Some(CLAIMED), Some(MADE), Some(ADOPTED)][..]),
        (taken, settles_first) in (any::<bool>(), any::<bool>()),
        state in prop::sample::select(&[State::Missing, State::Moving, State::Settled][..]),
    ) {
        let there = document.map(|(provisioning, own)| Vault(provisioning, own));
        let seen = ObservedResource { name_is_taken: taken && there.is_none(), ..seen(there, whose, record) };
        let steps = present(desired(), &group(state), &seen, now()).err().map(|plan| plan.actions).unwrap_or_default();
        if steps.contains(&Step::Create) {
            prop_assert!(seen.document.is_none() && !seen.name_is_taken && state == State::Settled);
            prop_assert!(record == Some(CLAIMED) || steps.first() == Some(&Step::Record(Some(CLAIMED))), "{:?}", steps);
        }
        prop_assert!(!steps.contains(&Step::Delete) && !steps.contains(&Step::Record(None)));

        let obstacles = Obstacles { in_use: None, settles_first, unconfirmed: None, undo: None };
        let plan = absent(NAMED, &seen, obstacles, Reason::DeleteHub, now(), action);
        let deletes = plan.as_ref().is_some_and(|plan| !plan.actions.is_empty());
        prop_assert!(!deletes || seen.document.is_some() && whose == Whose::Ours, "{:?}", seen);
        prop_assert!(plan.is_none_or(|plan| plan.standing != Standing::Met));
    }
}
