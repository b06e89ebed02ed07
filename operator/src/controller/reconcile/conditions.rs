//! The part of a status that every kind has.

use moorage_crds::{CommonStatus, annotations};
use moorage_plan::{Goal, Plan, Reason, Standing, Why};

use super::Reconciliation;
use crate::{
    controller::{
        kind::Kind,
        status::{ConditionInputs, was_usable},
    },
    error::bounded,
};

impl<K: Kind> Reconciliation<'_, K> {
    /// Where a plan leaves the object.
    pub(super) fn common(&self, plan: &Plan<K::Action>, ready: String, planned: Vec<String>) -> CommonStatus {
        self.common_of(&plan.standing, plan.usable, ready, planned)
    }

    /// Where an object stands that could not be looked at; whoever asked for a look is not told that it was done.
    pub(super) fn common_unseen(&self, standing: &Standing) -> CommonStatus {
        let before = self.object.common_status();
        let usable = was_usable(before) && matches!(standing, Standing::Reconciling(_));
        let common = self.common_of(standing, usable, ready_message_of(before), Vec::new());
        CommonStatus { sync_requested_at: before.and_then(|before| before.sync_requested_at.clone()), ..common }
    }

    fn common_of(&self, standing: &Standing, usable: bool, ready: String, planned: Vec<String>) -> CommonStatus {
        let (object, goal) = (self.object, self.object.goal());
        let generation = object.meta().generation;
        let paused = object.is_annotated(annotations::PAUSED) && goal == Goal::Present;
        let on_hold =
            Standing::Stalled(Why::new(Reason::Paused, "paused by annotation moorage.dev/paused; status.planned tells what would be done"));
        let standing = if paused && !planned.is_empty() { &on_hold } else { standing };
        let inputs = ConditionInputs { goal, standing, usable, ready, generation, now: self.now };
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
