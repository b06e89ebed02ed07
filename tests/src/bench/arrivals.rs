//! Which objects are Ready, and when, as a watch shows it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::TryStreamExt;
use kube::api::{Api, ListParams, Request, WatchEvent, WatchParams};
use kube::{Client, Resource};
use moorage_crds::{DeviceCredential, conditions};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Longest that the API server is asked to keep a watch, in seconds; the client gives up at 295.
const WATCH: u32 = 290;

/// The credentials of a namespace as they become Ready.
pub(super) struct Arrivals {
    seen: mpsc::UnboundedReceiver<(String, Instant)>,
    ready: HashMap<String, Instant>,
    changes: Arc<AtomicUsize>,
    watch: JoinHandle<anyhow::Result<()>>,
}

/// The little of a credential that is looked at.
#[derive(Clone, Deserialize)]
struct Glance {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Clone, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

impl Glance {
    fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|condition| condition.type_ == conditions::READY && condition.status == "True")
    }
}

impl Arrivals {
    /// Watches a namespace from now on.
    pub(super) async fn watch(client: Client, namespace: &str) -> anyhow::Result<Self> {
        let api: Api<DeviceCredential> = Api::namespaced(client.clone(), namespace);
        let list = api.list_metadata(&ListParams::default().limit(1)).await.context("failed to list the credentials")?;
        let version = list.metadata.resource_version.context("a list has a version")?;
        let (tell, seen) = mpsc::unbounded_channel();
        let path = DeviceCredential::url_path(&(), Some(namespace));
        let changes = Arc::new(AtomicUsize::new(0));
        let watch = tokio::spawn(follow(client, path, version, tell, changes.clone()));
        Ok(Self { seen, ready: HashMap::new(), changes, watch })
    }

    /// Waits until all of these are Ready, and gives the time at which the last of them was seen to be.
    pub(super) async fn until(&mut self, names: impl IntoIterator<Item = String>, deadline: Duration) -> anyhow::Result<Instant> {
        let names: HashSet<String> = names.into_iter().collect();
        let mut missing: HashSet<&str> = names.iter().map(String::as_str).filter(|name| !self.ready.contains_key(*name)).collect();
        let all = async {
            while !missing.is_empty() {
                let (name, when) = self.seen.recv().await.context("the watch of the benchmark broke off")?;
                missing.remove(name.as_str());
                self.ready.entry(name).or_insert(when);
            }
            anyhow::Ok(())
        };
        let in_time = tokio::time::timeout(deadline, all).await;
        in_time
            .ok()
            .with_context(|| format!("{} of {} credentials were not Ready in {} s", missing.len(), names.len(), deadline.as_secs()))??;
        names.iter().filter_map(|name| self.when(name)).max().context("nobody was waited for")
    }

    /// How often a credential was seen to change, its creation aside: a write that changes nothing is none.
    pub(super) fn changes(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }

    /// When a credential was first seen Ready.
    pub(super) fn when(&self, name: &str) -> Option<Instant> {
        self.ready.get(name).copied()
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

async fn follow(
    client: Client,
    path: String,
    mut version: String,
    tell: mpsc::UnboundedSender<(String, Instant)>,
    changes: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    let params = WatchParams::default().timeout(WATCH).disable_bookmarks();
    loop {
        let request = Request::new(path.as_str()).watch(&params, &version)?;
        let events = client.request_events::<Glance>(request).await?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.try_next().await? {
            let (WatchEvent::Added(glance) | WatchEvent::Modified(glance)) = &event else { continue };
            if matches!(event, WatchEvent::Modified(_)) {
                changes.fetch_add(1, Ordering::Relaxed);
            }
            if glance.is_ready() {
                // Whoever waited may have seen enough.
                let _ = tell.send((glance.metadata.name.clone(), Instant::now()));
            }
            version.clone_from(&glance.metadata.resource_version);
        }
    }
}
