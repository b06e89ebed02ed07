//! `CloudAccount`: who the operator is in a cloud.

mod admit;
mod observe;
mod perform;
mod plan;
mod status;

use self::{admit::Admitted, observe::Observed, plan::Action};
use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CloudAccount, CommonStatus};
use moorage_plan::{Goal, Plan, Standing, Why};
use serde_json::{Value, json};

use crate::{
    azure::{Context, Writer, accounts, clients::Clients},
    clock::Clock,
    controller::{
        context::Caches,
        kind::{Kind, Performed},
        status::was_usable,
    },
    error::ObserveError,
    object::Dependency,
};

impl Kind for CloudAccount {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    const WORKS_BY_ITSELF: bool = false;

    type Clients = Clients;
    type Admitted = Admitted;
    type Observed = Observed;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        accounts::secret_of(self).map(Dependency::Secret).into_iter().collect()
    }

    fn common_status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made: a namespace's deletion finds it last.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        let accepted = self.status.as_ref().map(|status| &status.identity);
        json!([self.spec, was_usable(self.common_status()), accepted, self.metadata.deletion_timestamp.is_some()])
    }

    fn admit(&self, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
        admit::admit(self, caches, goal)
    }

    async fn observe(&self, ctx: &Context, admitted: &Admitted, _: Goal) -> Result<Observed, ObserveError> {
        observe::observe(self, ctx, admitted).await
    }

    fn plan(&self, seen: &Observed, _: Goal, _: Timestamp) -> Plan<Action> {
        plan::plan(seen)
    }

    async fn perform(&self, _: &Writer<'_>, action: &Action) -> Performed {
        perform::perform(action)
    }

    fn headroom(&self, seen: &Observed) -> Vec<(&'static str, i64)> {
        status::headroom(seen)
    }

    fn warnings(&self, clock: &Clock) -> Vec<Why> {
        status::clock_warning(clock.correction()).into_iter().collect()
    }

    fn ready_message(&self, _: &Observed) -> String {
        status::ready_message(self)
    }

    fn build_status(&self, seen: &Observed, common: CommonStatus) -> Self::Status {
        status::build(self, seen, common)
    }
}

#[cfg(test)]
mod tests;
