//! What the watches have shown so far.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moorage_crds::{for_each_kind, with_kind};

use crate::{
    controller::kind::Kind,
    object::{Name, ObjectKey, Thing},
};

/// All objects of one kind that the operator watches.
#[derive(Debug)]
pub struct Store<K> {
    objects: Mutex<HashMap<Name, Arc<K>>>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self { objects: Mutex::default() }
    }
}

impl<K> Store<K> {
    /// The object of that name, as last seen.
    pub fn get(&self, at: &Name) -> Option<Arc<K>> {
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
    pub fn put(&self, at: Name, object: Arc<K>) -> Option<Arc<K>> {
        self.lock().insert(at, object)
    }

    /// Forgets what is gone.
    pub fn remove(&self, at: &Name) -> Option<Arc<K>> {
        self.lock().remove(at)
    }

    /// The names of a namespace, or of all, that are not in `seen`: gone while nobody watched.
    pub fn missing(&self, namespace: Option<&str>, seen: &HashSet<Name>) -> Vec<Name> {
        let here = |at: &Name| namespace.is_none_or(|namespace| &*at.namespace == namespace);
        self.lock().keys().filter(|at| here(at) && !seen.contains(at)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<K>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Kind> Store<K> {
    fn version(&self, at: &Name) -> Option<String> {
        self.get(at)?.meta().resource_version.clone()
    }
}

/// An API type that is kept in memory: each of the list.
pub trait Cached: Sized {
    /// Where its objects are kept.
    fn store(stores: &Stores) -> &Store<Self>;
}

macro_rules! stores {
    ($($kind:ident),+) => {
        /// A store for each kind, under its name.
        #[derive(Debug, Default)]
        struct ByKind {
            $($kind: Store<moorage_crds::$kind>,)+
        }

        $(
            impl Cached for moorage_crds::$kind {
                fn store(stores: &Stores) -> &Store<Self> {
                    &stores.by_kind.$kind
                }
            }
        )+
    };
}

for_each_kind!(stores);

/// The stores of all kinds, and who refers to whom.
#[derive(Debug, Default)]
pub struct Stores {
    by_kind: ByKind,
    referrers: Mutex<Referrers>,
    unsynced: AtomicUsize,
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
    by_thing: HashMap<Thing, Users>,
    by_object: HashMap<ObjectKey, Vec<Thing>>,
}

impl Stores {
    /// The objects of a kind.
    pub fn of<K: Cached>(&self) -> &Store<K> {
        K::store(self)
    }

    /// Takes in an object and what it refers to.
    pub fn put<K: Kind>(&self, key: &ObjectKey, object: Arc<K>) -> Option<Arc<K>> {
        self.relate(key, object.references());
        self.of::<K>().put(key.at.clone(), object)
    }

    /// Forgets an object.
    pub fn remove<K: Kind>(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.relate(key, Vec::new());
        self.of::<K>().remove(&key.at)
    }

    /// The version of an object as last seen.
    pub fn version(&self, key: &ObjectKey) -> Option<String> {
        with_kind!(key.kind, |K| self.of::<K>().version(&key.at))
    }

    /// The objects that refer to a thing.
    pub fn referrers(&self, thing: &Thing) -> Vec<ObjectKey> {
        self.lock().by_thing.get(thing).map(Users::all).unwrap_or_default()
    }

    /// How many objects refer to a thing.
    pub fn count_referrers(&self, thing: &Thing) -> usize {
        self.lock().by_thing.get(thing).map_or(0, Users::len)
    }

    /// The objects that refer to any Secret of a namespace.
    pub fn referrers_of_secrets_in(&self, namespace: &str) -> HashSet<ObjectKey> {
        let referrers = self.lock();
        let here = |thing: &&Thing| matches!(thing, Thing::Secret(at) if &*at.namespace == namespace);
        referrers.by_thing.keys().filter(here).filter_map(|thing| referrers.by_thing.get(thing)).flat_map(Users::all).collect()
    }

    /// One more watch has to show all it has before decisions are made.
    pub fn expect_watch(&self) {
        self.unsynced.fetch_add(1, Ordering::SeqCst);
    }

    /// One watch has shown all it has.
    pub fn watch_is_complete(&self) {
        self.unsynced.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether every watch has shown all it has.
    pub fn complete(&self) -> bool {
        self.unsynced.load(Ordering::SeqCst) == 0
    }

    fn relate(&self, key: &ObjectKey, things: Vec<Thing>) {
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
        let (stores, thing) = (Stores::default(), Thing::Secret(Name::new("contoso", "shared")));
        let referrers = || {
            let mut keys = stores.referrers(&thing);
            keys.sort();
            assert_eq!(stores.count_referrers(&thing), keys.len());
            assert_eq!(stores.referrers_of_secrets_in("contoso"), keys.iter().cloned().collect());
            keys
        };
        assert_eq!(referrers(), []);
        stores.relate(&key("a"), vec![thing.clone(), thing.clone()]);
        assert_eq!(referrers(), [key("a")]);
        stores.relate(&key("b"), vec![thing.clone()]);
        stores.relate(&key("c"), vec![Thing::Secret(Name::new("contoso", "other")), thing.clone()]);
        assert_eq!(stores.count_referrers(&thing), 3);
        stores.relate(&key("c"), Vec::new());
        assert_eq!(referrers(), [key("a"), key("b")]);
        stores.relate(&key("a"), Vec::new());
        stores.relate(&key("b"), Vec::new());
        assert_eq!(referrers(), []);
        assert!(stores.lock().by_thing.is_empty() && stores.lock().by_object.is_empty());
    }
}
