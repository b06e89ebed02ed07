//! What the watches have shown so far.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Resource;
use moorage_crds::{for_each_kind, with_kind};
use tokio::sync::watch;

use crate::{
    cache::unreadable::UnreadableObjects,
    object::{ChangeCounts, Dependency, NamespacedName, ObjectKey},
};

/// All objects of one kind that the operator watches.
#[derive(Debug)]
pub struct Store<K> {
    objects: Mutex<HashMap<NamespacedName, Arc<K>>>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self { objects: Mutex::default() }
    }
}

impl<K> Store<K> {
    /// The object of that name, as last seen.
    pub fn get(&self, at: &NamespacedName) -> Option<Arc<K>> {
        self.lock().get(at).cloned()
    }

    /// Every object, in no order.
    pub fn all(&self) -> Vec<Arc<K>> {
        self.lock().values().cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in what was seen and gives back what was there before.
    pub fn put(&self, at: NamespacedName, object: Arc<K>) -> Option<Arc<K>> {
        self.lock().insert(at, object)
    }

    /// Forgets what is gone.
    pub fn remove(&self, at: &NamespacedName) -> Option<Arc<K>> {
        self.lock().remove(at)
    }

    /// The names of a namespace, or of all, that are not in `seen`: gone while nobody watched.
    pub fn missing(&self, namespace: Option<&str>, seen: &HashSet<NamespacedName>) -> Vec<NamespacedName> {
        let here = |at: &NamespacedName| namespace.is_none_or(|namespace| &*at.namespace == namespace);
        self.lock().keys().filter(|at| here(at) && !seen.contains(at)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NamespacedName, Arc<K>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource> Store<K> {
    fn version(&self, at: &NamespacedName) -> Option<String> {
        self.get(at)?.meta().resource_version.clone()
    }
}

/// An API type that is kept in memory: each of the list.
pub trait Cached: Sized {
    /// Where its objects are kept.
    fn store(objects: &Objects) -> &Store<Self>;
}

macro_rules! objects {
    ($($kind:ident),+) => {
        /// A store for each kind, under its name.
        #[derive(Debug, Default)]
        struct ByKind {
            $($kind: Store<moorage_crds::$kind>,)+
        }

        $(
            impl Cached for moorage_crds::$kind {
                fn store(objects: &Objects) -> &Store<Self> {
                    &objects.by_kind.$kind
                }
            }
        )+
    };
}

for_each_kind!(objects);

/// The objects of all kinds, and who refers to whom.
#[derive(Debug, Default)]
pub struct Objects {
    by_kind: ByKind,
    unreadable: UnreadableObjects,
    referrers: Mutex<Referrers>,
    changes: ChangeCounts,
    unsynced: watch::Sender<usize>,
}

/// Who refers to a thing. To most things one object does, for which a set would take several times the room.
#[derive(Debug)]
enum Users {
    One(ObjectKey),
    Many(HashSet<ObjectKey>),
}

impl Users {
    fn all(&self) -> Vec<ObjectKey> {
        match self {
            Self::One(user) => vec![user.clone()],
            Self::Many(users) => users.iter().cloned().collect(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(users) => users.len(),
        }
    }

    fn add(&mut self, key: &ObjectKey) {
        match self {
            Self::One(user) if user == key => {}
            Self::One(user) => *self = Self::Many(HashSet::from([user.clone(), key.clone()])),
            Self::Many(users) => drop(users.insert(key.clone())),
        }
    }

    /// Whether nobody is left.
    fn remove(&mut self, key: &ObjectKey) -> bool {
        match self {
            Self::One(user) => user == key,
            Self::Many(users) => {
                users.remove(key);
                users.is_empty()
            }
        }
    }
}

#[derive(Debug, Default)]
struct Referrers {
    by_thing: HashMap<Dependency, Users>,
    by_object: HashMap<ObjectKey, Vec<Dependency>>,
}

impl Objects {
    /// The objects of a kind.
    pub fn of<K: Cached>(&self) -> &Store<K> {
        K::store(self)
    }

    /// The object of that name, unless what is stored of it now cannot be read: what it was before is acted on by nobody.
    pub fn readable<K: Cached>(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.of::<K>().get(&key.name).filter(|_| self.unreadable.get(key).is_none())
    }

    /// Objects that cannot be read now; what they were before is still here, and counts where it holds something.
    pub fn unreadable(&self) -> &UnreadableObjects {
        &self.unreadable
    }

    /// Takes in an object and what it refers to.
    pub fn put<K: Cached>(&self, key: &ObjectKey, references: Vec<Dependency>, object: Arc<K>) -> Option<Arc<K>> {
        self.relate(key, references);
        let before = self.of::<K>().put(key.name.clone(), object);
        self.changes.count(key.kind);
        before
    }

    /// Forgets an object.
    pub fn remove<K: Cached>(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.relate(key, Vec::new());
        let before = self.of::<K>().remove(&key.name);
        self.changes.count(key.kind);
        before
    }

    /// What has changed so far.
    pub fn changes(&self) -> &ChangeCounts {
        &self.changes
    }

    /// The version of an object as last seen.
    pub fn version(&self, key: &ObjectKey) -> Option<String> {
        with_kind!(key.kind, |K| self.of::<K>().version(&key.name))
    }

    /// The objects that refer to a thing.
    pub fn referrers(&self, thing: &Dependency) -> Vec<ObjectKey> {
        self.lock().by_thing.get(thing).map(Users::all).unwrap_or_default()
    }

    /// How many objects refer to a thing.
    pub fn count_referrers(&self, thing: &Dependency) -> usize {
        self.lock().by_thing.get(thing).map_or(0, Users::len)
    }

    /// The objects that refer to any Secret of a namespace.
    pub fn referrers_of_secrets_in(&self, namespace: &str) -> HashSet<ObjectKey> {
        let referrers = self.lock();
        let here = |thing: &&Dependency| matches!(thing, Dependency::Secret(at) if &*at.namespace == namespace);
        referrers.by_thing.keys().filter(here).filter_map(|thing| referrers.by_thing.get(thing)).flat_map(Users::all).collect()
    }

    /// One more watch has to show all it has before decisions are made.
    pub fn expect_watch(&self) {
        self.unsynced.send_modify(|unsynced| *unsynced += 1);
    }

    /// One watch has shown all it has.
    pub fn watch_is_complete(&self) {
        self.unsynced.send_modify(|unsynced| *unsynced -= 1);
    }

    /// Whether every watch has shown all it has.
    pub fn is_synced(&self) -> bool {
        *self.unsynced.borrow() == 0
    }

    /// Waits until every watch has shown all it has.
    pub async fn synced(&self) {
        let mut unsynced = self.unsynced.subscribe();
        // The sender lives as long as `self`.
        let _ = unsynced.wait_for(|unsynced| *unsynced == 0).await;
    }

    fn relate(&self, key: &ObjectKey, things: Vec<Dependency>) {
        let is_before = |thing: &Dependency| !matches!(thing, Dependency::Object(other) if other.kind >= key.kind);
        debug_assert!(things.iter().all(is_before), "{key} refers to a kind that does not come before its own in the list");
        let mut referrers = self.lock();
        if referrers.by_object.get(key).map_or(&[][..], Vec::as_slice) == things.as_slice() {
            return;
        }
        for thing in referrers.by_object.remove(key).unwrap_or_default() {
            if referrers.by_thing.get_mut(&thing).is_some_and(|users| users.remove(key)) {
                referrers.by_thing.remove(&thing);
            }
        }
        for thing in &things {
            referrers.by_thing.entry(thing.clone()).and_modify(|users| users.add(key)).or_insert_with(|| Users::One(key.clone()));
        }
        if !things.is_empty() {
            referrers.by_object.insert(key.clone(), things);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Referrers> {
        self.referrers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::KindName;

    #[test]
    fn whoever_refers_to_a_thing_is_known_until_it_does_no_more() {
        let key = |name| ObjectKey::new(KindName::DeviceCredential, "contoso", name);
        let (objects, thing) = (Objects::default(), Dependency::Secret(NamespacedName::new("contoso", "shared")));
        let referrers = || {
            let mut keys = objects.referrers(&thing);
            keys.sort();
            assert_eq!(objects.count_referrers(&thing), keys.len());
            assert_eq!(objects.referrers_of_secrets_in("contoso"), keys.iter().cloned().collect());
            keys
        };
        assert_eq!(referrers(), []);
        objects.relate(&key("a"), vec![thing.clone(), thing.clone()]);
        assert_eq!(referrers(), [key("a")]);
        objects.relate(&key("b"), vec![thing.clone()]);
        objects.relate(&key("c"), vec![Dependency::Secret(NamespacedName::new("contoso", "other")), thing.clone()]);
        assert_eq!(objects.count_referrers(&thing), 3);
        objects.relate(&key("c"), Vec::new());
        assert_eq!(referrers(), [key("a"), key("b")]);
        objects.relate(&key("a"), Vec::new());
        objects.relate(&key("b"), Vec::new());
        assert_eq!(referrers(), []);
        assert!(objects.lock().by_thing.is_empty() && objects.lock().by_object.is_empty());
    }
}
