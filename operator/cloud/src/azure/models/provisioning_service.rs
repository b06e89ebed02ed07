//! Provisioning services, as the resource manager describes them, and their links to hubs.

use moorage_keys::{ConnectionString, HostName, IdScope, Subject};
use serde_json::{Map, Value, json};

use super::network::{self, NetworkAccess};
use super::{Document, document, policies, tagged, written_in_one_version};
use crate::azure::access_keys::AccessKey;

document! {
    /// A provisioning service.
    ProvisioningService, read_only: &[
        &["id"],
        &["name"],
        &["type"],
        &["systemData"],
        &["etag"],
        &["subscriptionid"],
        &["resourcegroup"],
        &["sku", "tier"],
        &["identity", "principalId"],
        &["identity", "tenantId"],
        &["identity", "userAssignedIdentities", "*", "principalId"],
        &["identity", "userAssignedIdentities", "*", "clientId"],
        &["properties", "provisioningState"],
        &["properties", "state"],
        &["properties", "idScope"],
        &["properties", "serviceOperationsHostName"],
        &["properties", "deviceProvisioningHostName"],
        &["properties", "iotHubs", "*", "name"],
        &["properties", "privateEndpointConnections"],
        &["properties", "deviceRegistryNamespaces"],
    ]
}
tagged!(ProvisioningService);
// As api-version 2022-12-12 has them.
written_in_one_version!(
    ProvisioningService,
    &[
        (&[], &["id", "name", "type", "location", "tags", "etag", "resourcegroup", "subscriptionid", "properties", "sku", "systemData"],),
        (
            &["properties"],
            &[
                "allocationPolicy",
                "authorizationPolicies",
                "deviceProvisioningHostName",
                "enableDataResidency",
                "idScope",
                "iotHubs",
                "ipFilterRules",
                "portalOperationsHostName",
                "privateEndpointConnections",
                "provisioningState",
                "publicNetworkAccess",
                "serviceOperationsHostName",
                "state",
            ],
        ),
        (&["properties", "iotHubs", "*"], &["allocationWeight", "applyAllocationPolicy", "connectionString", "location", "name"]),
    ]
);

/// A link of a provisioning service to a hub, as we want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The hub's host name.
    pub host: HostName,
    /// How the service proves to the hub who it is.
    pub means: LinkMeans,
    /// The hub's region.
    pub location: String,
    /// Its share of devices under a hashed allocation, 1 to 1,000; none leaves it to the service.
    pub weight: Option<i64>,
    /// Whether the hub takes part in the service's own allocation policy.
    pub apply_allocation_policy: bool,
}

/// How a provisioning service proves to a hub who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkMeans {
    /// By a connection string of one of the hub's policies.
    Key(ConnectionString),
    /// By the identity that the service has from Azure; it needs a role on the hub.
    SystemAssignedIdentity,
}

/// How a link that was read works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeansSeen {
    /// By a policy's key.
    Key,
    /// By the identity that the service has from Azure.
    SystemAssignedIdentity,
    /// By an identity that somebody gave to the service.
    UserAssignedIdentity,
    /// In a way that the api-version in which it was read does not tell.
    Unknown,
}

/// A link as it was read; its key is masked or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSeen {
    /// The hub's host name; none if the entry cannot be understood.
    pub host: Option<HostName>,
    /// The policy by which the hub is linked; none for a link by identity.
    pub policy: Option<String>,
    /// How it works.
    pub means: MeansSeen,
    /// The hub's region.
    pub location: Option<String>,
    /// Its share of devices under a hashed allocation.
    pub weight: Option<i64>,
    /// Whether the hub takes part in the service's own allocation policy.
    pub apply_allocation_policy: Option<bool>,
}

const LINKS: &[&str] = &["properties", "iotHubs"];
const IDENTITY_TYPE: &[&str] = &["identity", "type"];
const SYSTEM_ASSIGNED: &str = "SystemAssigned";
const USER_ASSIGNED: &str = "UserAssigned";
const KEY_BASED: &str = "KeyBased";

impl ProvisioningService {
    /// A provisioning service that is to be created in a region.
    pub fn new(location: &str) -> Self {
        Self(Document::of(json!({
            "location": location,
            "sku": { "name": "S1", "capacity": 1 },
            "properties": {},
        })))
    }

    /// The tag of this state; the service takes no condition on it, and is not sent it.
    pub fn etag(&self) -> Option<&str> {
        self.0.text(&["etag"])
    }

    /// The name by which devices reach the service.
    pub fn id_scope(&self) -> Option<IdScope> {
        self.0.text(&["properties", "idScope"]).and_then(|text| IdScope::parse(text).ok())
    }

    /// The service API's host name; check it before a token is signed for it.
    pub fn service_host(&self) -> Option<&str> {
        self.0.text(&["properties", "serviceOperationsHostName"])
    }

    /// Where devices register.
    pub fn device_host(&self) -> Option<&str> {
        self.0.text(&["properties", "deviceProvisioningHostName"])
    }

    /// The service's own state, such as `Active` or `Transitioning`.
    pub fn state(&self) -> Option<&str> {
        self.0.text(&["properties", "state"])
    }

    /// From where the service's service API can be reached.
    pub fn network_access(&self) -> NetworkAccess {
        network::access(&self.0)
    }

    /// Says whether the service can be reached from the internet; one that says nothing can.
    pub fn is_public(&self) -> bool {
        self.0.text(&["properties", "publicNetworkAccess"]) != Some("Disabled")
    }

    /// The links, ours and others', in the service's order, doubled ones too.
    pub fn links(&self) -> Vec<LinkSeen> {
        self.0.list(LINKS).iter().map(seen).collect()
    }

    /// Says whether every link is one that a write of ours carries whole.
    ///
    /// Where it is not told how a link works, it has what the api-version of the document does not know; such a service is not
    /// rewritten, whoever made it.
    pub fn keeps_every_link(&self) -> bool {
        self.links().iter().all(|link| link.means != MeansSeen::Unknown)
    }

    /// The principal of the identity that the service has from Azure, if it has one.
    pub fn principal(&self) -> Option<&str> {
        let has_one = self.0.text(IDENTITY_TYPE).is_some_and(|kinds| kinds.split(',').any(|kind| kind.trim() == SYSTEM_ASSIGNED));
        self.0.text(&["identity", "principalId"]).filter(|_| has_one)
    }

    /// The same with an identity from Azure beside those that somebody gave to it.
    #[must_use]
    pub fn with_system_assigned_identity(mut self) -> Self {
        let given = self.0.text(IDENTITY_TYPE).is_some_and(|kinds| kinds.split(',').any(|kind| kind.trim() == USER_ASSIGNED));
        // Without the space that hubs have there.
        let kinds = if given { format!("{SYSTEM_ASSIGNED},{USER_ASSIGNED}") } else { SYSTEM_ASSIGNED.to_owned() };
        self.0.set(IDENTITY_TYPE, kinds);
        self
    }

    /// The same with a hub linked once: its entry is changed in place, further ones of the same hub go.
    #[must_use]
    pub fn with_link(mut self, link: &Link) -> Self {
        let links = self.0.list_mut(LINKS);
        let place = links.iter().position(|entry| is_to(entry, &link.host));
        let mut entry = match place {
            Some(place) => links.remove(place),
            None => Value::Object(Map::new()),
        };
        links.retain(|other| !is_to(other, &link.host));
        write(&mut entry, link);
        links.insert(place.unwrap_or(links.len()).min(links.len()), entry);
        self
    }

    /// The same with the key of a link in its place; a hub that is not linked stays so.
    #[must_use]
    pub fn with_link_key(mut self, connection: &ConnectionString) -> Self {
        for entry in self.0.list_mut(LINKS).iter_mut().filter(|entry| is_to(entry, connection.host())) {
            entry["connectionString"] = connection.expose().expose().into();
        }
        self
    }

    /// The same with exactly these policies and their keys, as they were listed.
    ///
    /// A service that is read has no keys; one that is written without them may get new ones.
    #[must_use]
    pub fn with_access_keys(mut self, listed: &[AccessKey]) -> Self {
        policies::put(&mut self.0, listed);
        self
    }

    /// The same without any link to a hub.
    #[must_use]
    pub fn without_link(mut self, host: &HostName) -> Self {
        if self.0.list(LINKS).iter().any(|entry| is_to(entry, host)) {
            self.0.list_mut(LINKS).retain(|entry| !is_to(entry, host));
        }
        self
    }

    /// Refuses a write that would take keys from policies that have some.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        policies::validate(&self.0)
    }
}

fn write(entry: &mut Value, link: &Link) {
    match &link.means {
        LinkMeans::Key(connection) => {
            entry["connectionString"] = connection.expose().expose().into();
            if entry["authenticationType"].is_string() {
                entry["authenticationType"] = KEY_BASED.into();
            }
        }
        LinkMeans::SystemAssignedIdentity => {
            entry["hostName"] = link.host.as_str().into();
            entry["authenticationType"] = SYSTEM_ASSIGNED.into();
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("connectionString");
                entry.remove("selectedUserAssignedIdentityResourceId");
            }
        }
    }
    entry["location"] = link.location.as_str().into();
    entry["applyAllocationPolicy"] = link.apply_allocation_policy.into();
    if let Some(weight) = link.weight {
        entry["allocationWeight"] = weight.into();
    }
}

fn seen(entry: &Value) -> LinkSeen {
    let connection = connection(entry);
    let policy = connection.as_ref().and_then(|connection| match connection.subject() {
        Subject::Policy(name) => Some(name.clone()),
        Subject::Device(_) | Subject::Module(..) => None,
    });
    LinkSeen {
        host: host(entry),
        policy,
        means: means(entry),
        location: entry["location"].as_str().map(str::to_owned),
        weight: entry["allocationWeight"].as_i64(),
        apply_allocation_policy: entry["applyAllocationPolicy"].as_bool(),
    }
}

fn means(entry: &Value) -> MeansSeen {
    match entry["authenticationType"].as_str() {
        Some(SYSTEM_ASSIGNED) => MeansSeen::SystemAssignedIdentity,
        Some(USER_ASSIGNED) => MeansSeen::UserAssignedIdentity,
        Some(KEY_BASED) | None if entry["connectionString"].is_string() => MeansSeen::Key,
        _ => MeansSeen::Unknown,
    }
}

fn connection(entry: &Value) -> Option<ConnectionString> {
    entry["connectionString"].as_str().and_then(|text| ConnectionString::parse(text).ok())
}

/// The hub that an entry is about: by its name, by its host name, or by its connection string.
fn host(entry: &Value) -> Option<HostName> {
    ["name", "hostName"]
        .iter()
        .find_map(|field| entry[*field].as_str().and_then(|text| HostName::parse(text).ok()))
        .or_else(|| connection(entry).map(|connection| connection.host().clone()))
}

fn is_to(entry: &Value, hub: &HostName) -> bool {
    host(entry).as_ref() == Some(hub)
}
