//! What those know of a thing who rest on it: written in its page of the ledger when it was admitted and seen.
//!
//! Nothing of it comes from a status, which a tenant's role often has the right to write. A fact counts while its object is
//! admitted, and while it speaks of the place in Azure that the object means now.

use moorage_cloud::Cloud;
use moorage_crds::{CloudAccount, EnrollmentGroup, ProvisioningService, Slot, TenantHubGroup};
use moorage_plan::{Goal, Standing};

use crate::{
    azure::{
        accounts,
        clients::ServiceId,
        dps::{self, GrantedService},
        enrollment_group, iot_hub,
    },
    controller::{context::Caches, kind::Kind},
    ledger::{
        Entries, Ledger,
        entries::{
            self, GROUP, GROUP_FACTS, HUB, HUB_FACTS, HUB_PLACE, LEFT_IN, LINKED_TO, SERVICE, SERVICE_FACTS, SERVICE_PLACE, is_in_place,
            recorded,
        },
    },
    object::{Keyed, KindName, ObjectKey},
};

/// Stands for a value that is not there.
const NONE: &str = "-";

/// A provisioning service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Its id scope.
    pub id_scope: String,
    /// Host of its service API.
    pub service_host: String,
    /// Host of its device API.
    pub device_host: String,
}

impl ServiceFacts {
    /// As the ledger has it, of a service at a place.
    pub fn written(&self, place: &str) -> String {
        format!("{place} {} {} {}", self.id_scope, self.service_host, self.device_host)
    }

    /// Of a service at a place, if it is there and its object's. Hosts of another cloud are nothing to it.
    pub fn of(ledger: &Ledger, service: &ObjectKey, place: &str, cloud: Cloud) -> Option<Self> {
        let entries = ledger.of(service);
        let facts = recorded(&entries, SERVICE_FACTS).filter(|_| is_in_place(recorded(&entries, SERVICE)))?;
        let [at, id_scope, service_host, device_host] = words(facts)?;
        let is_in_cloud = cloud.dps_host(service_host).is_ok() && cloud.registers_devices_at(device_host);
        (at == place && is_in_cloud).then(|| Self {
            id_scope: id_scope.to_owned(),
            service_host: service_host.to_owned(),
            device_host: device_host.to_owned(),
        })
    }

    /// Of a service that its object may use.
    pub fn of_granted(caches: &Caches, service: &GrantedService) -> Option<Self> {
        Self::of(&caches.ledger, &service.object.key(), &service.place(), service.cloud())
    }
}

/// A hub of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFacts {
    /// Its name, in lower case.
    pub name: String,
    /// Its host, in lower case.
    pub host: String,
    /// Whether it is linked to the provisioning service that the group names.
    pub linked: bool,
}

impl HubFacts {
    /// As the ledger has it, of a hub in a resource group of a subscription, and the provisioning service that it is linked to.
    pub fn written(place: &str, host: &str, linked_to: Option<&str>) -> String {
        format!("{place} {} {}", host.to_lowercase(), linked_to.unwrap_or(NONE))
    }

    /// Whether facts were written of a hub at a place, and what it was linked to.
    pub fn linked_at<'a>(facts: &'a str, place: &str) -> Option<&'a str> {
        words(facts).filter(|[at, ..]: &[&str; 3]| *at == place).map(|[.., linked_to]| linked_to)
    }

    /// The hubs that are there and the group's, while its account grants it their resource group. A host of another cloud is no hub of it.
    pub fn of(caches: &Caches, hubs: &TenantHubGroup) -> Vec<Self> {
        let (key, spec) = (hubs.key(), &hubs.spec);
        let namespace = &key.name.namespace;
        let Ok(account) = accounts::granted(&caches.objects, &spec.account_ref, namespace, &spec.resource_group.name) else {
            return Vec::new();
        };
        if is_refused(caches, hubs) {
            return Vec::new();
        }
        let place = place_of_hubs(&account.object, &spec.resource_group.name);
        let service = iot_hub::service_of(hubs).filter(|service| dps::granted(&caches.objects, &service.name, namespace).is_ok());
        let entries = caches.ledger.of(&key);
        let read = |(name, facts): (&str, &String)| {
            let [at, host, linked_to] = words(facts)?;
            let is_in_cloud = account.cloud().hub_host(host).is_ok();
            let is_there = at == place && is_in_cloud && is_in_place(recorded(&entries, &entries::of(HUB, name)));
            let linked = service.as_ref().is_some_and(|service| service.name.to_string() == linked_to);
            is_there.then(|| Self { name: name.to_owned(), host: host.to_owned(), linked })
        };
        of_hubs(&entries).filter_map(read).collect()
    }
}

/// What a page says of a hub, whoever it belongs to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenHub {
    place: String,
    /// The provisioning service that it is linked to, or may be.
    pub linked_to: Option<String>,
}

impl WrittenHub {
    /// Reads what a page says of hubs of a name that were left behind, each with its text.
    pub fn left(text: &str) -> impl Iterator<Item = (Self, &str)> {
        text.split(LEFT_IN).filter_map(|part| {
            let mut words = part.split(' ').filter(|word| !word.is_empty());
            let left = Self { place: words.next()?.to_owned(), linked_to: words.next().map(str::to_owned) };
            Some((left, part))
        })
    }

    /// The subscription and the resource group in which it is, whichever account it was reached through.
    pub fn in_subscription(&self) -> &str {
        in_subscription(&self.place)
    }

    /// A hub of a page: where it was claimed, and what it is linked to.
    pub fn of(entries: &Entries, hub: &str) -> Option<Self> {
        let place = recorded(entries, &entries::of(HUB_PLACE, hub))?.to_owned();
        Some(Self { place, linked_to: recorded(entries, &entries::of(LINKED_TO, hub)).map(str::to_owned) })
    }

    /// Whether it is at a place.
    pub fn is_at(&self, place: &str) -> bool {
        self.place == place
    }

    /// Its resource group, in lower case, if it was reached through an account.
    pub fn group_of(&self, account: &CloudAccount) -> Option<&str> {
        self.place.strip_prefix(&place_of_hubs(account, ""))
    }
}

/// Whether a page says that something was made, or linked, by way of an account or a provisioning service.
pub fn has_made_through(entries: &Entries, used: &ObjectKey) -> bool {
    let (name, of_account) = (used.name.to_string(), format!("{}/", used.name));
    if used.kind != KindName::CloudAccount {
        return entries.iter().any(|(entry, value)| entry.starts_with(LINKED_TO) && *value == name);
    }
    let mut places = entries.iter().filter(|(entry, _)| entry.starts_with(HUB_PLACE) || *entry == SERVICE_PLACE).peekable();
    // What is only noted otherwise, such as a resource group, was made by way of the account that is named.
    if places.peek().is_none() { entries::says_made(entries) } else { places.any(|(_, place)| place.starts_with(&of_account)) }
}

/// The part of a place that says where in Azure it is, without the account.
pub fn in_subscription(place: &str) -> &str {
    place.splitn(3, '/').nth(2).unwrap_or(place)
}

/// What a page says of hubs, by their names.
pub fn of_hubs(entries: &Entries) -> impl Iterator<Item = (&str, &String)> {
    entries::facts(entries).filter_map(|(entry, facts)| Some((entry.strip_prefix(HUB_FACTS)?, facts)))
}

/// Where hubs are: a resource group in the subscription of an account, and through which account they are reached. Another account can
/// name the same subscription, and proves nothing by that.
pub fn place_of_hubs(account: &CloudAccount, resource_group: &str) -> String {
    let subscription = account.spec.azure.subscription_id.to_lowercase();
    format!("{}/{subscription}/{}", account.key().name, resource_group.to_lowercase())
}

/// An enrollment group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFacts {
    /// The cloud that it is in.
    pub cloud: Cloud,
    /// The service that it is in.
    pub service: ServiceFacts,
    /// Hosts of the hubs that it gives devices.
    pub hubs: Vec<String>,
    /// Digest of the keys that the service holds.
    pub keys: Option<String>,
    /// Thumbprints of the authorities whose devices the service accepts.
    pub authorities: Vec<(Slot, String)>,
}

impl GroupFacts {
    /// As the ledger has it, of a group in a service at a place.
    pub fn written(place: &str, hubs: &[String], keys: Option<&str>, authorities: &[(Slot, String)]) -> String {
        let or_none = |text: String| if text.is_empty() { NONE.to_owned() } else { text };
        let of_slot = |slot| authorities.iter().find(|(of, _)| *of == slot).map_or(NONE, |(_, thumbprint)| thumbprint);
        let hubs = or_none(hubs.join(","));
        format!("{place} {hubs} {} {} {}", keys.unwrap_or(NONE), of_slot(Slot::Primary), of_slot(Slot::Secondary))
    }

    /// Of a group that is there and its object's, while it is admitted with all that it rests on: its service, the account of that, and
    /// the hubs.
    pub fn of(caches: &Caches, group: &EnrollmentGroup) -> Option<Self> {
        let key = group.key();
        let of_service = enrollment_group::service_of(group);
        let service = dps::granted(&caches.objects, &of_service.name, &key.name.namespace).ok()?;
        let hub_group = caches.objects.readable::<TenantHubGroup>(&enrollment_group::hub_group_of(group))?;
        if is_refused(caches, &*service.object) || is_refused(caches, &*hub_group) || is_refused(caches, group) {
            return None;
        }
        let is_linked_there = iot_hub::service_of(&hub_group) == Some(of_service);
        // A hub counts while it is its group's, through an account that grants it.
        let there = HubFacts::of(caches, &hub_group);
        let is_there = |host: &&str| there.iter().any(|hub| hub.host.eq_ignore_ascii_case(host));
        let entries = caches.ledger.of(&key);
        let facts = recorded(&entries, GROUP_FACTS).filter(|_| is_linked_there && is_in_place(recorded(&entries, GROUP)))?;
        let [at, hubs, keys, primary, secondary] = words(facts)?;
        let some = |text: &str| (text != NONE).then(|| text.to_owned());
        let authorities = [(Slot::Primary, primary), (Slot::Secondary, secondary)].into_iter();
        (at == service.place()).then_some(())?;
        Some(Self {
            cloud: service.cloud(),
            service: ServiceFacts::of_granted(caches, &service)?,
            hubs: some(hubs).iter().flat_map(|hubs| hubs.split(',')).filter(is_there).map(str::to_owned).collect(),
            keys: some(keys),
            authorities: authorities.filter_map(|(slot, thumbprint)| Some((slot, some(thumbprint)?))).collect(),
        })
    }
}

/// Whether an object has no right to what it asks for: what rests on it rests on nothing.
fn is_refused<K: Kind>(caches: &Caches, object: &K) -> bool {
    caches.verdict(&object.key(), || matches!(object.admit(caches, Goal::Present), Err(Standing::Stalled(why)) if why.reason.is_refusal()))
}

/// Where a provisioning service is, as its object and its account say, and through which account it is reached.
pub fn service_place(subscription: &str, service: &ProvisioningService) -> String {
    let account = accounts::account_key(&service.spec.account_ref, &service.key().name.namespace).name;
    let (subscription, group, name): ServiceId =
        (subscription.to_lowercase(), service.spec.resource_group.to_lowercase(), service.spec.name.to_lowercase());
    format!("{account}/{subscription}/{group}/{name}")
}

/// The resource group and the name of a service at a place, if it was reached through an account.
pub fn place_of_service<'a>(account: &CloudAccount, place: &'a str) -> Option<(&'a str, &'a str)> {
    place.strip_prefix(&place_of_hubs(account, ""))?.split_once('/')
}

fn words<const N: usize>(facts: &str) -> Option<[&str; N]> {
    facts.split(' ').collect::<Vec<_>>().try_into().ok()
}
