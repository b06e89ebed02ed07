//! The objects, and what has happened to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::collections::Collection;

/// Kind, namespace and name.
pub(super) type Key = (&'static str, String, String);

/// Something that happened to an object.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub version: u64,
    pub collection: &'static Collection,
    pub namespace: String,
    /// As it was before; `None` if it was not there.
    pub before: Option<Arc<Value>>,
    /// As it is after; `None` if it is gone.
    pub after: Option<Arc<Value>>,
    /// As it is told: with the version of what happened.
    pub told: Arc<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Objects {
    stored: BTreeMap<Key, Arc<Value>>,
    history: Vec<Happened>,
    version: u64,
    oldest: u64,
    uids: u64,
}

impl Objects {
    pub fn newest(&self) -> u64 {
        self.version
    }

    /// Where the history ends.
    pub fn head(&self) -> usize {
        self.history.len()
    }

    /// What happened at and after a place of the history.
    pub fn since(&self, place: usize) -> &[Happened] {
        self.history.get(place..).unwrap_or_default()
    }

    /// The place in the history after a version; `None` if that is too long ago.
    pub fn place_after(&self, version: u64) -> Option<usize> {
        (version >= self.oldest).then(|| self.history.partition_point(|happened| happened.version <= version))
    }

    /// From now on nobody can resume a watch.
    pub fn compact(&mut self) {
        self.version += 1;
        self.oldest = self.version;
    }

    pub fn get(&self, collection: &'static Collection, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.stored.get(&(collection.kind, namespace.to_owned(), name.to_owned())).cloned()
    }

    pub fn of(&self, collection: &'static Collection) -> impl Iterator<Item = &Arc<Value>> {
        self.stored.iter().filter(move |((kind, ..), _)| *kind == collection.kind).map(|(_, object)| object)
    }

    pub fn each(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.stored.iter()
    }

    pub fn fresh_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.uids)
    }

    /// Stores an object under a new version, and gives it back with that.
    pub fn put(&mut self, collection: &'static Collection, namespace: &str, name: &str, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let before = self.stored.insert((collection.kind, namespace.to_owned(), name.to_owned()), object.clone());
        self.happened(collection, namespace, before, Some(object.clone()), object.clone());
        object
    }

    /// Removes an object, as it is now.
    pub fn remove(&mut self, collection: &'static Collection, namespace: &str, name: &str, mut last: Value) -> Arc<Value> {
        self.version += 1;
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let before = self.stored.remove(&(collection.kind, namespace.to_owned(), name.to_owned()));
        let last = Arc::new(last);
        self.happened(collection, namespace, before, None, last.clone());
        last
    }

    fn happened(
        &mut self,
        collection: &'static Collection,
        namespace: &str,
        before: Option<Arc<Value>>,
        after: Option<Arc<Value>>,
        told: Arc<Value>,
    ) {
        self.history.push(Happened { version: self.version, collection, namespace: namespace.to_owned(), before, after, told });
    }
}
