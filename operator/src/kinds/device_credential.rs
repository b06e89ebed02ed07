//! `DeviceCredential`: what one device needs, kept in a Secret.
//!
//! Most are computed from a group's two keys, which are in memory: such a credential costs one write of its Secret and one of its
//! status, and no request to a cloud. Disenrolling its device on deletion, re-enrolling it, keys of its own, and what it logs in to its
//! hub with take requests.

mod admit;
mod assignment;
mod certificate;
mod keys;
mod observe;
mod outputs;
mod perform;
mod plan;
mod reprovision;
mod status;
mod subject;

/// The individual enrollment of a device: with keys of its own, or to keep it from registering.
mod enrollment {
    pub mod disenroll;
    pub mod individual;
    pub mod ledger;
    pub mod perform;
    pub mod reenroll;
    pub mod seen;
}

/// A device that is created in a hub, without a provisioning service.
mod hub_identity {
    pub mod identity;
    pub mod leaving;
    pub mod perform;
}

/// The Secret that a credential is written to.
mod secret {
    pub mod annotations;
    pub mod checks;
    pub mod metadata;
    pub mod perform;
    pub mod read;
}

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CommonStatus, DeviceCredential, DevicePolicy, EnrollmentGroup, TenantHubGroup};
use moorage_plan::{Goal, Plan, Standing};
use serde_json::Value;

use crate::{
    azure::{self, Context, Writer, clients::Clients, cloud_path},
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Kind, Performed},
    },
    error::ObserveError,
    kinds::device_credential::{
        admit::{Admitted, admit},
        certificate::cert_manager::{cert_manager_issuer_of, certificate_name_of},
        observe::{Observed, observe},
        perform::perform,
        plan::{Action, plan},
        status::{build_status, ready_message, usable_until},
        subject::{group_of, hub_group_of, registration_id_of, rights_in_hubs, secret_of},
    },
    object::{Dependency, Keyed, ObjectKey},
};

impl Kind for DeviceCredential {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_hours(6);
    type Clients = Clients;
    type Admitted = Admitted;
    type Observed = Observed;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        let of_group =
            group_of(self).into_iter().flat_map(|group| [Dependency::Object(group), azure::registration_id(registration_id_of(self))]);
        let of_hub = self.spec.hub_ref.iter().map(|hub| Dependency::Object(hub_group_of(self, hub)));
        let ordered = cert_manager_issuer_of(self).map(|_| Dependency::Secret(certificate_name_of(self)));
        of_group.chain(of_hub).chain(rights_in_hubs(self)).chain(ordered).chain([Dependency::Secret(secret_of(self))]).collect()
    }

    fn common_status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// Its Secret, and the device that is to be disenrolled, are not in the ledger.
    fn still_needs(&self, _: &Caches, _: &ObjectKey) -> bool {
        self.has_finalizer()
    }

    fn has_something_to_undo(&self) -> bool {
        self.spec.deletion_policy != DevicePolicy::Retain
    }

    /// While its Secret is there, and nothing in it has ended.
    fn usable_until(&self, caches: &Caches) -> Timestamp {
        usable_until(self, caches)
    }

    fn visible_to_dependents(&self) -> Value {
        Value::Null
    }

    fn cloud_path(&self, objects: &Objects) -> Option<String> {
        let namespace = &self.key().name.namespace;
        if let Some(hub) = &self.spec.hub_ref {
            let group = objects.of::<TenantHubGroup>().get(&hub_group_of(self, hub).name)?;
            let path = cloud_path::of_resource_group(objects, &group.spec.account_ref, namespace, &group.spec.resource_group.name)?;
            return Some(format!("{path}/providers/Microsoft.Devices/IotHubs/{}", hub.hub));
        }
        let group = objects.of::<EnrollmentGroup>().get(&group_of(self)?.name)?;
        Some(format!("{}/enrollments", cloud_path::of_enrollments(objects, &group)?))
    }

    fn admit(&self, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
        admit(self, caches, goal)
    }

    async fn observe(&self, ctx: &Context, admitted: &Admitted, _: Goal) -> Result<Observed, ObserveError> {
        observe(self, ctx, admitted).await
    }

    fn plan(&self, seen: &Observed, goal: Goal, now: Timestamp) -> Plan<Action> {
        plan(self, seen, goal, now)
    }

    async fn perform(&self, writer: &Writer<'_>, action: &Action) -> Performed {
        perform(self, writer, action).await.into()
    }

    fn ready_message(&self, seen: &Observed) -> String {
        ready_message(self, seen)
    }

    fn build_status(&self, seen: &Observed, common: CommonStatus) -> Self::Status {
        build_status(self, seen, common)
    }
}

#[cfg(test)]
mod tests;
