//! `ProvisioningService`: one DPS, shared by tenants.

mod admit;
mod observe;
mod perform;
mod plan;
mod status;

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CommonStatus, ProvisioningService};
use moorage_plan::{Goal, Plan, Standing};
use serde_json::Value;

use self::{admit::Admitted, observe::Observed, perform::Action};
use crate::{
    azure::{Context, Writer, accounts, clients::Clients, cloud_path},
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Facts, Kind, Performed},
    },
    error::ObserveError,
    object::{Dependency, Keyed},
};

impl Kind for ProvisioningService {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    type Clients = Clients;
    type Admitted = Admitted;
    type Observed = Observed;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        vec![Dependency::Object(accounts::account_key(&self.spec.account_ref, &self.key().name.namespace))]
    }

    fn common_status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        status::visible_to_dependents(self)
    }

    fn cloud_path(&self, objects: &Objects) -> Option<String> {
        cloud_path::of_service(objects, self)
    }

    fn admit(&self, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
        admit::admit(self, caches, goal)
    }

    async fn observe(&self, ctx: &Context, admitted: &Admitted, goal: Goal) -> Result<Observed, ObserveError> {
        observe::observe(self, ctx, admitted, goal).await
    }

    fn plan(&self, seen: &Observed, goal: Goal, now: Timestamp) -> Plan<Action> {
        plan::plan(self, seen, goal, now)
    }

    async fn perform(&self, writer: &Writer<'_>, action: &Action) -> Performed {
        perform::perform(self, writer, action).await.into()
    }

    fn facts(&self, seen: &Observed) -> Option<Facts> {
        status::facts(seen)
    }

    fn headroom(&self, seen: &Observed) -> Vec<(&'static str, i64)> {
        status::headroom(seen)
    }

    fn ready_message(&self, seen: &Observed) -> String {
        status::ready_message(self, seen)
    }

    fn build_status(&self, seen: &Observed, common: CommonStatus) -> Self::Status {
        status::build_status(self, seen, common)
    }
}

#[cfg(test)]
mod tests;
