//! `DeviceCredential`: what one device needs, kept in a Secret.
//!
//! Most are computed from a group's two keys, which are in memory: such a credential costs one write of its Secret and one of its
//! status, and no request to a cloud. Barring its device on deletion, letting it in again, keys of its own, and what it logs in to its
//! hub with take requests.

mod assigned;
mod claims;
mod content;
mod custody;
mod disenrollment;
mod enrolled;
mod home;
mod identity;
mod leaf;
mod observe;
mod plan;
mod reprovisioning;
mod secret;
mod tokens;
mod writing;

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{
    AssignedHub as HubStatus, CommonStatus, DeviceCredential, DeviceCredentialStatus, DevicePolicy, EnrollmentGroup, Slot, TenantHubGroup,
    annotations as names,
};
use moorage_plan::{Goal, Plan, Standing};
use serde_json::Value;

use self::{
    content::Origin,
    home::AssignedHub,
    identity::hub_group_of,
    observe::{Seen, SeenKeys, SeenWithKeys, group_of, registration_id_of, secret_of},
    plan::Action,
};
use crate::{
    azure::{self, Context, Writer, clients::Clients, cloud_path},
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Kind, Performed},
    },
    error::ObserveError,
    object::{Dependency, Keyed},
};

impl Kind for DeviceCredential {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_hours(6);
    type Clients = Clients;
    type Admitted = ();
    type Observed = Seen;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        let of_group =
            group_of(self).into_iter().flat_map(|group| [Dependency::Object(group), azure::registration_id(registration_id_of(self))]);
        let of_hub = self.spec.hub_ref.iter().map(|hub| Dependency::Object(hub_group_of(self, hub)));
        let ordered = leaf::order::issuer_of(self).map(|_| Dependency::Secret(leaf::order::name_of(self)));
        of_group.chain(of_hub).chain(claims::rights_in_hubs(self)).chain(ordered).chain([Dependency::Secret(secret_of(self))]).collect()
    }

    fn status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    fn has_something_to_undo(&self) -> bool {
        self.spec.deletion_policy != DevicePolicy::Retain
    }

    fn visible_to_dependents(&self) -> Value {
        Value::Null
    }

    fn cloud_path(&self, stores: &Objects) -> Option<String> {
        let namespace = &self.key().name.namespace;
        if let Some(hub) = &self.spec.hub_ref {
            let group = stores.of::<TenantHubGroup>().get(&hub_group_of(self, hub).name)?;
            let path = cloud_path::of_resource_group(stores, &group.spec.account_ref, namespace, &group.spec.resource_group.name)?;
            return Some(format!("{path}/providers/Microsoft.Devices/IotHubs/{}", hub.hub));
        }
        let group = stores.of::<EnrollmentGroup>().get(&group_of(self)?.name)?;
        Some(format!("{}/enrollments", cloud_path::of_enrollments(stores, &group)?))
    }

    fn calls_cloud(&self) -> bool {
        let leaves = self.metadata.deletion_timestamp.is_some();
        leaves || self.spec.hub_ref.is_some() || self.spec.individual_enrollment.is_some() || assigned::is_asked_for(self)
    }

    fn admit(&self, _: &Caches, _: Goal) -> Result<(), Standing> {
        Ok(())
    }

    async fn observe(&self, ctx: &Context, (): &(), goal: Goal) -> Result<Seen, ObserveError> {
        observe::observe(self, ctx, goal).await
    }

    fn plan(&self, seen: &Seen, goal: Goal, now: Timestamp) -> Plan<Action> {
        match (goal, seen) {
            // The Secret goes with its owner; nothing else was made.
            (_, Seen::Nothing) | (Goal::Absent, Seen::Keys(_) | Seen::SignedHere(_) | Seen::CertManager(_)) => Plan::met(),
            (Goal::Absent, Seen::Enrollment(seen)) => disenrollment::disenroll(seen, now).map(Action::Enrollment),
            (Goal::Present, Seen::Enrollment(seen)) => disenrollment::reenroll(seen).map(Action::Enrollment),
            (_, Seen::Identity(seen)) => identity::leave(seen).map(Action::Leave),
            (Goal::Present, Seen::Keys(seen)) => plan::plan(self, seen, now),
            (Goal::Present, Seen::SignedHere(seen)) => leaf::plan(self, seen, now),
            (Goal::Present, Seen::CertManager(seen)) => leaf::order::plan(self, seen, now),
        }
    }

    async fn perform(&self, writer: &Writer<'_>, action: &Action) -> Performed {
        let result = match action {
            Action::Write { at, content, revision, over, .. } => {
                writing::write(self, writer, at, content, *revision, over.as_deref()).await
            }
            Action::Delete(at) => writer.delete_secret(at).await,
            Action::Enrollment(step) => disenrollment::perform(self, writer, step).await,
            Action::Reprovision(step) => reprovisioning::perform(self, writer, step).await,
            Action::Keys(step) => writing::bring(self, writer, step).await,
            Action::Leave(step) => identity::perform(self, writer, step).await,
            Action::Certificate(step) => leaf::perform(self, writer, step).await,
            Action::Order(step) => leaf::order::perform(self, writer, step).await,
        };
        result.into()
    }

    fn ready_message(&self, seen: &Seen) -> String {
        observe::ready_message(self, seen)
    }

    fn build_status(&self, seen: &Seen, common: CommonStatus) -> Value {
        let status = match seen {
            Seen::Nothing | Seen::Enrollment(_) | Seen::Identity(_) => {
                DeviceCredentialStatus { common, ..self.status.clone().unwrap_or_default() }
            }
            Seen::Keys(seen) => status_of(self, seen, common),
            Seen::SignedHere(seen) => leaf::told(self, seen, common),
            Seen::CertManager(seen) => leaf::order::told(self, seen, common),
        };
        serde_json::to_value(status).expect("a status serializes")
    }
}

fn status_of(credential: &DeviceCredential, seen: &SeenWithKeys, common: CommonStatus) -> DeviceCredentialStatus {
    let meta = seen.secret.as_ref().map(|secret| &*secret.meta);
    let written = meta.map(plan::key_annotations_of);
    let lives = written.map(|written| seen.renewals.asked(written.lives)).unwrap_or_default();
    let token = lives.first_to_end();
    let (registration_id, id_scope) = match &seen.origin {
        Origin::Service { registration_id, id_scope, .. } => (Some(registration_id), Some(id_scope)),
        Origin::Hub { .. } => (None, None),
    };
    DeviceCredentialStatus {
        common,
        registration_id: registration_id.map(|id| id.as_str().to_owned()),
        assigned_hub: assigned_hub(seen).map(Box::new),
        id_scope: id_scope.map(|scope| scope.as_str().to_owned()),
        secret_name: Some(secret_of(credential).name.to_string()),
        secret_resource_version: meta.and_then(|meta| meta.resource_version.clone()),
        revision: written.map(|written| written.revision),
        slot: Some(match &seen.keys {
            SeenKeys::Derived(keys) => keys.slot,
            SeenKeys::Generated(..) => Slot::Primary,
        }),
        not_before: token.map(|life| life.not_before),
        not_after: token.map(|life| life.not_after),
        reprovision_requested_at: meta.and_then(|meta| reprovisioning::on_secret(meta, names::REPROVISIONED)).cloned(),
        renewal_time: seen.renewals.due(lives, plan::seed(credential)),
    }
}

fn assigned_hub(seen: &SeenWithKeys) -> Option<HubStatus> {
    if let Origin::Hub { hub, device } = &seen.origin {
        return Some(HubStatus { hub: hub.as_str().to_owned(), device_id: device.as_str().to_owned(), registered_at: None });
    }
    let assigned = seen.assigned.as_ref()?;
    let (hub, device_id) = match &assigned.assigned_hub {
        AssignedHub::Own(identity) => (identity.hub.to_string(), identity.device.as_str().to_owned()),
        AssignedHub::None | AssignedHub::Foreign(_) => return None,
    };
    Some(HubStatus { hub, device_id, registered_at: assigned.registered })
}

#[cfg(test)]
mod tests;
