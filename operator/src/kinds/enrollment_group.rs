//! `EnrollmentGroup`: who may register, and to which hubs.

mod admit;
mod authorities;
mod desired;
mod observe;
mod perform;
mod plan;
mod status;
mod succession;

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CommonStatus, EnrollmentGroup};
use moorage_plan::{Goal, Plan, Standing};
use serde_json::{Value, json};

use self::{admit::Admitted, observe::Observed, plan::Action};
use crate::{
    azure::{
        Context, Writer,
        clients::Clients,
        cloud_path,
        enrollment_group::{
            authority_secrets_of, grants_in, hub_group_of,
            keys::{self, id_of},
            service_of, webhook,
        },
    },
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Facts, Kind, Performed},
    },
    error::ObserveError,
    object::Dependency,
};

impl Kind for EnrollmentGroup {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    const RELAYS_SECRETS: bool = true;

    type Clients = Clients;
    type Admitted = Admitted;
    type Observed = Observed;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        let objects = [service_of(self), hub_group_of(self)].map(Dependency::Object);
        let keys = keys::has_keys(self).then(|| keys::secret_of(self));
        let secrets = keys.into_iter().chain(authority_secrets_of(self)).chain(webhook::secret_of(self));
        let grants = std::iter::once(grants_in(&service_of(self)));
        objects.into_iter().chain(secrets.map(Dependency::Secret)).chain(grants).collect()
    }

    fn common_status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    /// Beside what the ledger says of it.
    fn visible_to_dependents(&self) -> Value {
        let spec = &self.spec;
        // What enrollments of single devices say as their group does.
        let said = (spec.allocation_policy, &spec.custom_allocation, spec.provisioning_status);
        json!([spec.grants, spec.tenant_hub_group_ref, said, self.metadata.deletion_timestamp.is_some()])
    }

    fn cloud_path(&self, objects: &Objects) -> Option<String> {
        Some(format!("{}/enrollmentGroups/{}", cloud_path::of_enrollments(objects, self)?, id_of(self)))
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

    fn ready_message(&self, seen: &Observed) -> String {
        status::ready_message(self, seen)
    }

    fn build_status(&self, seen: &Observed, common: CommonStatus) -> Self::Status {
        status::build(self, seen, common)
    }
}

#[cfg(test)]
mod tests;
