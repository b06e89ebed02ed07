//! The role by which a provisioning service registers devices in a hub without a key.

use jiff::Timestamp;
use moorage_cloud::{ResourceId, RoleAssignment};
use moorage_crds::TenantHubGroup;
use moorage_plan::{Plan, Reason};
use uuid::Uuid;

use super::action::Action;
use super::observe::{Looked, SeenHub};
use crate::{env::Env, kind::Kind, kinds::patiently};

/// The names of the role assignments that a hub group makes: an assignment has no tags, so ours is provable by its name.
#[derive(Clone, Debug)]
pub struct Roles {
    owner: String,
}

impl Roles {
    pub(super) fn of(env: &Env, group: &TenantHubGroup) -> Self {
        Self { owner: env.owner_tag(&group.key()) }
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

/// What is still to be done before a hub can be linked without a key; `None` if nothing is.
pub(super) fn missing(seen: &Looked, hub: &SeenHub, id: &ResourceId, now: Timestamp) -> Option<Plan<Action>> {
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
    let note = format!("The provisioning service is being let into IoT hub {}", hub.name);
    Some(Plan::act(vec![assign], Reason::AssignRole, note))
}

/// The assignment that we made on a hub, if it is there.
pub(super) fn ours<'a>(seen: &Looked, hub: &'a SeenHub) -> Option<&'a RoleAssignment> {
    let name = seen.roles.name(&hub.name);
    hub.roles.iter().find(|role| role.name.eq_ignore_ascii_case(&name))
}
