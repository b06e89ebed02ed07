//! Who is reconciled because something else has changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::Resource;
use moorage_crds::with_kind;

use crate::{
    cache::secrets::SyncState,
    controller::{Controller, queue::Priority},
    object::{Dependency, ObjectKey},
};

/// Objects that wait until a namespace's Secrets are in the cache, and how urgently.
#[derive(Debug, Default)]
pub struct PendingSyncs(Mutex<HashMap<Arc<str>, HashMap<ObjectKey, Priority>>>);

impl PendingSyncs {
    fn add(&self, namespace: &Arc<str>, object: &ObjectKey, priority: Priority) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.entry(namespace.clone()).or_default().insert(object.clone(), priority);
    }

    fn take(&self, namespace: &str) -> HashMap<ObjectKey, Priority> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace).unwrap_or_default()
    }
}

impl Controller {
    /// Wakes everything that refers to a thing.
    pub fn wake(&self, thing: &Dependency, priority: Priority) {
        for key in self.caches.objects.referrers(thing) {
            self.wake_one(key, priority);
        }
    }

    /// Wakes an object. One that relays, and is to go, no longer looks at its Secrets: those who still need it do.
    pub fn wake_one(&self, key: ObjectKey, priority: Priority) {
        let objects = &self.caches.objects;
        let is_leaving =
            with_kind!(key.kind, |K| objects.of::<K>().get(&key.name).is_some_and(|one| one.meta().deletion_timestamp.is_some()));
        if is_leaving {
            self.wake_all_who_rest_on(&key, priority);
        }
        self.queue.push(key, priority);
    }

    /// Wakes all that refer to an object, themselves or through another one: what it may do is what they may do with it.
    pub fn wake_all_who_rest_on(&self, used: &ObjectKey, priority: Priority) {
        let objects = &self.caches.objects;
        let (mut woken, mut left) = (HashSet::new(), vec![used.clone()]);
        while let Some(key) = left.pop() {
            for user in objects.referrers(&Dependency::Object(key)) {
                if woken.insert(user.clone()) {
                    left.push(user.clone());
                    self.queue.push(user, priority);
                }
            }
        }
    }

    /// Has an object woken as soon as a namespace's Secrets are in the cache. False if they are by now.
    pub fn wake_when_synced(&self, namespace: &Arc<str>, object: &ObjectKey, priority: Priority) -> bool {
        // Written down before it is looked: whoever completes the cache in between finds it.
        self.pending_syncs.add(namespace, object, priority);
        self.caches.secrets.sync_of(namespace) == Some(SyncState::Starting)
    }

    /// Wakes who waited for a namespace's Secrets; and if it was told otherwise before, everybody who may have heard that.
    pub fn secrets_are(&self, namespace: &Arc<str>, sync: SyncState) {
        let before = self.caches.secrets.set_sync(namespace, sync);
        for (key, priority) in self.pending_syncs.take(namespace) {
            self.queue.push(key, priority);
        }
        if before.is_some_and(|before| before != SyncState::Starting && before != sync) {
            for key in self.caches.objects.referrers_of_secrets_in(namespace) {
                self.wake_one(key, Priority::Changed);
            }
        }
    }
}
