//! Provisioning services that nobody asked for over the API, and changes of them that no request makes.

mod enrollments;

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::dps::manage::links::link_of;
use crate::azure::dps::service::{KIND, Link, LinkAuthentication, ProvisioningService, default_service_policies};
use crate::azure::iot_hub::hub::HOST_SUFFIX;
use crate::azure::resource::{Resource, ResourceId};
use crate::azure::state::Azure;

/// A provisioning service that is there before anyone asks for it.
#[derive(Debug, Clone, Copy)]
pub struct NewService<'a> {
    /// The subscription id.
    pub subscription: &'a str,
    /// The resource group; made if it is not there.
    pub group: &'a str,
    /// The service's name.
    pub name: &'a str,
    /// The region, as `eastus`.
    pub location: &'a str,
}

impl Azure {
    /// Makes an active provisioning service with the default policy and no links.
    pub fn add_service(&mut self, service: NewService<'_>) {
        self.add_resource_group(service.subscription, service.group, service.location);
        let id = ResourceId { subscription: service.subscription, group: service.group, name: service.name };
        let resource = Resource::new(KIND, &id, service.location, self.etag(), Timestamp::MIN);
        let policies = default_service_policies(&mut self.keyring, service.name);
        let service = ProvisioningService::new(&mut self.keyring, resource, policies);
        self.provisioning_mut().insert(service.resource.name.to_lowercase(), service);
    }

    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    pub(crate) fn service_mut(&mut self, name: &str) -> &mut ProvisioningService {
        self.provisioning_mut().get_mut(&name.to_lowercase()).unwrap_or_else(|| panic!("there is no service {name}"))
    }

    pub(crate) fn touch(&mut self, service: &str) -> &mut ProvisioningService {
        let etag = self.etag();
        let service = self.service_mut(service);
        service.resource.etag = etag;
        service
    }

    /// Links a hub of this cloud by its owner policy's primary key.
    pub fn link_hub(&mut self, service: &str, hub: &str) {
        let hub = self.hub_mut(hub);
        let owner = hub.policy("iothubowner").map(|policy| policy.primary.clone());
        let link = Link {
            host: hub.host(),
            named: false,
            authentication: LinkAuthentication::Key {
                policy: "iothubowner".to_owned(),
                key: owner.expect("the owner policy is there unless a test deleted it"),
            },
            location: hub.resource.location.clone(),
            apply_allocation_policy: true,
            weight: 1,
        };
        self.touch(service).links.push(link);
    }

    /// Links a hub of this cloud by the identity of the service, which is given one and let into the hub.
    pub fn link_hub_by_identity(&mut self, service: &str, hub: &str) {
        let host = self.hub_mut(hub).host();
        let location = self.hub_mut(hub).resource.location.clone();
        let fresh = self.keyring.guid("identity");
        let principal = self.service_mut(service).identities.system.get_or_insert(fresh).clone();
        self.grant_hub_role(hub, &principal);
        let link = Link {
            host,
            named: true,
            authentication: LinkAuthentication::SystemAssigned,
            location,
            apply_allocation_policy: true,
            weight: 1,
        };
        self.touch(service).links.push(link);
    }

    /// Adds a link as somebody wrote it, wherever it leads; the JSON is one entry of `iotHubs`.
    ///
    /// # Panics
    /// The entry's connection string or location is missing.
    pub fn add_foreign_link(&mut self, service: &str, entry: &Value) {
        let link = link_of(entry, HOST_SUFFIX.of(self.options.cloud)).expect("a link has a whole connection string and a location");
        link.key().map(|key| self.keyring.keep(key.clone()));
        self.touch(service).links.push(link);
    }

    /// Takes every link to a host away.
    pub fn remove_link(&mut self, service: &str, host: &str) {
        self.touch(service).links.retain(|link| !link.host.eq_ignore_ascii_case(host));
    }

    /// Sets one tag of a provisioning service.
    pub fn set_service_tag(&mut self, service: &str, tag: &str, value: &str) {
        let resource = &mut self.touch(service).resource;
        resource.tags.insert(tag.to_owned(), value.into());
    }

    /// Sets one of a provisioning service's `properties`.
    pub fn set_service_property(&mut self, service: &str, name: &str, value: Value) {
        self.touch(service).properties.insert(name.to_owned(), value);
    }

    /// One of a provisioning service's `properties` as it is stored.
    pub fn service_property(&self, service: &str, name: &str) -> Option<Value> {
        self.provisioning().get(&service.to_lowercase())?.properties.get(name).cloned()
    }

    /// The principal of the identity that Azure made for a provisioning service.
    pub fn service_principal(&self, service: &str) -> Option<String> {
        self.provisioning().get(&service.to_lowercase())?.identities.system.clone()
    }

    /// Deletes a provisioning service at once, with all that it holds.
    pub fn delete_service(&mut self, service: &str) {
        self.provisioning_mut().remove(&service.to_lowercase());
    }

    /// The keys of a provisioning service's policy: primary, then secondary.
    pub fn service_policy_keys(&self, service: &str, policy: &str) -> Option<(String, String)> {
        let policy = self.provisioning().get(&service.to_lowercase())?.policy(policy)?;
        Some((policy.primary.clone(), policy.secondary.clone()))
    }

    /// A provisioning service's id scope.
    pub fn id_scope(&self, service: &str) -> Option<String> {
        let service = self.provisioning().get(&service.to_lowercase())?;
        Some(service.id_scope.clone())
    }
}
