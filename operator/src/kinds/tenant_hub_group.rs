//! `TenantHubGroup`: a tenant's regional hubs, linked to a provisioning service.

mod action;
mod drift;
mod observe;
mod plan;
mod role;

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::Hub;
use moorage_crds::{CommonStatus, DeletionPolicy, HubStatus, TenantHubGroup, TenantHubGroupStatus};
use moorage_plan::{Goal, Plan, Reason, Standing};
use serde_json::{Value, json};

use self::{
    action::Action,
    observe::{Looked, Seen, SeenHub, is_active},
};
use crate::{
    azure::{Context, Writer, accounts, arm_resource::ownership::Whose, clients::Clients, cloud_path, usage::Count},
    cache::objects::Objects,
    controller::{
        context::Caches,
        kind::{Kind, Performed},
        reconcile::dependents::users_of_kind,
    },
    error::{ObserveError, bounded},
    object::{Dependency, Keyed, KindName, ObjectKey},
};

impl Kind for TenantHubGroup {
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    type Clients = Clients;
    type Admitted = ();
    type Observed = Seen;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        let account = accounts::account_key(&self.spec.account_ref, &self.key().name.namespace);
        [Some(account), service_key(self)].into_iter().flatten().map(Dependency::Object).collect()
    }

    fn status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// If nothing of its own, then what devices have to undo that are reached through it.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        // How many devices a hub has is nobody else's concern.
        let shown = |hub: &HubStatus| HubStatus { devices: None, ..hub.clone() };
        let hubs: Option<Vec<_>> = self.status.as_ref().map(|status| status.hubs.iter().map(shown).collect());
        json!([self.spec.hubs.iter().map(|hub| &hub.name).collect::<Vec<_>>(), hubs])
    }

    fn cloud_path(&self, stores: &Objects) -> Option<String> {
        cloud_path::of_resource_group(stores, &self.spec.account_ref, &self.key().name.namespace, &self.spec.resource_group.name)
    }

    /// One that is kept has nothing to undo itself, but devices may be reached through it.
    fn still_needs(&self, stores: &Objects) -> bool {
        let undoes = self.spec.deletion_policy == DeletionPolicy::Delete;
        self.has_finalizer() && (undoes || users_of_kind(stores, &self.key(), KindName::DeviceCredential).is_some())
    }

    fn admit(&self, _: &Caches, _: Goal) -> Result<(), Standing> {
        Ok(())
    }

    async fn observe(&self, ctx: &Context, (): &(), goal: Goal) -> Result<Seen, ObserveError> {
        observe::observe(self, ctx, goal).await
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

    async fn perform(&self, writer: &Writer<'_>, action: &Action) -> Performed {
        action::perform(self, writer, action).await
    }

    /// Which hub has the least room for devices is what counts.
    fn headroom(&self, seen: &Seen) -> Vec<(&'static str, i64)> {
        let Seen::Looked(seen) = seen else { return Vec::new() };
        let left = seen.hubs.iter().filter_map(|hub| hub.counted).map(Count::left).min();
        left.map(|left| ("devices", left)).into_iter().collect()
    }

    fn ready_message(&self, seen: &Seen) -> String {
        let Seen::Looked(seen) = seen else { return String::new() };
        let names: Vec<_> = self.spec.hubs.iter().map(|hub| hub.name.as_str()).collect();
        let linked = if seen.is_to_link { " and linked" } else { "" };
        format!("In place{linked}: {}", bounded(&names.join(", "), 512))
    }

    fn build_status(&self, seen: &Seen, common: CommonStatus) -> Value {
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

/// The provisioning service to which the hubs are linked, if there is to be one.
fn service_key(group: &TenantHubGroup) -> Option<ObjectKey> {
    let service = group.spec.provisioning_service_ref.as_ref()?;
    Some(ObjectKey::new(KindName::ProvisioningService, service.namespace_or(&group.key().name.namespace), &service.name))
}

#[cfg(test)]
mod tests;
