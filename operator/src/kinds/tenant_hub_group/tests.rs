//! A hub group in a small Azure of its own.

mod admission;
mod by_identity;
mod leaving;
mod present;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use moorage_cloud::{AccessKey, Cloud, Hub, HubUsage, KeyPair, ProvisioningService as ServiceDocument, RoleAssignment};
use moorage_crds::{Adoption, DeletionPolicy, LinkAuthentication};
use moorage_keys::SymmetricKey;

use serde_json::json;

use super::{
    admit::Crowded,
    observe::{LiveState, ObservedHub, digest_of, may_have_role, names},
    roles::Roles,
    *,
};
use crate::{
    azure::arm_resource::{
        self, is_active,
        ownership::{OWNER_TAG, Whose, by_tag},
        resource_group::{Change, ObservedGroup, State},
    },
    controller::linter::{described, metadata, now, read},
    ledger::{
        Entries,
        entries::{self, BY_IDENTITY, STALE},
    },
    object::ObjectKey,
};

const MARK: &str = "house/TenantHubGroup/contoso/hubs";
const POLICY: &str = "moorage-aaaaaaaaaaaaaaaa";
const PRINCIPAL: &str = "00000000-0000-0000-0000-000000000007";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Maker {
    Us,
    Another,
    Stranger,
}

/// A hub as it is in Azure.
#[derive(Clone, Debug, PartialEq)]
struct SiteHub {
    maker: Maker,
    tagged: bool,
    sku: (String, i64),
    /// Its provisioning state and its own.
    state: (&'static str, &'static str),
    refuses_keys: bool,
    /// The number of our policy's key.
    policy: Option<u8>,
    /// Who may register devices in it.
    roles: Vec<RoleAssignment>,
    devices: i64,
    /// Looks that a long operation still takes, and whether it ends with the hub.
    moving: u8,
    going: bool,
}

/// A link of the provisioning service.
#[derive(Clone, Debug, PartialEq)]
struct SiteLink {
    host: String,
    /// `None`: it is by identity, or does not say.
    policy: Option<String>,
    identity: bool,
    /// The number of the key in it, which nobody can read.
    key: Option<u8>,
    weight: i64,
}

/// Where the hubs are.
const PLACE: &str = "platform/azure/s/rg";

/// All that a look can see.
#[derive(Clone, Debug)]
struct Site {
    group: ObservedGroup,
    hubs: BTreeMap<String, SiteHub>,
    links: Vec<SiteLink>,
    /// The provisioning service's two states; `None` if it is not there.
    service: Option<(&'static str, &'static str)>,
    /// The principal of its identity, if it has one.
    principal: Option<&'static str>,
    entries: Entries,
    granted: Adoption,
    crowded: Crowded,
    enrolled: Vec<(String, String)>,
    usages: Vec<HubUsage>,
    /// Whether the names of hubs that are not here are taken elsewhere.
    taken: bool,
    /// What the ledger says of devices.
    left: Vec<(ObjectKey, String)>,
}

fn object(hubs: &[&str]) -> TenantHubGroup {
    let hub = |name: &&str| json!({ "name": name, "location": "eastus", "sku": { "name": "S1", "capacity": 2 }, "link": { "allocationWeight": 5 } });
    read(json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "TenantHubGroup",
        "metadata": metadata("contoso", "hubs"),
        "spec": {
            "accountRef": { "name": "azure", "namespace": "platform" },
            "provisioningServiceRef": { "name": "dps", "namespace": "platform" },
            "resourceGroup": { "name": "contoso-iot", "location": "eastus" },
            "hubs": hubs.iter().map(hub).collect::<Vec<_>>(),
            "deletionPolicy": "Delete",
        },
    }))
}

/// The same with links by identity.
fn keyless(mut object: TenantHubGroup) -> TenantHubGroup {
    object.spec.hubs.iter_mut().for_each(|hub| hub.link.authentication = LinkAuthentication::Identity);
    object
}

/// The role that we give to the provisioning service on a hub.
fn role_on(name: &str) -> RoleAssignment {
    RoleAssignment { name: Roles::of_owner(MARK).name(name), principal: PRINCIPAL.to_owned() }
}

fn host(name: &str) -> String {
    format!("{}.azure-devices.net", name.to_lowercase())
}

fn access(key: u8) -> AccessKey {
    let keys = KeyPair { primary: SymmetricKey::from([key; 32]), secondary: SymmetricKey::from([!key; 32]) };
    AccessKey { name: POLICY.to_owned(), rights: "RegistryWrite, ServiceConnect".to_owned(), keys }
}

impl SiteHub {
    /// A hub of ours as the spec wants it.
    fn ours() -> Self {
        Self {
            maker: Maker::Us,
            tagged: true,
            sku: ("S1".to_owned(), 2),
            state: ("Succeeded", "Active"),
            refuses_keys: false,
            policy: Some(1),
            roles: Vec::new(),
            devices: 0,
            moving: 0,
            going: false,
        }
    }

    /// Somebody's hub of the same name, of another size and without our policy.
    fn of(maker: Maker) -> Self {
        Self { maker, sku: ("S2".to_owned(), 7), policy: None, devices: 9, ..Self::ours() }
    }

    fn tag(&self) -> Option<&'static str> {
        match self.maker {
            Maker::Us => self.tagged.then_some(MARK),
            Maker::Another => Some("house/TenantHubGroup/fabrikam/hubs"),
            Maker::Stranger => None,
        }
    }

    fn document(&self, name: &str) -> Hub {
        let state = match (self.moving, self.going) {
            (0, _) => self.state,
            (_, true) => ("Deleting", "Deleting"),
            (_, false) => ("Transitioning", "Transitioning"),
        };
        read(json!({
            "id": format!("/subscriptions/s/resourceGroups/contoso-iot/providers/Microsoft.Devices/IotHubs/{name}"),
            "name": name,
            "location": "eastus",
            "etag": "AAAADA==",
            "sku": { "name": self.sku.0, "tier": "Standard", "capacity": self.sku.1 },
            "tags": self.tag().map_or(json!({}), |tag| json!({ OWNER_TAG: tag })),
            "properties": {
                "provisioningState": state.0,
                "state": state.1,
                "hostName": host(name),
                "disableLocalAuth": self.refuses_keys,
            },
        }))
    }
}

impl SiteLink {
    /// The link of a hub as we write it.
    fn ours(name: &str) -> Self {
        Self { host: host(name), policy: Some(POLICY.to_owned()), identity: false, key: Some(1), weight: 5 }
    }

    /// A link that somebody else wrote.
    fn foreign(name: &str) -> Self {
        Self { policy: Some("iothubowner".to_owned()), key: None, weight: 1, ..Self::ours(name) }
    }

    fn by_identity(name: &str) -> Self {
        Self { identity: true, key: None, policy: None, ..Self::ours(name) }
    }

    /// A link as an api-version tells it that does not know how it works.
    fn untold(name: &str) -> Self {
        Self { policy: None, ..Self::foreign(name) }
    }

    fn json(&self) -> Value {
        let mut entry = json!({ "name": self.host, "location": "eastus", "allocationWeight": self.weight, "applyAllocationPolicy": false });
        if let Some(policy) = &self.policy {
            entry["connectionString"] = json!(format!("HostName={};SharedAccessKeyName={policy};SharedAccessKey=****", self.host));
        }
        if self.identity {
            entry["authenticationType"] = "SystemAssigned".into();
        }
        entry
    }
}

impl Site {
    /// A resource group of ours and an empty provisioning service.
    fn empty() -> Self {
        Self {
            group: ObservedGroup { state: State::Settled, ours: true, empty: false },
            hubs: BTreeMap::new(),
            links: Vec::new(),
            service: Some(("Succeeded", "Active")),
            principal: None,
            entries: Entries::new(),
            granted: Adoption::IfUnmanaged,
            crowded: Crowded::default(),
            usages: Vec::new(),
            enrolled: Vec::new(),
            taken: false,
            left: Vec::new(),
        }
    }

    fn with(mut self, name: &str, hub: SiteHub) -> Self {
        self.hubs.insert(name.to_owned(), hub);
        self
    }

    fn linked(mut self, link: SiteLink) -> Self {
        self.links.push(link);
        self
    }

    fn recorded(mut self, entry: &str, value: &str) -> Self {
        self.entries.insert(entry.to_owned(), value.to_owned());
        self
    }

    /// A hub of ours that is linked and written down, so that nothing is left to do.
    fn complete(self, name: &str) -> Self {
        let digest = digest_of(&access(1));
        let site = self.with(name, SiteHub::ours()).linked(SiteLink::ours(name));
        site.recorded(&entries::of(entries::HUB, name), "made")
            .recorded(&entries::of(entries::LINK, name), &digest)
            .recorded(&entries::of(entries::LINKED_TO, name), "platform/dps")
    }

    /// The same with a provisioning service that has an identity.
    fn with_identity(self) -> Self {
        Self { principal: Some(PRINCIPAL), ..self }
    }

    fn hub(&mut self, name: &str) -> &mut SiteHub {
        self.hubs.get_mut(name).expect("the hub is there")
    }

    fn document(&self) -> Option<ServiceDocument> {
        let (provisioning, own) = self.service?;
        let links: Vec<_> = self.links.iter().map(SiteLink::json).collect();
        let mut service = json!({ "properties": { "provisioningState": provisioning, "state": own, "iotHubs": links } });
        if let Some(principal) = self.principal {
            service["identity"] = json!({ "type": "SystemAssigned", "principalId": principal });
        }
        Some(read(service))
    }

    /// What a look for a goal sees, and no more.
    fn look(&self, object: &TenantHubGroup, goal: Goal) -> LiveState {
        let service = self.document().filter(|_| object.spec.provisioning_service_ref.is_some());
        let see = |(name, desired): (String, Option<moorage_crds::IotHub>)| {
            let there = self.hubs.iter().find(|(other, _)| other.eq_ignore_ascii_case(&name)).map(|(_, hub)| hub);
            let hub = there.map(|hub| hub.document(&name));
            let record = self.entries.get(&entries::of(entries::HUB, &name)).cloned();
            let whose = by_tag(MARK, there.and_then(SiteHub::tag), record.as_deref(), |_| true);
            let settled = hub.as_ref().is_some_and(is_active);
            let touchable = settled && !matches!(whose, Whose::Theirs(_));
            let deletable = settled && whose == Whose::Ours && (goal == Goal::Absent || desired.is_none());
            let by_identity = desired.as_ref().is_some_and(|hub| hub.link.authentication == LinkAuthentication::Identity);
            let link = service.as_ref().map(ServiceDocument::links).unwrap_or_default();
            let link_record = self.entries.get(&entries::of(entries::LINK, &name)).cloned();
            let role_recorded = self.entries.contains_key(&entries::of(entries::ROLE, &name));
            let asks_for_roles = touchable && may_have_role(by_identity, role_recorded, link_record.as_deref());
            ObservedHub {
                host: there.and_then(|_| Cloud::public().hub_host(&host(&name)).ok()),
                access: there.filter(|_| touchable).and_then(|hub| hub.policy).map(access),
                link: link.into_iter().find(|link| link.host.as_ref().is_some_and(|to| to.as_str() == host(&name))),
                roles: there.filter(|_| asks_for_roles).map(|hub| hub.roles.clone()).unwrap_or_default(),
                role_recorded,
                link_record,
                devices: there.filter(|_| deletable).map_or(0, |hub| hub.devices),
                counted: None,
                left: self.left.iter().filter(|_| there.is_none() && (goal == Goal::Absent || desired.is_none())).cloned().collect(),
                name,
                desired,
                resource: arm_resource::ObservedResource {
                    document: hub,
                    whose,
                    name_is_taken: there.is_none() && self.taken && (goal == Goal::Present || record.as_deref() == Some("claimed")),
                    record,
                },
            }
        };
        let hubs: Vec<_> = names(object, &self.entries, PLACE).into_iter().map(see).collect();
        let leaving = goal == Goal::Absent || hubs.iter().any(|hub| hub.desired.is_none());
        let enrolled = if leaving && service.is_some() { self.enrolled.clone() } else { Vec::new() };
        let entries = Arc::new(self.entries.clone());
        LiveState {
            group: self.group.clone(),
            granted: self.granted,
            crowded: self.crowded.clone(),
            is_to_link: object.spec.provisioning_service_ref.is_some(),
            may_link: true,
            service,
            hubs,
            entries,
            policy: POLICY.to_owned(),
            roles: Roles::of_owner(MARK),
            usages: self.usages.clone(),
            enrolled,
            place: PLACE.to_owned(),
            links_to: service_of(object),
            tags: object.spec.tags.clone(),
        }
    }

    fn plan(&self, object: &TenantHubGroup, goal: Goal) -> Plan<Action> {
        object.plan(&Observed::Live(Box::new(self.look(object, goal))), goal, now())
    }

    fn present(&self, object: &TenantHubGroup) -> Vec<String> {
        described(&self.plan(object, Goal::Present))
    }

    fn absent(&self, object: &TenantHubGroup) -> Vec<String> {
        described(&self.plan(object, Goal::Absent))
    }
}
