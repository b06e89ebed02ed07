//! Objects that are stored, and cannot be read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::object::{KindName, NamespacedName, ObjectKey};

/// An object that cannot be read, and what is known of it all the same.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Why not.
    pub error: String,
    /// What it is called, which version this is, and as far as they are not too large its finalizers and annotations.
    pub metadata: ObjectMeta,
    /// What it was last told, if that can be read.
    pub status: Option<Value>,
    /// The namespaces that its grants name, as far as they can be read: those are told that it cannot be.
    pub granted: Vec<String>,
}

/// The objects that cannot be read now.
#[derive(Debug, Default)]
pub struct UnreadableObjects(Mutex<HashMap<ObjectKey, Arc<Unreadable>>>);

impl UnreadableObjects {
    /// The object of that name, if it cannot be read.
    pub fn get(&self, object: &ObjectKey) -> Option<Arc<Unreadable>> {
        self.lock().get(object).cloned()
    }

    /// Takes in one that cannot be read. Whether it could not be read before.
    pub fn put(&self, object: ObjectKey, unreadable: Unreadable) -> bool {
        self.lock().insert(object, Arc::new(unreadable)).is_some()
    }

    /// Forgets one that can be read now, or is gone. Whether it could not be read before.
    pub fn remove(&self, object: &ObjectKey) -> bool {
        self.lock().remove(object).is_some()
    }

    /// Those of a kind, in a namespace or in all, that are not in `seen`: gone while nobody watched.
    pub fn missing(&self, kind: KindName, namespace: Option<&str>, seen: &HashSet<NamespacedName>) -> Vec<ObjectKey> {
        let here = |at: &NamespacedName| namespace.is_none_or(|namespace| &*at.namespace == namespace);
        self.lock().keys().filter(|key| key.kind == kind && here(&key.name) && !seen.contains(&key.name)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Arc<Unreadable>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
