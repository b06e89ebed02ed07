//! Secrets as the watches show them: metadata only. Values are read when they are needed, once for each version.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations as names;
use moorage_plan::Reason;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use crate::{
    cache::expectations::is_at_least,
    cluster::{ApiReader, SecretData},
    error::{Error, ObserveError},
    object::{KindName, NamespacedName, ObjectKey},
};

/// What is known of Secrets.
pub struct Secrets {
    api: ApiReader,
    live_reads: Counter<u64, AtomicU64>,
    known: Mutex<Known>,
    wanted: mpsc::UnboundedSender<Arc<str>>,
}

#[derive(Default)]
struct Known {
    namespaces: HashMap<Arc<str>, SyncState>,
    metas: HashMap<NamespacedName, Arc<ObjectMeta>>,
    values: HashMap<NamespacedName, (String, Arc<SecretData>)>,
    /// Whose turn it is to read a value.
    turns: HashMap<NamespacedName, Arc<tokio::sync::Mutex<()>>>,
    /// Secrets by the object that they were made for.
    owned: HashMap<ObjectKey, Vec<NamespacedName>>,
    /// Versions of our own Secrets that hold just what we put there.
    intact: HashMap<NamespacedName, String>,
}

/// How the Secrets of a namespace stand in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// It has not shown all it has yet.
    Starting,
    /// It shows every Secret.
    Complete,
    /// The operator may not watch Secrets there.
    Forbidden,
}

impl Secrets {
    /// Nothing known yet. Namespaces to watch are sent to the receiver that comes with it.
    pub fn new(api: ApiReader, live_reads: Counter<u64, AtomicU64>) -> (Self, mpsc::UnboundedReceiver<Arc<str>>) {
        let (wanted, namespaces) = mpsc::unbounded_channel();
        (Self { api, live_reads, known: Mutex::default(), wanted }, namespaces)
    }

    /// The metadata of a Secret as last seen; `None` if there is none.
    ///
    /// # Errors
    /// Halts while the namespace's Secrets are not in memory, and where the operator may not watch them.
    pub fn meta(&self, at: &NamespacedName) -> Result<Option<Arc<ObjectMeta>>, ObserveError> {
        let mut known = self.lock();
        match known.namespaces.get(&at.namespace) {
            Some(SyncState::Complete) => Ok(known.metas.get(at).cloned()),
            Some(SyncState::Starting) => Err(ObserveError::CacheNotSynced(at.namespace.clone())),
            Some(SyncState::Forbidden) => {
                Err(ObserveError::stalled(Reason::MissingRoleBinding, self.api.missing_role_binding(&at.namespace)))
            }
            None => {
                self.begin(&mut known, &at.namespace);
                Err(ObserveError::CacheNotSynced(at.namespace.clone()))
            }
        }
    }

    /// Has a namespace watched, if it is not yet.
    pub fn want(&self, namespace: &Arc<str>) {
        let mut known = self.lock();
        if !known.namespaces.contains_key(namespace) {
            self.begin(&mut known, namespace);
        }
    }

    fn begin(&self, known: &mut Known, namespace: &Arc<str>) {
        known.namespaces.insert(namespace.clone(), SyncState::Starting);
        // The receiver lives as long as the operator runs.
        let _ = self.wanted.send(namespace.clone());
    }

    /// How a namespace's Secrets stand; `None` if nobody has asked for them.
    pub fn sync_of(&self, namespace: &str) -> Option<SyncState> {
        self.lock().namespaces.get(namespace).copied()
    }

    /// The content of a Secret that somebody else wrote: read once for each version, then kept. `None` if there is none.
    ///
    /// # Errors
    /// As [`Secrets::meta`], and what the API server says.
    pub async fn source(&self, at: &NamespacedName) -> Result<Option<Arc<SecretData>>, ObserveError> {
        let Some(meta) = self.meta(at)? else { return Ok(None) };
        let version = meta.resource_version.clone().unwrap_or_default();
        if let Some(data) = self.remembered(at, &version) {
            return Ok(Some(data));
        }
        // One reads, and who came at the same time takes what it read.
        let turn = self.lock().turns.entry(at.clone()).or_default().clone();
        let _lock = turn.lock().await;
        if let Some(data) = self.remembered(at, &version) {
            return Ok(Some(data));
        }
        let Some((meta, data)) = self.read(at).await? else { return Ok(None) };
        if data.size() > LARGEST_SOURCE {
            let note = format!("Secret {at} holds more than {} KiB; put what is needed here into one of its own", LARGEST_SOURCE >> 10);
            return Err(ObserveError::stalled(Reason::SecretMalformed, note));
        }
        let data = Arc::new(data);
        self.lock().values.insert(at.clone(), (meta.resource_version.unwrap_or_default(), data.clone()));
        Ok(Some(data))
    }

    fn remembered(&self, at: &NamespacedName, version: &str) -> Option<Arc<SecretData>> {
        self.lock().values.get(at).filter(|(read, _)| is_at_least(read, version)).map(|(_, data)| data.clone())
    }

    /// Forgets what a Secret holds, which nobody asks for any more.
    pub fn forget_content(&self, at: &NamespacedName) {
        let mut known = self.lock();
        known.values.remove(at);
        known.turns.remove(at);
    }

    /// Reads a Secret now, past memory.
    ///
    /// # Errors
    /// What the API server says, never what the Secret holds.
    pub async fn read(&self, at: &NamespacedName) -> Result<Option<(ObjectMeta, SecretData)>, Error> {
        self.live_reads.inc();
        self.api.read_secret(at).await
    }

    /// Remembers that a version of a Secret of ours holds just what we put there.
    pub fn is_intact(&self, at: &NamespacedName, version: String) {
        self.lock().intact.insert(at.clone(), version);
    }

    /// Whether a version of a Secret of ours is known to hold what we put there.
    pub fn known_intact(&self, at: &NamespacedName, version: &str) -> bool {
        self.lock().intact.get(at).is_some_and(|intact| intact == version)
    }

    /// The version of a Secret as last seen.
    pub fn version(&self, at: &NamespacedName) -> Option<String> {
        self.lock().metas.get(at)?.resource_version.clone()
    }

    /// Says how a namespace's Secrets stand; gives how they stood before.
    pub fn set_sync(&self, namespace: &Arc<str>, sync: SyncState) -> Option<SyncState> {
        self.lock().namespaces.insert(namespace.clone(), sync)
    }

    /// Takes in what was seen. True if it is news: until the watch has shown all it has, nobody looks.
    pub fn put(&self, at: NamespacedName, meta: ObjectMeta) -> bool {
        let meta = kept(meta);
        let mut known = self.lock();
        let before = known.metas.get(&at).cloned();
        let (was, is) = (before.as_deref().and_then(owner_of), owner_of(&meta));
        if was != is {
            known.disown(&at, was);
            if let Some(owner) = is {
                known.owned.entry(owner).or_default().push(at.clone());
            }
        }
        let looked_at = known.namespaces.get(&at.namespace) == Some(&SyncState::Complete);
        let news = looked_at && before.is_none_or(|before| before.resource_version != meta.resource_version);
        known.metas.insert(at, Arc::new(meta));
        news
    }

    /// Forgets what is gone.
    pub fn remove(&self, at: &NamespacedName) {
        let mut known = self.lock();
        let owner = known.metas.remove(at).as_deref().and_then(owner_of);
        known.disown(at, owner);
        known.values.remove(at);
        known.turns.remove(at);
        known.intact.remove(at);
    }

    /// The Secrets that were made for an object.
    pub fn owned_by(&self, owner: &ObjectKey) -> Vec<NamespacedName> {
        self.lock().owned.get(owner).cloned().unwrap_or_default()
    }

    /// The Secrets of a namespace that are known.
    pub fn names_in(&self, namespace: &str) -> Vec<NamespacedName> {
        self.lock().metas.keys().filter(|at| &*at.namespace == namespace).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn disown(&mut self, at: &NamespacedName, owner: Option<ObjectKey>) {
        let Some(owner) = owner else { return };
        if let Some(names) = self.owned.get_mut(&owner) {
            names.retain(|name| name != at);
            if names.is_empty() {
                self.owned.remove(&owner);
            }
        }
    }
}

/// The largest content of a Secret of others that is kept, in bytes: whoever may write Secrets decides how large they are.
const LARGEST_SOURCE: usize = 128 << 10;

/// The most metadata of one Secret that is kept, in bytes.
const MOST_METADATA: usize = 16 << 10;

/// What is kept of a Secret's metadata: all of what is ours, as it is written back, and of others that they are there. One that says that it
/// is ours, and says more beside it than any program writes, is somebody else's.
fn kept(mut meta: ObjectMeta) -> ObjectMeta {
    meta.managed_fields = None;
    if owner_of(&meta).is_some() && size_of(&meta) <= MOST_METADATA {
        return meta;
    }
    let ObjectMeta { name, namespace, uid, resource_version, .. } = meta;
    ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() }
}

fn size_of(meta: &ObjectMeta) -> usize {
    let texts = |map: &Option<BTreeMap<String, String>>| map.iter().flatten().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let owners = meta.owner_references.iter().flatten().map(|owner| owner.name.len() + owner.uid.len() + owner.kind.len() + 32);
    let finalizers = meta.finalizers.iter().flatten().map(String::len);
    texts(&meta.annotations) + texts(&meta.labels) + owners.sum::<usize>() + finalizers.sum::<usize>()
}

/// The object that a Secret says it was made for.
pub fn owner_of(meta: &ObjectMeta) -> Option<ObjectKey> {
    let labels = meta.labels.as_ref()?;
    let annotations = meta.annotations.as_ref()?;
    if labels.get(names::MANAGED_BY).map(String::as_str) != Some(names::MANAGER) {
        return None;
    }
    let kind = KindName::parse(annotations.get(names::OWNER_KIND)?)?;
    Some(ObjectKey::new(kind, meta.namespace.as_deref()?, annotations.get(names::OWNER_NAME)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(kind: Option<&str>, filler: usize) -> ObjectMeta {
        let text = str::to_owned;
        let kind = kind.map(|kind| (text(names::OWNER_KIND), text(kind)));
        let owner = (text(names::OWNER_NAME), text("press"));
        ObjectMeta {
            name: Some(text("press")),
            namespace: Some(text("contoso")),
            resource_version: Some(text("7")),
            labels: Some([(text(names::MANAGED_BY), text(names::MANAGER))].into()),
            annotations: Some(kind.into_iter().chain([owner, (text("example.com/theirs"), "x".repeat(filler))]).collect()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn of_a_secret_of_others_only_that_it_is_there_is_kept() {
        let ours = meta(Some("DeviceCredential"), 100);
        assert_eq!(kept(ours.clone()), ours);
        for others in [meta(None, 100), meta(Some("Deployment"), 100), meta(Some("DeviceCredential"), MOST_METADATA)] {
            let kept = kept(others);
            assert_eq!((kept.name.as_deref(), kept.resource_version.as_deref()), (Some("press"), Some("7")));
            assert_eq!((kept.annotations, kept.labels), (None, None));
        }
    }
}
