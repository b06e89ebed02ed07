//! The managed identities of a provisioning service, and the roles that principals have on hubs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::azure::dps::service::Service;
use crate::azure::iot_hub::hub::Hub;
use crate::azure::resource::Resource;
use crate::azure::state::Azure;
use crate::engine::keys::Keyring;

/// The role that lets its holder write devices into a hub: "IoT Hub Data Contributor".
pub(crate) const DATA_CONTRIBUTOR: &str = "4fc6c259-987e-4a07-842e-c321cc9d413f";

/// The identities of a provisioning service.
#[derive(Clone, Default)]
pub(crate) struct Identities {
    /// The principal of the identity that Azure made for it.
    pub system: Option<String>,
    /// Those that somebody gave to it, by their resource ids in lower case.
    pub given: BTreeMap<String, GivenIdentity>,
}

/// An identity with a life of its own.
#[derive(Clone)]
pub(crate) struct GivenIdentity {
    /// Its resource id as the caller wrote it.
    pub id: String,
    pub principal: String,
    pub client: String,
}

impl GivenIdentity {
    /// The identity of a resource id, which is the same wherever it is used.
    pub fn of(keyring: &Keyring, id: &str) -> Self {
        let guid = |part: &str| keyring.lasting_guid(&format!("identity/{}/{part}", id.to_lowercase()));
        Self { id: id.to_owned(), principal: guid("principal"), client: guid("client") }
    }
}

/// Who may do what on a hub, or on something around it.
#[derive(Clone)]
pub(crate) struct RoleAssignment {
    pub name: String,
    /// The id of what the role is for, in lower case.
    pub scope: String,
    /// The id of the role's definition as the caller wrote it.
    pub definition: String,
    pub principal: String,
    pub principal_type: String,
    pub created: Timestamp,
}

impl RoleAssignment {
    /// The name of the role, the last segment of its definition's id, in lower case.
    pub fn role(&self) -> String {
        self.definition.rsplit('/').next().unwrap_or_default().to_lowercase()
    }

    /// Whether it counts for what has that id, in lower case.
    pub fn reaches(&self, id: &str) -> bool {
        id.strip_prefix(&self.scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Resource {
    /// The resource's id in lower case, by which role assignments know it.
    pub fn scope(&self, kind: &str) -> String {
        format!("/subscriptions/{}/resourcegroups/{}/providers/microsoft.devices/{kind}/{}", self.subscription, self.group, self.name)
            .to_lowercase()
    }
}

impl Azure {
    /// Whether a principal may write devices into a hub.
    pub(crate) fn may_register(&self, principal: &str, hub: &Hub) -> bool {
        let scope = hub.resource.scope("iothubs");
        self.roles
            .values()
            .any(|role| role.role() == DATA_CONTRIBUTOR && role.principal.eq_ignore_ascii_case(principal) && role.reaches(&scope))
    }

    /// Forgets the roles on hubs that are gone; a hub made again under the name has none of them.
    pub(crate) fn drop_orphaned_roles(&mut self) {
        let hubs: Vec<String> = self.hubs.values().map(|hub| hub.resource.scope("iothubs")).collect();
        self.roles.retain(|_, role| !role.scope.contains("/microsoft.devices/iothubs/") || hubs.contains(&role.scope));
    }
}

impl Service {
    /// The principal by which a link opens its hub, if it does so by an identity that the service has.
    pub fn principal(&self, means: &crate::azure::dps::service::Means) -> Option<&str> {
        match means {
            crate::azure::dps::service::Means::SystemAssigned => self.identities.system.as_deref(),
            crate::azure::dps::service::Means::UserAssigned(id) => {
                self.identities.given.get(&id.to_lowercase()).map(|given| given.principal.as_str())
            }
            crate::azure::dps::service::Means::Key { .. } | crate::azure::dps::service::Means::Lost => None,
        }
    }
}
