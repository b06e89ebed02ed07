//! What the watches have shown so far.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moorage_crds::{CloudAccount, DeviceCredential, EnrollmentGroup, ProvisioningService, TenantHubGroup};

use crate::{
    key::{KindName, Name, ObjectKey, Thing},
    kind::Kind,
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

/// The stores of all kinds, and who refers to whom.
#[derive(Debug, Default)]
pub struct Stores {
    /// Accounts.
    pub accounts: Store<CloudAccount>,
    /// Provisioning services.
    pub provisioning_services: Store<ProvisioningService>,
    /// Hub groups.
    pub hub_groups: Store<TenantHubGroup>,
    /// Enrollment groups.
    pub enrollment_groups: Store<EnrollmentGroup>,
    /// Device credentials.
    pub device_credentials: Store<DeviceCredential>,
    referrers: Mutex<Referrers>,
    unsynced: AtomicUsize,
}

#[derive(Debug, Default)]
struct Referrers {
    by_thing: HashMap<Thing, HashSet<ObjectKey>>,
    by_object: HashMap<ObjectKey, Vec<Thing>>,
}

impl Stores {
    /// Takes in an object and what it refers to.
    pub fn put<K: Kind>(&self, key: &ObjectKey, object: Arc<K>) -> Option<Arc<K>> {
        self.relate(key, object.references());
        K::store(self).put(key.at.clone(), object)
    }

    /// Forgets an object.
    pub fn remove<K: Kind>(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.relate(key, Vec::new());
        K::store(self).remove(&key.at)
    }

    /// The version of an object as last seen.
    pub fn version(&self, key: &ObjectKey) -> Option<String> {
        match key.kind {
            KindName::CloudAccount => self.accounts.version(&key.at),
            KindName::ProvisioningService => self.provisioning_services.version(&key.at),
            KindName::TenantHubGroup => self.hub_groups.version(&key.at),
            KindName::EnrollmentGroup => self.enrollment_groups.version(&key.at),
            KindName::DeviceCredential => self.device_credentials.version(&key.at),
        }
    }

    /// The objects that refer to a thing.
    pub fn referrers(&self, thing: &Thing) -> Vec<ObjectKey> {
        self.lock().by_thing.get(thing).map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
    }

    /// How many objects refer to a thing.
    pub fn count_referrers(&self, thing: &Thing) -> usize {
        self.lock().by_thing.get(thing).map_or(0, HashSet::len)
    }

    /// The objects that refer to any Secret of a namespace.
    pub fn referrers_of_secrets_in(&self, namespace: &str) -> HashSet<ObjectKey> {
        let referrers = self.lock();
        let here = |thing: &&Thing| matches!(thing, Thing::Secret(at) if &*at.namespace == namespace);
        referrers.by_thing.keys().filter(here).filter_map(|thing| referrers.by_thing.get(thing)).flatten().cloned().collect()
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
            if let Some(keys) = referrers.by_thing.get_mut(&thing) {
                keys.remove(key);
                if keys.is_empty() {
                    referrers.by_thing.remove(&thing);
                }
            }
        }
        for thing in &things {
            referrers.by_thing.entry(thing.clone()).or_default().insert(key.clone());
        }
        if !things.is_empty() {
            referrers.by_object.insert(key.clone(), things);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Referrers> {
        self.referrers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
