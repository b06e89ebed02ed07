//! What the world cannot tell, written down before the effect.
//!
//! One `ConfigMap` for each owner in the operator's own namespace, where tenants cannot edit it. Keyed by installation, kind,
//! namespace and name, not by uid: a restore from backup changes uids, and must not lose what is ours.

pub mod entries;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations as names;
use serde_json::json;

use crate::{
    cluster::{ApiWriter, Place},
    error::Error,
    object::{ChangeCounts, KindName, NamespacedName, ObjectKey},
};

/// The entries of one owner.
pub type Entries = BTreeMap<String, String>;

/// The ledger of an installation.
pub struct Ledger {
    installation: String,
    namespace: String,
    cluster: String,
    pages: Mutex<Pages>,
}

/// A page that the watch has shown, or has shown to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPage {
    /// Whose it is.
    pub owner: ObjectKey,
    /// Whether it says something else now to those who rest on its owner.
    pub facts_changed: bool,
}

#[derive(Debug, Default)]
struct Pages {
    by_owner: HashMap<ObjectKey, Page>,
    changes: ChangeCounts,
    /// Who has an entry of a name.
    by_entry: BTreeMap<String, BTreeSet<ObjectKey>>,
}

#[derive(Clone, Debug)]
struct Page {
    version: String,
    entries: Arc<Entries>,
    /// Names of facts that the operator of another cluster has written: nothing was seen of them here.
    unseen: Vec<String>,
}

impl Ledger {
    /// An empty ledger in a cluster; the watch fills it.
    pub fn new(installation: &str, namespace: &str, cluster: &str) -> Self {
        let text = str::to_owned;
        Self { installation: text(installation), namespace: text(namespace), cluster: text(cluster), pages: Mutex::default() }
    }

    /// What is written down for an owner.
    pub fn of(&self, owner: &ObjectKey) -> Arc<Entries> {
        self.lock().by_owner.get(owner).map(|page| page.entries.clone()).unwrap_or_default()
    }

    /// The version of an owner's page as last seen.
    pub fn version(&self, owner: &ObjectKey) -> Option<String> {
        self.lock().by_owner.get(owner).map(|page| page.version.clone())
    }

    /// The place of an owner's page in the cluster, if there is one.
    pub fn page_of(&self, owner: &ObjectKey) -> Option<NamespacedName> {
        self.version(owner).map(|_| NamespacedName::new(&self.namespace, &self.page_name(owner)))
    }

    /// Whether something was made for an owner, or is about to be, of which it was not let go.
    pub fn says_made(&self, owner: &ObjectKey) -> bool {
        entries::says_made(&self.of(owner))
    }

    /// How much has changed of the pages of a kind and of all that it rests on.
    pub fn changes_up_to(&self, kind: KindName) -> u64 {
        self.lock().changes.up_to(kind)
    }

    /// Every owner that has entries.
    pub fn owners(&self) -> Vec<ObjectKey> {
        self.lock().by_owner.keys().cloned().collect()
    }

    /// The owners that have an entry of that name, with its value.
    pub fn owners_of(&self, entry: &str) -> Vec<(ObjectKey, String)> {
        let pages = self.lock();
        let value = |owner: &ObjectKey| pages.by_owner.get(owner)?.entries.get(entry).cloned();
        let owners = pages.by_entry.get(entry).into_iter().flatten();
        owners.filter_map(|owner| Some((owner.clone(), value(owner)?))).collect()
    }

    /// The entries whose names begin so: their owners, the rest of the names, and the values.
    pub fn beginning_with(&self, prefix: &str) -> Vec<(ObjectKey, String, String)> {
        let pages = self.lock();
        let entries =
            pages.by_entry.range(prefix.to_owned()..).map_while(|(entry, owners)| Some((entry, entry.strip_prefix(prefix)?, owners)));
        let of_owner = |owner: &ObjectKey, entry: &str, rest: &str| {
            let value = pages.by_owner.get(owner)?.entries.get(entry)?;
            Some((owner.clone(), rest.to_owned(), value.clone()))
        };
        entries.flat_map(|(entry, rest, owners)| owners.iter().filter_map(move |owner| of_owner(owner, entry, rest))).collect()
    }

    /// How many entries have names that begin so, each as often as it has owners.
    pub fn count_beginning_with(&self, prefix: &str) -> usize {
        let pages = self.lock();
        let entries = pages.by_entry.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        entries.take_while(|(entry, _)| entry.starts_with(prefix)).map(|(_, owners)| owners.len()).sum()
    }

    /// Writes entries down, or strikes those out that are `None`, and gives the page's new version; `None` if nothing is left on
    /// the page, which then goes. What was decided on an older page than there is, is refused: it may come late.
    ///
    /// # Errors
    /// What the API server says; `Conflict` if the page was made or changed by somebody else meanwhile.
    pub async fn write(
        &self,
        api: &ApiWriter,
        owner: &ObjectKey,
        where_it_is: Option<&str>,
        entries: &BTreeMap<String, Option<String>>,
    ) -> Result<Option<String>, Error> {
        let step = format!("failed to write the ledger of {owner}");
        let (at, version) = (NamespacedName::new(&self.namespace, &self.page_name(owner)), self.version(owner));
        let place = Place::of::<ConfigMap>(&at);
        let kept = self.of(owner).keys().any(|entry| !entries.contains_key(entry));
        if !kept && entries.values().all(Option::is_none) {
            return self.strike(api, owner).await.map(|()| None);
        }
        if let Some(version) = version {
            let unseen = self.lock().by_owner.get(owner).map(|page| page.unseen.clone()).unwrap_or_default();
            let data: BTreeMap<_, _> = unseen.into_iter().map(|fact| (fact, None)).chain(entries.clone()).collect();
            let annotations = json!({ (names::CLUSTER): self.cluster });
            let mut changes = json!({ "metadata": { "resourceVersion": version, "annotations": annotations }, "data": data });
            if let Some(where_it_is) = where_it_is {
                changes["metadata"]["annotations"][names::PLACE] = where_it_is.into();
            }
            return api.merge(&step, &place, &changes).await.map(Some);
        }
        let data = entries.iter().filter_map(|(entry, value)| Some((entry.clone(), value.clone()?))).collect();
        api.create(&step, &place.collection, &self.page(owner, where_it_is, data)).await.map(Some)
    }

    /// Strikes a page out, but for what its owner leaves in the cloud; gives the new version, `None` if nothing is left on the page.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn let_go(&self, api: &ApiWriter, owner: &ObjectKey) -> Result<Option<String>, Error> {
        let page = self.of(owner);
        let struck = page.keys().filter(|entry| !entry.starts_with(entries::LEFT)).map(|entry| (entry.clone(), None));
        let left = entries::left_of(&page, &owner.name.namespace).into_iter().map(|(entry, value)| (entry, Some(value)));
        self.write(api, owner, None, &struck.chain(left).collect()).await
    }

    /// Strikes a whole page out.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn strike(&self, api: &ApiWriter, owner: &ObjectKey) -> Result<(), Error> {
        let step = format!("failed to strike the ledger of {owner} out");
        let (at, version) = (NamespacedName::new(&self.namespace, &self.page_name(owner)), self.version(owner));
        if let Some(version) = version {
            api.delete(&step, &Place::of::<ConfigMap>(&at), version).await?;
        }
        // There is no version to wait for: what is struck out must not be believed until the watch tells.
        self.lock().remove(owner);
        Ok(())
    }

    /// Takes in a page as the watch shows it.
    pub fn put(&self, page: &ConfigMap) -> Option<SeenPage> {
        let owner = self.owner_of(page)?;
        let mut entries = page.data.clone().unwrap_or_default();
        let is_from_here = page.metadata.annotations.as_ref().and_then(|all| all.get(names::CLUSTER)) == Some(&self.cluster);
        let unseen: Vec<_> = if is_from_here { Vec::new() } else { entries::facts(&entries).map(|(fact, _)| fact.clone()).collect() };
        entries.retain(|entry, _| !unseen.contains(entry));
        let version = page.metadata.resource_version.clone().unwrap_or_default();
        let before = self.of(&owner);
        let facts_changed = !entries::facts(&before).eq(entries::facts(&entries));
        self.lock().put(&owner, Page { version, entries: Arc::new(entries), unseen });
        Some(SeenPage { owner, facts_changed })
    }

    /// Forgets a page that is gone.
    pub fn forget(&self, page: &ConfigMap) -> Option<SeenPage> {
        let owner = self.owner_of(page)?;
        let facts_changed = entries::facts(&self.of(&owner)).next().is_some();
        self.lock().remove(&owner);
        Some(SeenPage { owner, facts_changed })
    }

    /// Forgets all pages but those of `owners`.
    pub fn retain(&self, owners: &[ObjectKey]) -> Vec<ObjectKey> {
        let mut pages = self.lock();
        let gone: Vec<_> = pages.by_owner.keys().filter(|owner| !owners.contains(owner)).cloned().collect();
        for owner in &gone {
            pages.remove(owner);
        }
        gone
    }

    /// The label selector of this installation's pages.
    pub fn selector(&self) -> String {
        format!("{}={},{}={}", names::MANAGED_BY, names::MANAGER, names::INSTALLATION, self.installation)
    }

    /// An owner's page, with what it says and, for those who read it, where the thing is.
    pub fn page(&self, owner: &ObjectKey, place: Option<&str>, entries: Entries) -> ConfigMap {
        let text = |value: &str| value.to_owned();
        let of_owner = [
            (text(names::OWNER_KIND), text(owner.kind.as_str())),
            (text(names::OWNER_NAMESPACE), text(&owner.name.namespace)),
            (text(names::OWNER_NAME), text(&owner.name.name)),
        ];
        let place = place.map(|place| (text(names::PLACE), text(place)));
        let cluster = (text(names::CLUSTER), self.cluster.clone());
        let metadata = ObjectMeta {
            name: Some(self.page_name(owner)),
            namespace: Some(self.namespace.clone()),
            labels: Some([(text(names::MANAGED_BY), text(names::MANAGER)), (text(names::INSTALLATION), self.installation.clone())].into()),
            annotations: Some(of_owner.into_iter().chain(place).chain([cluster]).collect()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, data: Some(entries), ..ConfigMap::default() }
    }

    /// Names are in annotations: a label's value has at most 63 characters, an object's name 253.
    fn owner_of(&self, page: &ConfigMap) -> Option<ObjectKey> {
        let annotations = page.metadata.annotations.as_ref()?;
        let kind = KindName::parse(annotations.get(names::OWNER_KIND)?)?;
        let owner = ObjectKey::new(kind, annotations.get(names::OWNER_NAMESPACE)?, annotations.get(names::OWNER_NAME)?);
        (page.metadata.name.as_deref() == Some(&self.page_name(&owner))).then_some(owner)
    }

    fn page_name(&self, owner: &ObjectKey) -> String {
        let hash = moorage_keys::owner_hash(&self.installation, owner.kind.as_str(), &owner.name.namespace, &owner.name.name);
        format!("moorage-ledger-{hash}")
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn put(&mut self, owner: &ObjectKey, page: Page) {
        self.changes.count(owner.kind);
        self.remove(owner);
        for entry in page.entries.keys() {
            self.by_entry.entry(entry.clone()).or_default().insert(owner.clone());
        }
        self.by_owner.insert(owner.clone(), page);
    }

    fn remove(&mut self, owner: &ObjectKey) {
        let Some(page) = self.by_owner.remove(owner) else { return };
        self.changes.count(owner.kind);
        for entry in page.entries.keys() {
            if let Some(owners) = self.by_entry.get_mut(entry) {
                owners.remove(owner);
                if owners.is_empty() {
                    self.by_entry.remove(entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(entries: &[&str]) -> Page {
        let entries = entries.iter().map(|entry| ((*entry).to_owned(), "there".to_owned())).collect();
        Page { version: "1".to_owned(), entries: Arc::new(entries), unseen: Vec::new() }
    }

    #[test]
    fn what_another_cluster_has_seen_counts_for_nothing_here_and_what_it_has_made_does() {
        let owner = ObjectKey::new(KindName::ProvisioningService, "platform", "dps");
        let entries: Entries = [(entries::SERVICE, "made"), (entries::SERVICE_FACTS, "there 0ne s d")]
            .map(|(entry, value)| (entry.to_owned(), value.to_owned()))
            .into();
        let (here, there) = (Ledger::new("prod", "moorage", "here"), Ledger::new("prod", "moorage", "there"));
        here.put(&here.page(&owner, None, entries.clone()));
        there.put(&here.page(&owner, None, entries.clone()));
        assert_eq!(*here.of(&owner), entries);
        assert_eq!(there.of(&owner).keys().collect::<Vec<_>>(), [entries::SERVICE]);
        assert_eq!(there.lock().by_owner[&owner].unseen, [entries::SERVICE_FACTS], "a write of ours strikes it out");
    }

    #[test]
    fn an_entry_leads_to_those_who_have_it_now() {
        let owner = |name: &str| ObjectKey::new(KindName::DeviceCredential, "contoso", name);
        let mut pages = Pages::default();
        pages.put(&owner("a"), page(&["x", "y"]));
        pages.put(&owner("b"), page(&["x"]));
        pages.put(&owner("a"), page(&["y"]));
        assert_eq!(pages.by_entry.get("x"), Some(&BTreeSet::from([owner("b")])));
        pages.remove(&owner("a"));
        pages.remove(&owner("b"));
        assert!(pages.by_owner.is_empty() && pages.by_entry.is_empty());
    }
}
