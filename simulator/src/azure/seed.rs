//! Somebody else's hands: changes to the cloud that no request makes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::access::identity::{DATA_CONTRIBUTOR, RoleAssignment};
use crate::azure::dps::attestation::Attestation;
use crate::azure::dps::manage::links::link_of;
use crate::azure::dps::service::{Enrollment, Individual, Link, Means, Meter, Service};
use crate::azure::iot_hub::hub::Hub;
use crate::azure::iot_hub::manage::document::defaults;
use crate::azure::microsoft_devices::policies::{default_hub_policies, default_service_policies};
use crate::azure::options::FederatedCredential;
use crate::azure::resource::{Phase, Policy, Resource, ResourceGroup};
use crate::azure::state::Azure;

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
    /// Makes a resource group, unless it is there.
    pub fn add_resource_group(&mut self, subscription: &str, name: &str, location: &str) {
        let key = (subscription.to_lowercase(), name.to_lowercase());
        self.groups.entry(key).or_insert_with(|| ResourceGroup {
            subscription: subscription.to_owned(),
            name: name.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            deleting: false,
        });
    }

    pub(crate) fn resource(&mut self, subscription: &str, group: &str, name: &str, location: &str) -> Resource {
        self.add_resource_group(subscription, group, location);
        Resource {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            etag: self.etag(),
            phase: Phase::Active,
            visible_from: Timestamp::MIN,
        }
    }

    /// Makes an active hub with the default policies.
    pub fn add_hub(&mut self, hub: NewHub<'_>) {
        let resource = self.resource(hub.subscription, hub.group, hub.name, hub.location);
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
        self.hubs.insert(hub.resource.name.to_lowercase(), hub);
    }

    /// Makes an active provisioning service with the default policy and no links.
    pub fn add_service(&mut self, service: NewService<'_>) {
        let resource = self.resource(service.subscription, service.group, service.name, service.location);
        let policies = default_service_policies(&mut self.keyring, service.name);
        let service = Service::new(&mut self.keyring, resource, policies);
        self.services.insert(service.resource.name.to_lowercase(), service);
    }

    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    pub(crate) fn hub_mut(&mut self, name: &str) -> &mut Hub {
        self.hubs.get_mut(&name.to_lowercase()).unwrap_or_else(|| panic!("there is no hub {name}"))
    }

    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    pub(crate) fn service_mut(&mut self, name: &str) -> &mut Service {
        self.services.get_mut(&name.to_lowercase()).unwrap_or_else(|| panic!("there is no service {name}"))
    }

    pub(crate) fn touch(&mut self, service: &str) -> &mut Service {
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
            means: Means::Key { policy: "iothubowner".to_owned(), key: owner.expect("the owner policy is there unless a test deleted it") },
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
        let link = Link { host, named: true, means: Means::SystemAssigned, location, apply_allocation_policy: true, weight: 1 };
        self.touch(service).links.push(link);
    }

    /// Adds a link as somebody wrote it, wherever it leads; the JSON is one entry of `iotHubs`.
    ///
    /// # Panics
    /// The entry's connection string or location is missing.
    pub fn add_foreign_link(&mut self, service: &str, entry: &Value) {
        let link = link_of(entry).expect("a link has a whole connection string and a location");
        link.key().map(|key| self.keyring.keep(key.clone()));
        self.touch(service).links.push(link);
    }

    /// Takes every link to a host away.
    pub fn remove_link(&mut self, service: &str, host: &str) {
        self.touch(service).links.retain(|link| !link.host.eq_ignore_ascii_case(host));
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

    /// Sets one tag of a provisioning service.
    pub fn set_service_tag(&mut self, service: &str, tag: &str, value: &str) {
        let resource = &mut self.touch(service).resource;
        resource.tags.insert(tag.to_owned(), value.into());
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
        self.hubs.get(&hub.to_lowercase())?.properties.get(name).cloned()
    }

    /// Deletes a hub at once, with its devices.
    pub fn delete_hub(&mut self, hub: &str) {
        self.hubs.remove(&hub.to_lowercase());
        self.drop_orphaned_roles();
    }

    /// The principal of the identity that Azure made for a provisioning service.
    pub fn service_principal(&self, service: &str) -> Option<String> {
        self.services.get(&service.to_lowercase())?.identities.system.clone()
    }

    /// Lets a principal register devices in a hub.
    pub fn grant_hub_role(&mut self, hub: &str, principal: &str) {
        let scope = self.hub_mut(hub).resource.scope("iothubs");
        let name = self.keyring.guid("role assignment");
        let role = RoleAssignment {
            name: name.clone(),
            scope: scope.clone(),
            definition: format!("/providers/Microsoft.Authorization/roleDefinitions/{DATA_CONTRIBUTOR}"),
            principal: principal.to_owned(),
            principal_type: "ServicePrincipal".to_owned(),
            created: self.looked,
        };
        self.roles.insert((scope, name), role);
    }

    /// Takes every role on a hub from a principal.
    pub fn withdraw_hub_roles(&mut self, hub: &str, principal: &str) {
        let scope = self.hub_mut(hub).resource.scope("iothubs");
        self.roles.retain(|_, role| role.scope != scope || !role.principal.eq_ignore_ascii_case(principal));
    }

    /// Deletes a provisioning service at once, with all that it holds.
    pub fn delete_service(&mut self, service: &str) {
        self.services.remove(&service.to_lowercase());
    }

    /// A key of a hub's policy, as `listkeys` would give it: primary, then secondary.
    pub fn hub_policy_keys(&self, hub: &str, policy: &str) -> Option<(String, String)> {
        let policy = self.hubs.get(&hub.to_lowercase())?.policy(policy)?;
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

    /// The keys of a provisioning service's policy: primary, then secondary.
    pub fn service_policy_keys(&self, service: &str, policy: &str) -> Option<(String, String)> {
        let policy = self.services.get(&service.to_lowercase())?.policy(policy)?;
        Some((policy.primary.clone(), policy.secondary.clone()))
    }

    /// A provisioning service's id scope.
    pub fn id_scope(&self, service: &str) -> Option<String> {
        let service = self.services.get(&service.to_lowercase())?;
        Some(service.id_scope.clone())
    }

    /// Makes an enrollment group with fresh keys that uses these hubs.
    pub fn add_group(&mut self, service: &str, id: &str, hubs: &[&str]) {
        let label = format!("service/{}/group/{id}", service.to_lowercase());
        let group = self.fresh_enrollment(&label, id, hubs);
        self.service_mut(service).groups.insert(id.to_owned(), group);
    }

    /// Makes an individual enrollment with fresh keys that uses every linked hub, in place of the one that is there.
    pub fn add_enrollment(&mut self, service: &str, registration: &str, enabled: bool) {
        let label = format!("service/{}/enrollment/{registration}", service.to_lowercase());
        let enrollment = Enrollment { enabled, ..self.fresh_enrollment(&label, registration, &[]) };
        let individual = Individual { enrollment, device: None };
        self.service_mut(service).individuals.insert(registration.to_lowercase(), individual);
    }

    /// Enables or disables an individual enrollment.
    ///
    /// # Panics
    /// There is no such enrollment.
    pub fn set_enrollment_enabled(&mut self, service: &str, registration: &str, enabled: bool) {
        let etag = format!("{:08x}", self.count());
        let individual = self.service_mut(service).individuals.get_mut(&registration.to_lowercase());
        let enrollment = &mut individual.expect("a wrong name is a mistake of the test's author").enrollment;
        (enrollment.enabled, enrollment.etag) = (enabled, etag);
    }

    /// Deletes an individual enrollment.
    pub fn delete_enrollment(&mut self, service: &str, registration: &str) {
        self.service_mut(service).individuals.remove(&registration.to_lowercase());
    }

    fn fresh_enrollment(&mut self, label: &str, id: &str, hubs: &[&str]) -> Enrollment {
        Enrollment {
            id: id.to_owned(),
            etag: format!("{:08x}", self.count()),
            attestation: Attestation::Keys {
                primary: self.keyring.long_key(&format!("{label}/primary")),
                secondary: self.keyring.long_key(&format!("{label}/secondary")),
            },
            enabled: true,
            allocation_policy: None,
            hubs: hubs.iter().map(|host| host.to_lowercase()).collect(),
            update_hub_assignment: true,
            migrate_device_data: true,
            rest: Map::new(),
            created: self.looked,
            updated: self.looked,
            visible_from: Timestamp::MIN,
        }
    }

    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    fn group_mut(&mut self, service: &str, id: &str) -> &mut Enrollment {
        let etag = format!("{:08x}", self.count());
        let group = self.service_mut(service).groups.get_mut(id).unwrap_or_else(|| panic!("there is no group {id}"));
        group.etag = etag;
        group
    }

    /// Enables or disables an enrollment group.
    pub fn set_group_enabled(&mut self, service: &str, id: &str, enabled: bool) {
        self.group_mut(service, id).enabled = enabled;
    }

    /// Changes which hubs a group uses; none means all linked ones.
    pub fn set_group_hubs(&mut self, service: &str, id: &str, hubs: &[&str]) {
        self.group_mut(service, id).hubs = hubs.iter().map(|host| host.to_lowercase()).collect();
    }

    /// Has a device's record tell of another hub.
    #[expect(clippy::panic, reason = "a wrong name is a mistake of the test's author")]
    pub fn set_assigned_hub(&mut self, service: &str, registration: &str, host: &str) {
        let records = &mut self.service_mut(service).registrations;
        let record = records.get_mut(&registration.to_lowercase()).unwrap_or_else(|| panic!("{registration} has not registered"));
        record.hub = Some(host.to_lowercase());
    }

    /// Deletes an enrollment group.
    pub fn delete_group(&mut self, service: &str, id: &str) {
        self.service_mut(service).groups.remove(id);
    }

    /// An enrollment group's keys, if it has keys: primary, then secondary.
    pub fn group_keys(&self, service: &str, id: &str) -> Option<(String, String)> {
        let group = self.services.get(&service.to_lowercase())?.groups.get(id)?;
        let [primary, secondary] = group.attestation.keys()?;
        Some((primary.clone(), secondary.clone()))
    }

    /// Replaces the client secrets of an application.
    pub fn set_client_secrets(&mut self, client_id: &str, secrets: &[&str]) {
        for secret in secrets {
            self.keyring.keep((*secret).to_owned());
        }
        for application in &mut self.directory.applications {
            if application.client_id.eq_ignore_ascii_case(client_id) {
                application.client_secrets = secrets.iter().map(|&text| text.to_owned()).collect();
            }
        }
    }

    /// Replaces the federated credentials of an application.
    pub fn set_federated(&mut self, client_id: &str, credentials: &[FederatedCredential]) {
        for application in &mut self.directory.applications {
            if application.client_id.eq_ignore_ascii_case(client_id) {
                application.federated = credentials.to_vec();
            }
        }
    }

    /// Gives an application roles in these subscriptions only; `None` in every one of its tenants.
    pub fn set_roles(&mut self, client_id: &str, subscriptions: Option<&[&str]>) {
        for application in &mut self.directory.applications {
            if application.client_id.eq_ignore_ascii_case(client_id) {
                application.subscriptions = subscriptions.map(|ids| ids.iter().map(|&id| id.to_owned()).collect());
            }
        }
    }

    /// Makes every bearer token that is out invalid.
    pub fn expire_tokens(&mut self) {
        self.directory.expire_all();
    }
}
