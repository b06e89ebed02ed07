//! The role by which a provisioning service registers devices in a hub without a key.

use jiff::Timestamp;
use moorage_cloud::{MeansSeen, ResourceId, RoleAssignment};
use moorage_crds::TenantHubGroup;
use moorage_plan::{Plan, Reason};
use uuid::Uuid;

use crate::{
    azure::Context,
    controller::reconcile::schedule::patiently,
    kinds::tenant_hub_group::{
        observe::{LiveState, ObservedHub},
        perform::Action,
        plan::record,
    },
    ledger::entries::{self, BY_IDENTITY, CLAIMED, LINK, ROLE},
    object::Keyed,
};

/// The names of the role assignments that a hub group makes: an assignment has no tags, so ours is provable by its name.
#[derive(Clone, Debug)]
pub struct Roles {
    owner: String,
}

impl Roles {
    pub(super) fn of(ctx: &Context, group: &TenantHubGroup) -> Self {
        Self { owner: ctx.owner_tag(&group.key()) }
    }

    #[cfg(test)]
    pub(super) fn of_owner(owner: &str) -> Self {
        Self { owner: owner.to_owned() }
    }

    /// The name of the assignment on a hub: always the same, so that a lost answer makes no second one.
    pub(super) fn name(&self, hub: &str) -> String {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("moorage.dev/role/{}/{}", self.owner, hub.to_lowercase()).as_bytes()).to_string()
    }
}

/// What there is to do about a hub beside its link, so that it is entered by identity, or is not any more.
pub(super) fn plan(seen: &LiveState, hub: &ObservedHub, id: &ResourceId, now: Timestamp) -> Plan<Action> {
    if hub.wants_identity() && seen.is_to_link {
        return by_identity(seen, hub, id, now);
    }
    let is_entered = hub.link.as_ref().is_some_and(|link| link.means != MeansSeen::Key);
    match ours(seen, hub) {
        Some(role) if !is_entered => {
            let delete = Action::DeleteRole { id: id.clone(), name: role.name.clone() };
            let note = format!("The provisioning service's role is being taken from IoT hub {}", hub.name);
            Plan::act(vec![delete], Reason::DeleteRole, note)
        }
        None if hub.role_recorded => {
            let note = format!("The provisioning service has no role on IoT hub {} any more", hub.name);
            Plan::act(vec![record(entries::of(ROLE, &hub.name), None)], Reason::DropClaim, note)
        }
        _ => Plan::met(),
    }
}

/// What a link without a key needs beside the link, and what one with a key has left behind.
fn by_identity(seen: &LiveState, hub: &ObservedHub, id: &ResourceId, now: Timestamp) -> Plan<Action> {
    let name = &hub.name;
    if let Some(plan) = missing(seen, hub, id, now) {
        return plan;
    }
    if hub.link_record.as_deref() != Some(BY_IDENTITY) && hub.link.is_none() {
        let note = format!("IoT hub {name} is being linked");
        return Plan::act(vec![record(entries::of(LINK, name), Some(BY_IDENTITY))], Reason::RecordClaim, note);
    }
    if hub.is_linked_by_identity() && hub.access.is_some() {
        let remove = Action::RemovePolicy { id: id.clone(), policy: seen.policy.clone() };
        return Plan::act(vec![remove], Reason::DeleteLinkPolicy, format!("The link's policy is being taken from IoT hub {name}"));
    }
    Plan::met()
}

/// What is still to be done before a hub can be linked without a key; `None` if nothing is.
fn missing(seen: &LiveState, hub: &ObservedHub, id: &ResourceId, now: Timestamp) -> Option<Plan<Action>> {
    let Some(service) = &seen.service else {
        let note = format!("IoT hub {} is to be linked by identity, and the provisioning service is not ready for links yet", hub.name);
        return Some(Plan::wait(Reason::DependencyNotReady, note, patiently(now)));
    };
    let Some(principal) = service.principal() else {
        let note = format!(
            "IoT hub {} is to be linked by identity, and the provisioning service has none yet; if its ProvisioningService has no \
             spec.identity, set it to SystemAssigned",
            hub.name
        );
        return Some(Plan::wait(Reason::DependencyNotReady, note, None));
    };
    if hub.admits(principal) {
        return None;
    }
    // Azure changes no assignment: one that is for the principal of a service that is gone makes way.
    let instead = ours(seen, hub).is_some();
    let assign = Action::AssignRole { id: id.clone(), name: seen.roles.name(&hub.name), principal: principal.to_owned(), instead };
    // Whoever changes his mind before the link is by identity must find it again.
    let claim = (!hub.role_recorded).then(|| record(entries::of(ROLE, &hub.name), Some(CLAIMED)));
    let note = format!("The provisioning service is being let into IoT hub {}", hub.name);
    Some(Plan::act(claim.into_iter().chain([assign]).collect(), Reason::AssignRole, note))
}

/// The assignment that we made on a hub, if it is there.
pub(super) fn ours<'a>(seen: &LiveState, hub: &'a ObservedHub) -> Option<&'a RoleAssignment> {
    let name = seen.roles.name(&hub.name);
    hub.roles.iter().find(|role| role.name.eq_ignore_ascii_case(&name))
}
