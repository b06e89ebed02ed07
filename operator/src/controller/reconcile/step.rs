//! What a plan comes to, given how its object is held: one of four.

use moorage_crds::annotations;
use moorage_plan::{Goal, Plan, Standing};

use crate::controller::kind::Kind;

/// What is done next for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Our finalizer is put on it, so that it cannot go before what is made for it is undone.
    AddFinalizer,
    /// The plan's actions are performed.
    Act,
    /// Our finalizer is taken off it: nothing is left to undo.
    RemoveFinalizer,
    /// Its status says where it stands.
    Report,
}

/// How an object is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    /// What it wants.
    pub goal: Goal,
    /// Its owner wants nothing done for it (`moorage.dev/paused`); a deletion is carried out all the same.
    pub paused: bool,
    /// Something will be to undo when it goes.
    pub to_undo: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
}

impl Hold {
    /// How an object is held.
    pub fn of<K: Kind>(object: &K) -> Self {
        Self {
            goal: object.goal(),
            paused: object.is_annotated(annotations::PAUSED),
            to_undo: object.has_something_to_undo(),
            finalizer: object.has_finalizer(),
        }
    }

    /// What follows from a plan.
    pub fn step<A>(self, plan: &Plan<A>) -> Step {
        let present = self.goal == Goal::Present;
        let on_hold = present && self.paused;
        if present && !on_hold && self.to_undo && !self.finalizer {
            return Step::AddFinalizer;
        }
        if !plan.actions.is_empty() && !on_hold {
            return Step::Act;
        }
        if !present && plan.standing == Standing::Met { Step::RemoveFinalizer } else { Step::Report }
    }
}

#[cfg(test)]
mod tests {
    use moorage_plan::Reason;

    use super::*;

    fn plans() -> [Plan<&'static str>; 3] {
        [
            Plan::met(),
            Plan::wait(Reason::Provisioning, "it is being made", None),
            Plan::act(vec!["make it"], Reason::CreateHub, "It is being made"),
        ]
    }

    /// Every way in which an object can be held.
    fn holds() -> impl Iterator<Item = Hold> {
        (0..16_u8).map(|bits| {
            let is = |bit: u8| bits & bit != 0;
            let goal = if is(1) { Goal::Absent } else { Goal::Present };
            Hold { goal, paused: is(2), to_undo: is(4), finalizer: is(8) }
        })
    }

    #[test]
    fn nothing_is_done_for_an_object_that_could_go_before_it_is_undone() {
        for hold in holds().filter(|hold| hold.goal == Goal::Present && hold.to_undo && !hold.finalizer) {
            let expected = if hold.paused { Step::Report } else { Step::AddFinalizer };
            assert!(plans().iter().all(|plan| hold.step(plan) == expected), "{hold:?}");
        }
    }

    #[test]
    fn an_object_goes_only_when_it_is_to_and_nothing_is_left_to_do() {
        let [met, waiting, acting] = plans();
        for hold in holds() {
            let goes = hold.step(&met) == Step::RemoveFinalizer;
            assert_eq!(goes, hold.goal == Goal::Absent, "{hold:?}");
            assert!([&waiting, &acting].iter().all(|plan| hold.step(plan) != Step::RemoveFinalizer), "{hold:?}");
        }
    }

    #[test]
    fn a_pause_holds_back_everything_but_the_status_and_a_deletion() {
        let [met, waiting, acting] = plans();
        for hold in holds().filter(|hold| hold.paused) {
            let deleted = hold.goal == Goal::Absent;
            assert_eq!(hold.step(&acting), if deleted { Step::Act } else { Step::Report }, "{hold:?}");
            assert_eq!(hold.step(&waiting), Step::Report, "{hold:?}");
            assert!(deleted || hold.step(&met) == Step::Report, "{hold:?}");
        }
    }

    #[test]
    fn what_is_planned_is_done_and_otherwise_the_status_says_where_it_stands() {
        let [met, waiting, acting] = plans();
        let hold = Hold { goal: Goal::Present, paused: false, to_undo: true, finalizer: true };
        assert_eq!([&met, &waiting, &acting].map(|plan| hold.step(plan)), [Step::Report, Step::Report, Step::Act]);
    }
}
