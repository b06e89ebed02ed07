//! Names of things in the cluster.

use std::{fmt, sync::Arc};

use kube::Resource;
use moorage_crds::Listed;

pub use moorage_crds::KindName;

/// A namespaced name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name within it.
    pub name: Arc<str>,
}

impl Name {
    /// A name in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Name {
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
    pub at: Name,
}

impl ObjectKey {
    /// The object of that kind and name.
    pub fn new(kind: KindName, namespace: &str, name: &str) -> Self {
        Self { kind, at: Name::new(namespace, name) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.at)
    }
}

/// Anything that an object can depend on, or that a write can concern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thing {
    /// An object of ours.
    Object(ObjectKey),
    /// A Secret.
    Secret(Name),
    /// What the ledger holds for an object.
    Ledger(ObjectKey),
    /// The right to a registration id, of which there is one in the world of a provisioning service.
    Registration(Arc<str>),
    /// The right to a device's name in hubs.
    Identity(Arc<str>),
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
