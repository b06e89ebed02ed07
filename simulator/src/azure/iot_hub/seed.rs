//! Hubs that nobody asked for over the API, and changes of hubs that no request makes.

mod devices;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::access::roles::RoleAssignment;
use crate::azure::iot_hub::hub::{DATA_CONTRIBUTOR, Hub, KIND, default_hub_policies};
use crate::azure::iot_hub::manage::HubType;
use crate::azure::iot_hub::manage::document::defaults;
use crate::azure::microsoft_devices::policies::Policy;
use crate::azure::resource::{Resource, ResourceId};
use crate::azure::state::Azure;
use crate::azure::state::meter::Meter;

/// A hub that is there before anyone asks for it.
#[derive(Debug, Clone, Copy)]
pub struct NewHub<'a> {
    /// The subscription id.
    pub subscription: &'a str,
    /// The resource group; made if it is not there.
    pub group: &'a str,
    /// The hub's name.
    pub name: &'a str,
    /// The region, as `eastus`.
    pub location: &'a str,
    /// `F1`, `S1`, …; one unit.
    pub sku: &'a str,
}

impl Azure {
    /// Makes an active hub with the default policies.
    pub fn add_hub(&mut self, hub: NewHub<'_>) {
        self.add_resource_group(hub.subscription, hub.group, hub.location);
        let id = ResourceId { subscription: hub.subscription, group: hub.group, name: hub.name };
        let resource = Resource::new(KIND, &id, hub.location, self.etag(), Timestamp::MIN);
        let policies = default_hub_policies(&mut self.keyring, hub.name);
        let hub = Hub {
            sku: hub.sku.to_owned(),
            capacity: 1,
            identity: None,
            properties: defaults(hub.sku),
            policies,
            devices: BTreeMap::new(),
            messages: 0,
            operations: Meter::default(),
            resource,
        };
        self.hubs_mut().insert(hub.resource.name.to_lowercase(), hub);
    }

    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    pub(crate) fn hub_mut(&mut self, name: &str) -> &mut Hub {
        self.hubs_mut().get_mut(&name.to_lowercase()).unwrap_or_else(|| panic!("there is no hub {name}"))
    }

    /// Changes a hub's sku and units.
    pub fn set_sku(&mut self, hub: &str, sku: &str, units: i64) {
        let etag = self.etag();
        let hub = self.hub_mut(hub);
        sku.clone_into(&mut hub.sku);
        hub.capacity = units;
        hub.resource.etag = etag;
    }

    /// Sets one tag of a hub.
    pub fn set_hub_tag(&mut self, hub: &str, tag: &str, value: &str) {
        let etag = self.etag();
        let resource = &mut self.hub_mut(hub).resource;
        resource.tags.insert(tag.to_owned(), value.into());
        resource.etag = etag;
    }

    /// Sets one of a hub's `properties`.
    pub fn set_hub_property(&mut self, hub: &str, name: &str, value: Value) {
        let etag = self.etag();
        let hub = self.hub_mut(hub);
        hub.properties.insert(name.to_owned(), value);
        hub.resource.etag = etag;
    }

    /// One of a hub's `properties` as it is stored, secrets and all.
    pub fn hub_property(&self, hub: &str, name: &str) -> Option<Value> {
        self.hubs().get(&hub.to_lowercase())?.properties.get(name).cloned()
    }

    /// Deletes a hub at once, with its devices.
    pub fn delete_hub(&mut self, hub: &str) {
        if let Some(id) = self.hubs().get(&hub.to_lowercase()).map(|hub| hub.resource.id().kept()) {
            self.remove(&HubType, &id.id());
        }
    }

    /// Lets a principal register devices in a hub.
    pub fn grant_hub_role(&mut self, hub: &str, principal: &str) {
        let scope = self.hub_mut(hub).resource.scope();
        let name = self.keyring.guid("role assignment");
        let role = RoleAssignment {
            name: name.clone(),
            scope: scope.clone(),
            definition: format!("/providers/Microsoft.Authorization/roleDefinitions/{DATA_CONTRIBUTOR}"),
            principal: principal.to_owned(),
            principal_type: "ServicePrincipal".to_owned(),
            created: self.settled,
        };
        self.roles.insert((scope, name), role);
    }

    /// Takes every role on a hub from a principal.
    pub fn withdraw_hub_roles(&mut self, hub: &str, principal: &str) {
        let scope = self.hub_mut(hub).resource.scope();
        self.roles.retain(|_, role| role.scope != scope || !role.principal.eq_ignore_ascii_case(principal));
    }

    /// A key of a hub's policy, as `listkeys` would give it: primary, then secondary.
    pub fn hub_policy_keys(&self, hub: &str, policy: &str) -> Option<(String, String)> {
        let policy = self.hubs().get(&hub.to_lowercase())?.policy(policy)?;
        Some((policy.primary.clone(), policy.secondary.clone()))
    }

    /// Adds a policy with fresh keys to a hub.
    pub fn add_hub_policy(&mut self, hub: &str, name: &str, rights: &str) {
        let label = format!("hub/{}/{name}", hub.to_lowercase());
        let policy = Policy {
            name: name.to_owned(),
            rights: rights.to_owned(),
            primary: self.keyring.key(&format!("{label}/primary")),
            secondary: self.keyring.key(&format!("{label}/secondary")),
        };
        let etag = self.etag();
        let hub = self.hub_mut(hub);
        hub.policies.push(policy);
        hub.resource.etag = etag;
    }

    /// Puts new keys into a hub's policy.
    pub fn roll_hub_policy(&mut self, hub: &str, policy: &str) {
        let label = format!("hub/{}/{policy}", hub.to_lowercase());
        let primary = self.keyring.key(&format!("{label}/primary"));
        let secondary = self.keyring.key(&format!("{label}/secondary"));
        let hub = self.hub_mut(hub);
        for other in &mut hub.policies {
            if other.name.eq_ignore_ascii_case(policy) {
                other.primary.clone_from(&primary);
                other.secondary.clone_from(&secondary);
            }
        }
    }
}
