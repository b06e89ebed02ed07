//! `TenantHubGroup`: a tenant's regional hubs, linked to a provisioning service.

mod admit;
mod drift;
mod links;
mod observe;
mod perform;
mod plan;
mod roles;
mod status;

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CommonStatus, DeletionPolicy, TenantHubGroup};
use moorage_plan::{Goal, Plan, Standing};
use serde_json::Value;

use self::{admit::Admitted, observe::Observed, perform::Action};
use crate::{
    azure::{Context, Writer, accounts, clients::Clients, cloud_path, facts, iot_hub::service_of},
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Facts, Kind, Performed},
        reconcile::dependents::users_of_kind,
    },
    error::ObserveError,
    object::{Dependency, Keyed, KindName, ObjectKey},
};

impl Kind for TenantHubGroup {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    type Clients = Clients;
    type Admitted = Admitted;
    type Observed = Observed;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        let account = accounts::account_key(&self.spec.account_ref, &self.key().name.namespace);
        [Some(account), service_of(self)].into_iter().flatten().map(Dependency::Object).collect()
    }

    fn common_status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// If nothing of its own, then what devices have to undo that are reached through it.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        status::visible_to_dependents(self)
    }

    fn cloud_path(&self, objects: &Objects) -> Option<String> {
        cloud_path::of_resource_group(objects, &self.spec.account_ref, &self.key().name.namespace, &self.spec.resource_group.name)
    }

    /// One that is kept has nothing to undo itself, but devices may be reached through it.
    fn still_needs(&self, caches: &Caches, used: &ObjectKey) -> bool {
        let (key, undoes) = (self.key(), self.spec.deletion_policy == DeletionPolicy::Delete);
        let has_made = self.has_finalizer() && facts::has_made_through(&caches.ledger.of(&key), used);
        has_made && (undoes || users_of_kind(caches, &key, KindName::DeviceCredential).is_some())
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
        perform::perform(self, writer, action).await
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
