//! `TenantHubGroup`: a tenant's regional hubs, linked to a provisioning service.

mod action;
mod drift;
mod observe;
mod plan;
mod role;

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::Hub;
use moorage_crds::{CommonStatus, DeletionPolicy, HubStatus, TenantHubGroup, TenantHubGroupStatus};
use moorage_plan::{Goal, Plan, Reason};
use serde_json::{Value, json};

use self::{
    action::Action,
    observe::{Looked, Seen, SeenHub, is_active},
};
use crate::{
    azure::{accounts, cloud_path, ownership::Whose, usage::Count},
    cache::objects::Stores,
    controller::{context::Env, dependents::users_of_kind, kind::Kind},
    error::{Error, Halt},
    object::{Keyed, KindName, ObjectKey, Thing},
};

impl Kind for TenantHubGroup {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    type Observed = Seen;
    type Action = Action;

    fn references(&self) -> Vec<Thing> {
        let namespace = &self.key().at.namespace;
        let service = self.spec.provisioning_service_ref.as_ref();
        let service = service.map(|service| ObjectKey::new(KindName::ProvisioningService, service.namespace_or(namespace), &service.name));
        [Some(accounts::account_key(&self.spec.account_ref, namespace)), service].into_iter().flatten().map(Thing::Object).collect()
    }

    fn told(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// If nothing of its own, then what devices have to undo that are reached through it.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn outlook(&self) -> Value {
        // How many devices a hub has is nobody else's concern.
        let shown = |hub: &HubStatus| HubStatus { devices: None, ..hub.clone() };
        let hubs: Option<Vec<_>> = self.status.as_ref().map(|status| status.hubs.iter().map(shown).collect());
        json!([self.spec.hubs.iter().map(|hub| &hub.name).collect::<Vec<_>>(), hubs])
    }

    fn cloud_path(&self, stores: &Stores) -> Option<String> {
        cloud_path::of_resource_group(stores, &self.spec.account_ref, &self.key().at.namespace, &self.spec.resource_group.name)
    }

    /// One that is kept has nothing to undo itself, but devices may be reached through it.
    fn still_needs(&self, stores: &Stores) -> bool {
        let undoes = self.spec.deletion_policy == DeletionPolicy::Delete;
        self.has_finalizer() && (undoes || users_of_kind(stores, &self.key(), KindName::DeviceCredential).is_some())
    }

    async fn observe(&self, env: &Env, goal: Goal) -> Result<Seen, Halt> {
        observe::observe(self, env, goal).await
    }

    fn plan(&self, seen: &Seen, goal: Goal, now: Timestamp) -> Plan<Action> {
        match (goal, seen) {
            (_, Seen::Kept { devices: Some(devices) }) => {
                Plan::wait(Reason::InUse, format!("still needed by {devices} to undo what they made"), None)
            }
            (_, Seen::Kept { devices: None }) => Plan::met(),
            (Goal::Present, Seen::Looked(seen)) => plan::present(self, seen, now),
            (Goal::Absent, Seen::Looked(seen)) => plan::absent(self, seen, now),
        }
    }

    async fn perform(&self, env: &Env, action: &Action) -> Result<(), Error> {
        action::perform(self, env, action).await
    }

    fn tell(&self, seen: &Seen, common: CommonStatus) -> Value {
        let status = match seen {
            Seen::Kept { .. } => TenantHubGroupStatus { common, ..self.status.clone().unwrap_or_default() },
            Seen::Looked(seen) => told(self, seen, common),
        };
        serde_json::to_value(status).expect("a status serializes")
    }
}

fn told(group: &TenantHubGroup, seen: &Looked, common: CommonStatus) -> TenantHubGroupStatus {
    let hubs: Vec<_> = seen.hubs.iter().filter(|hub| hub.wish.is_some()).map(|hub| hub_status(seen, hub)).collect();
    let linked = hubs.iter().filter(|hub| hub.linked).count();
    let linked = seen.is_to_link.then(|| format!("{linked}/{}", hubs.len()));
    TenantHubGroupStatus { common, linked, hubs, drift: drift::reported(group, seen) }
}

fn hub_status(seen: &Looked, hub: &SeenHub) -> HubStatus {
    let document = hub.hub.as_ref().filter(|_| !matches!(hub.whose, Whose::Theirs(_)));
    HubStatus {
        name: hub.name.clone(),
        host_name: document.and_then(Hub::host_name).map(str::to_owned),
        state: document.and_then(Hub::state).map(str::to_owned),
        adopted: document.is_some() && hub.whose == Whose::Adopted,
        linked: document.is_some_and(is_active) && hub.is_linked(&seen.policy),
        devices: hub.counted.filter(|_| document.is_some()).map(Count::told),
    }
}

#[cfg(test)]
mod tests;
