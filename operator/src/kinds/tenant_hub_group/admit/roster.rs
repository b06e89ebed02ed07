//! All hub groups, with what the ledger says of their hubs: read once until something of that changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use moorage_cloud::Cloud;
use moorage_crds::{CloudAccount, DeletionPolicy, TenantHubGroup};

use super::{
    is_granted,
    room::{Asking, Room, rooms},
};
use crate::{
    azure::{
        accounts::account_key,
        arm_resource::ownership::age,
        facts::{WrittenHub, place_of_hubs},
        grants::{limiting, names},
        iot_hub::{self, service_of},
    },
    controller::context::Caches,
    ledger::{
        Entries,
        entries::{self, ADOPTED, HUB, LEFT_HUB, is_in_place, recorded},
    },
    object::{Keyed, KindName, NamespacedName, ObjectKey},
};

/// A hub group, as others have to reckon with it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) group: Arc<TenantHubGroup>,
    pub(super) key: ObjectKey,
    pub(super) age: (Option<Timestamp>, ObjectKey),
    /// The hubs that its spec names, in lower case.
    pub(super) named: BTreeSet<String>,
    pub(super) account: ObjectKey,
    /// The cloud of that, if it is there.
    pub(super) cloud: Option<Cloud>,
    pub(super) service: Option<ObjectKey>,
    /// Its resource group, in lower case.
    pub(super) resource_group: String,
    /// Whether its account grants it that.
    pub(super) granted: bool,
    entries: Arc<Entries>,
}

impl Member {
    fn of(caches: &Caches, group: Arc<TenantHubGroup>) -> Self {
        let (key, spec) = (group.key(), &group.spec);
        Self {
            age: age(&*group),
            named: spec.hubs.iter().map(|hub| hub.name.to_lowercase()).collect(),
            account: account_key(&spec.account_ref, &key.name.namespace),
            cloud: iot_hub::cloud_of(&caches.objects, &group),
            service: service_of(&group),
            resource_group: spec.resource_group.name.to_lowercase(),
            granted: is_granted(caches, &group),
            entries: caches.ledger.of(&key),
            key,
            group,
        }
    }

    /// Whether it has a hub, as the ledger says.
    pub(super) fn holds(&self, name: &str) -> bool {
        is_in_place(recorded(&self.entries, &entries::of(HUB, name)))
    }

    /// The hubs of its page that are there, or may be, of which something is so.
    fn made(&self, is_so: impl Fn(&WrittenHub) -> bool) -> BTreeSet<&str> {
        let hubs = self.entries.keys().filter_map(|entry| entry.strip_prefix(HUB));
        hubs.filter(|hub| WrittenHub::of(&self.entries, hub).is_some_and(|known| is_so(&known))).collect()
    }
}

/// A hub of a page of the ledger.
#[derive(Debug)]
struct PageHub {
    owner: NamespacedName,
    name: String,
    known: WrittenHub,
    /// Whether somebody else had made it.
    adopted: bool,
}

/// A grant with a number of hubs in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Right {
    /// An entry of an account.
    Account(ObjectKey, usize),
    /// A grant of a provisioning service to these namespaces.
    Service(ObjectKey, Vec<String>),
}

/// The room of everybody who asks by a grant.
type Rooms = HashMap<ObjectKey, Room>;

/// Everybody, and the room that they have by each grant that was asked for.
pub(super) struct Roster {
    members: Vec<Member>,
    by_hub: HashMap<String, Vec<usize>>,
    of_pages: Vec<PageHub>,
    rooms: Mutex<HashMap<(Right, usize), Rooms>>,
}

impl Roster {
    /// As things are.
    pub(super) fn now(caches: &Caches) -> Arc<Self> {
        caches.derived(KindName::TenantHubGroup, || Self::read(caches))
    }

    fn read(caches: &Caches) -> Self {
        let members: Vec<_> = caches.objects.of::<TenantHubGroup>().all().into_iter().map(|group| Member::of(caches, group)).collect();
        let mut by_hub = HashMap::<_, Vec<_>>::new();
        for (n, member) in members.iter().enumerate() {
            member.named.iter().for_each(|hub| by_hub.entry(hub.clone()).or_default().push(n));
        }
        let made = caches.ledger.beginning_with(HUB).into_iter().filter_map(|(owner, name, record)| {
            let known = WrittenHub::of(&caches.ledger.of(&owner), &name)?;
            Some(PageHub { owner: owner.name, name, known, adopted: record == ADOPTED })
        });
        // What it was to whoever let it go is not known any more, but that it is theirs no more.
        let let_go = caches.ledger.beginning_with(LEFT_HUB).into_iter().flat_map(|(owner, name, known)| {
            let hub = |known| PageHub { owner: owner.name.clone(), name: name.clone(), known, adopted: false };
            WrittenHub::left(&known).map(|(known, _)| hub(known)).collect::<Vec<_>>()
        });
        let of_pages = made.chain(let_go).collect();
        Self { members, by_hub, of_pages, rooms: Mutex::default() }
    }

    /// A hub group; `None` if it is one that the caches have not been shown.
    pub(super) fn of(&self, group: &ObjectKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == *group)
    }

    /// Those who name a hub, in lower case.
    pub(super) fn wanting(&self, hub: &str) -> impl Iterator<Item = &Member> {
        self.by_hub.get(hub).into_iter().flatten().map(|n| &self.members[*n])
    }

    /// The room of a hub group in an entry of an account.
    pub(super) fn in_account(&self, account: &CloudAccount, entry: usize, most: usize, group: &ObjectKey) -> Option<Room> {
        let of = account.key();
        self.room(Right::Account(of.clone(), entry), most, group, || {
            let is_entry = |namespace: &str, resource_group: &str| {
                limiting(account, namespace, resource_group).is_some_and(|(position, _)| position == entry)
            };
            let counts = |member: &&Member| member.account == of && is_entry(&member.key.name.namespace, &member.resource_group);
            let asking = self.members.iter().filter(counts).map(|member| {
                let place = place_of_hubs(account, &member.resource_group);
                let frees = member.group.spec.deletion_policy == DeletionPolicy::Delete;
                let made = member.made(|hub| hub.is_at(&place));
                Asking { age: member.age.clone(), named: &member.named, made, frees }
            });
            let asking: Vec<_> = asking.collect();
            let takes_room =
                |hub: &PageHub| !hub.adopted && hub.known.group_of(account).is_some_and(|group| is_entry(&hub.owner.namespace, group));
            let left = self.left(&asking, takes_room);
            rooms(asking, left, most)
        })
    }

    /// The room of a hub group in a grant of a provisioning service.
    pub(super) fn in_service(&self, service: &ObjectKey, namespaces: &[String], most: usize, group: &ObjectKey) -> Option<Room> {
        self.room(Right::Service(service.clone(), namespaces.to_vec()), most, group, || {
            let is_linked = |hub: &WrittenHub| hub.linked_to.as_deref() == Some(&*service.name.to_string());
            let counts = |member: &&Member| {
                member.service.as_ref() == Some(service) && member.granted && names(namespaces, &member.key.name.namespace)
            };
            // One that is taken out is unlinked, whatever becomes of it.
            let asking = self.members.iter().filter(counts);
            let asking: Vec<_> = asking
                .map(|member| Asking { age: member.age.clone(), named: &member.named, made: member.made(is_linked), frees: true })
                .collect();
            let left = self.left(&asking, |hub| is_linked(&hub.known) && names(namespaces, &hub.owner.namespace));
            rooms(asking, left, most)
        })
    }

    /// What takes room and is none of those that ask for it: its object is gone, does not name it any more, means another by its name, asks by
    /// another right, or has let it go.
    fn left<'a>(&'a self, asking: &[Asking<'a>], takes_room: impl Fn(&PageHub) -> bool) -> BTreeSet<&'a str> {
        let asking: HashMap<_, _> = asking.iter().map(|one| (&one.age.1.name, one)).collect();
        let is_owned =
            |hub: &PageHub| asking.get(&hub.owner).is_some_and(|owner| owner.named.contains(&hub.name) && owner.made.contains(&*hub.name));
        self.of_pages.iter().filter(|hub| takes_room(hub) && !is_owned(hub)).map(|hub| &*hub.name).collect()
    }

    fn room(&self, right: Right, most: usize, group: &ObjectKey, judge: impl FnOnce() -> Rooms) -> Option<Room> {
        let mut known = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry((right, most)).or_insert_with(judge).get(group).copied()
    }
}
