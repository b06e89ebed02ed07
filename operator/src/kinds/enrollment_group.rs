//! `EnrollmentGroup`: who may register, and to which hubs.

mod observe;
mod plan;
mod signers;
mod twin;
mod wish;

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::IfMatch;
use moorage_crds::{CommonStatus, EnrollmentGroup, EnrollmentGroupStatus};
use moorage_plan::{Goal, Plan, Reason, Standing};
use serde_json::{Value, json};

use self::{observe::Seen, plan::Action};
use crate::{
    azure::{
        Context, Writer,
        clients::Clients,
        cloud_path, dps,
        enrollment_group::{
            authority_secrets_of, hub_group_of,
            keys::{self, digest_of, id_of},
            service, service_of, webhook,
        },
        usage::What,
    },
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Kind, Performed},
    },
    error::{Error, ObserveError, reached},
    ledger::entries::{ADOPTED, APPLIED, GROUP},
    object::Dependency,
};

/// However a change ends, there may be one group more or one less: what was counted before holds no more.
struct Recount<'a> {
    ctx: &'a Context,
    what: What,
}

impl Drop for Recount<'_> {
    fn drop(&mut self) {
        self.ctx.clients.counts.forget(&self.what);
    }
}

impl Kind for EnrollmentGroup {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    const RELAYS_SECRETS: bool = true;

    type Clients = Clients;
    type Admitted = ();
    type Observed = Seen;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        let objects = [service_of(self), hub_group_of(self)].map(Dependency::Object);
        let keys = keys::has_keys(self).then(|| keys::secret_of(self));
        let secrets = keys.into_iter().chain(authority_secrets_of(self)).chain(webhook::secret_of(self));
        objects.into_iter().chain(secrets.map(Dependency::Secret)).collect()
    }

    fn status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        let status = self.status.as_ref().map(|status| {
            (&status.id_scope, &status.provisioning_host, &status.keys_digest, &status.iot_hubs, &status.certificate_authorities)
        });
        let spec = &self.spec;
        // What enrollments of single devices say as their group does.
        let said = (spec.allocation_policy, &spec.custom_allocation, spec.provisioning_status);
        json!([spec.grants, spec.provisioning_service_ref, said, status, self.metadata.deletion_timestamp.is_some()])
    }

    fn cloud_path(&self, stores: &Objects) -> Option<String> {
        Some(format!("{}/enrollmentGroups/{}", cloud_path::of_enrollments(stores, self)?, id_of(self)))
    }

    fn admit(&self, _: &Caches, _: Goal) -> Result<(), Standing> {
        Ok(())
    }

    async fn observe(&self, ctx: &Context, (): &(), goal: Goal) -> Result<Seen, ObserveError> {
        observe::observe(self, ctx, goal).await
    }

    fn plan(&self, seen: &Seen, goal: Goal, now: Timestamp) -> Plan<Action> {
        match (goal, seen) {
            (_, Seen::Kept { users: Some(users) }) => {
                Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
            }
            (_, Seen::Kept { users: None }) => Plan::met(),
            (Goal::Present, Seen::Looked(seen)) => plan::present(self, seen, now),
            (Goal::Absent, Seen::Looked(seen)) => plan::absent(self, seen),
        }
    }

    /// However it ends, the service tells how many groups it has, and a hub that leaves waits until no group names it.
    async fn perform(&self, writer: &Writer<'_>, action: &Action) -> Performed {
        let performed = Performed::from(carry_out(self, writer, action).await);
        match action {
            Action::Put { condition: IfMatch::Unset, .. } | Action::Delete { .. } => performed.waking(service_of(self)),
            Action::Put { .. } => performed.waking(service_of(self)).waking(hub_group_of(self)),
            Action::Record { .. } | Action::RecordApplied { .. } | Action::StoreKeys { .. } | Action::ForgetKeys => performed,
        }
    }

    fn ready_message(&self, seen: &Seen) -> String {
        let Seen::Looked(seen) = seen else { return String::new() };
        let hubs = seen.group.as_ref().map_or(0, |group| group.hubs().len());
        let hubs = if hubs == 1 { "1 IoT hub".to_owned() } else { format!("{hubs} IoT hubs") };
        format!("Enrollment group {} assigns devices to {hubs} of TenantHubGroup {}", keys::id_of(self), hub_group_of(self).name)
    }

    fn build_status(&self, seen: &Seen, common: CommonStatus) -> Value {
        let before = self.status.clone().unwrap_or_default();
        let status = match seen {
            Seen::Kept { .. } => EnrollmentGroupStatus { common, ..before },
            Seen::Looked(seen) => EnrollmentGroupStatus {
                common,
                enrollment_group_id: Some(keys::id_of(self).to_owned()),
                iot_hubs: seen.group.as_ref().map(|group| group.hubs().into_iter().map(str::to_owned).collect()).unwrap_or_default(),
                id_scope: seen.id_scope.clone(),
                provisioning_host: seen.provisioning_host.clone(),
                keys_secret: seen.stored.as_ref().map(|_| keys::secret_of(self).name.to_string()),
                keys_digest: seen.keys.as_ref().map(digest_of),
                certificate_authorities: seen
                    .group
                    .as_ref()
                    .zip(seen.signers.as_ref())
                    .map(|(there, who)| signers::told(there, who, seen.issues))
                    .unwrap_or_default(),
                adopted: seen.group.as_ref().map(|_| seen.record.as_deref() == Some(ADOPTED)),
                drift: plan::reported(self, seen),
            },
        };
        serde_json::to_value(status).expect("a status serializes")
    }
}

async fn carry_out(group: &EnrollmentGroup, writer: &Writer<'_>, action: &Action) -> Result<(), Error> {
    let enrollments = async || {
        let service = reached(service(writer, group).await)?;
        let enrollments = reached(dps::enrollments(writer, &service).await)?;
        Ok((enrollments, Recount { ctx: writer.context(), what: dps::groups_of(&service) }))
    };
    match action {
        Action::Record { to: Some(to) } => writer.record(&[(GROUP.to_owned(), Some((*to).to_owned()))]).await,
        Action::Record { to: None } => writer.record(&[(GROUP.to_owned(), None), (APPLIED.to_owned(), None)]).await,
        Action::RecordApplied { state } => writer.record(&[(APPLIED.to_owned(), Some(state.clone()))]).await,
        Action::StoreKeys { taken: Some(keys) } => keys::store(writer, group, keys).await,
        Action::StoreKeys { taken: None } => keys::store(writer, group, &keys::generate()).await,
        Action::ForgetKeys => keys::forget(writer, group).await,
        Action::Put { document, condition, id, .. } => {
            let (enrollments, _recount) = enrollments().await?;
            let put = enrollments.put_group(writer.access(), id, document, condition).await;
            put.map(drop).map_err(|error| Error::cloud(format!("failed to write enrollment group {id}"), error))
        }
        Action::Delete { id, condition } => {
            let (enrollments, _recount) = enrollments().await?;
            let deleted = enrollments.delete_group(writer.access(), id, condition).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete enrollment group {id}"), error))
        }
    }
}

#[cfg(test)]
mod tests;
