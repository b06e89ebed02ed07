//! The part of a status that every kind has.

use jiff::Timestamp;
use moorage_crds::{CommonStatus, annotations};
use moorage_plan::{Goal, Plan, Reason, Standing, Why};

use super::Reconciliation;
use crate::{
    controller::{
        kind::Kind,
        readiness::{KnownUse, Look, is_ready},
        status::{ConditionInputs, Drift, was_usable},
    },
    error::bounded,
};

/// What was seen of an object, as its conditions tell it.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    usable: bool,
    ready: String,
    drift: Option<String>,
}

impl Sight {
    /// What a plan says of what was seen, with what is then said of its use.
    pub fn of<A>(plan: &Plan<A>, ready: String) -> Self {
        Self { usable: plan.usable, ready, drift: plan.drift.clone() }
    }
}

impl<K: Kind> Reconciliation<'_, K> {
    /// Where an object stands that was looked at.
    pub(super) fn common(&self, standing: &Standing, sight: &Sight, planned: Vec<String>) -> CommonStatus {
        let usable = is_ready(Look::Seen { usable: sight.usable }, standing, self.now);
        let drift = sight.drift.as_deref().map_or(Drift::None, Drift::Left);
        self.common_of(standing, usable, sight.ready.clone(), drift, planned)
    }

    /// Where an object stands that could not be looked at; whoever asked for a look is not told that it was done.
    pub(super) fn common_unseen(&self, standing: &Standing) -> CommonStatus {
        let before = self.object.common_status();
        let usable = is_ready(Look::Unseen(self.known()), standing, self.now);
        let common = self.common_of(standing, usable, ready_message_of(before), Drift::Unseen, Vec::new());
        CommonStatus { sync_requested_at: before.and_then(|before| before.sync_requested_at.clone()), ..common }
    }

    fn known(&self) -> KnownUse {
        KnownUse {
            was_usable: was_usable(self.object.common_status()),
            until: self.object.usable_until(self.ctx.caches()),
            works_by_itself: K::WORKS_BY_ITSELF,
        }
    }

    /// When what it has ends that could not be looked at, if that is still to come.
    pub(super) fn end_of_use(&self) -> Option<Timestamp> {
        let until = self.object.usable_until(self.ctx.caches());
        (self.now < until && until < Timestamp::MAX).then_some(until)
    }

    fn common_of(&self, standing: &Standing, usable: bool, ready: String, drift: Drift<'_>, planned: Vec<String>) -> CommonStatus {
        let (object, goal) = (self.object, self.object.goal());
        let generation = object.meta().generation;
        let paused = object.is_annotated(annotations::PAUSED) && goal == Goal::Present;
        let on_hold =
            Standing::Stalled(Why::new(Reason::Paused, "paused by annotation moorage.dev/paused; status.planned tells what would be done"));
        let standing = if paused && !planned.is_empty() { &on_hold } else { standing };
        let warnings = [self.controller.warnings(K::KIND), object.warnings(&self.controller.clock)].concat();
        let inputs = ConditionInputs { goal, standing, usable, ready, drift, warnings: &warnings, generation, now: self.now };
        let before = object.common_status().map(|status| status.conditions.as_slice()).unwrap_or_default();
        CommonStatus {
            observed_generation: generation.unwrap_or(-1),
            conditions: inputs.conditions(before),
            planned,
            sync_requested_at: object.annotation(annotations::SYNC_REQUESTED_AT).map(|text| bounded(text, 64)),
        }
    }
}

/// What the condition `Ready` said when it held last.
fn ready_message_of(before: Option<&CommonStatus>) -> String {
    let ready = before.and_then(|before| before.conditions.iter().find(|one| one.type_ == moorage_crds::conditions::READY));
    ready.filter(|ready| ready.status == "True").map(|ready| ready.message.clone()).unwrap_or_default()
}
