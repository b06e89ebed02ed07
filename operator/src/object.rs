//! Names of things in the cluster, and how often those of each kind have changed.

use std::{
    cell::RefCell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kube::Resource;
use moorage_crds::Listed;

pub use moorage_crds::KindName;

/// A namespaced name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespacedName {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name within it.
    pub name: Arc<str>,
}

impl NamespacedName {
    /// A name in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: shared(namespace), name: name.into() }
    }
}

thread_local! {
    static LAST_NAMESPACE: RefCell<Arc<str>> = RefCell::new("".into());
}

/// The text of a namespace, shared with the name that was made before: an object has about ten names in memory, all of one namespace.
fn shared(namespace: &str) -> Arc<str> {
    LAST_NAMESPACE.with_borrow_mut(|last| {
        if **last != *namespace {
            *last = namespace.into();
        }
        last.clone()
    })
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One object of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: KindName,
    /// Its name.
    pub name: NamespacedName,
}

impl ObjectKey {
    /// The object of that kind and name.
    pub fn new(kind: KindName, namespace: &str, name: &str) -> Self {
        Self { kind, name: NamespacedName::new(namespace, name) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// Anything that an object can depend on, or that a write can concern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dependency {
    /// An object of ours.
    Object(ObjectKey),
    /// A Secret.
    Secret(NamespacedName),
    /// What the ledger holds for an object.
    Ledger(ObjectKey),
    /// The right to a name, of which there is one in its space.
    Claim {
        /// What is named so.
        space: &'static str,
        /// The name.
        name: Arc<str>,
    },
}

/// Whatever of ours has a key.
pub trait Keyed {
    /// Its key.
    fn key(&self) -> ObjectKey;
}

impl<K: Resource + Listed> Keyed for K {
    fn key(&self) -> ObjectKey {
        let meta = self.meta();
        ObjectKey::new(K::KIND, meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
    }
}

/// How often something of each kind has changed.
#[derive(Debug)]
pub struct ChangeCounts([AtomicU64; KindName::ALL.len()]);

impl Default for ChangeCounts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; KindName::ALL.len()])
    }
}

impl ChangeCounts {
    /// Something of a kind has changed, and can be seen by now.
    pub fn count(&self, kind: KindName) {
        self.0[kind as usize].fetch_add(1, Ordering::AcqRel);
    }

    /// How much has changed of a kind and of all that it rests on: those that come before it in the list.
    pub fn up_to(&self, kind: KindName) -> u64 {
        self.0.iter().take(kind as usize + 1).map(|count| count.load(Ordering::Acquire)).sum()
    }
}
