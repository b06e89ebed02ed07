use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::TryStreamExt;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::example::Example;
use crate::harness::condition;

/// An object: its kind, namespace and name.
type Id = (String, String, String);

/// How long objects took to become Ready, by kind.
#[derive(Debug, Default)]
pub struct Waits(BTreeMap<String, Vec<Duration>>);

/// The middle and the end of some times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Half of them are shorter.
    pub median: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Waits {
    /// The times of each kind.
    pub fn by_kind(&self) -> impl Iterator<Item = (&str, Spread)> {
        self.0.iter().map(|(kind, times)| {
            let mut times = times.clone();
            times.sort();
            let longest = times.last().copied().unwrap_or_default();
            (kind.as_str(), Spread { median: times.get(times.len() / 2).copied().unwrap_or_default(), longest })
        })
    }
}

/// What a watch has seen so far.
pub(super) struct Watching {
    seen: mpsc::UnboundedReceiver<(Id, bool, Instant)>,
    first: HashMap<Id, Instant>,
    ready: HashMap<Id, Instant>,
    _watches: JoinSet<()>,
}

/// Watches everything of ours in namespaces that end so.
pub(super) fn watch(client: &Client, suffix: &str) -> Watching {
    let (sender, seen) = mpsc::unbounded_channel();
    let mut watches = JoinSet::new();
    for crd in moorage_crds::all() {
        let resource = ApiResource {
            group: moorage_crds::GROUP.to_owned(),
            version: moorage_crds::VERSION.to_owned(),
            api_version: format!("{}/{}", moorage_crds::GROUP, moorage_crds::VERSION),
            kind: crd.spec.names.kind.clone(),
            plural: crd.spec.names.plural.clone(),
        };
        let (sender, kind, suffix) = (sender.clone(), crd.spec.names.kind.clone(), format!("-{suffix}"));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        watches.spawn(async move {
            let changes = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
            let told = changes.try_for_each(|object| {
                let namespace = object.namespace().unwrap_or_default();
                if namespace.ends_with(&suffix) {
                    let is_ready = condition(&object.data, "Ready").is_some_and(|(status, _)| status == "True");
                    // Nobody listens any more at the end of the run.
                    let _ = sender.send(((kind.clone(), namespace, object.name_any()), is_ready, Instant::now()));
                }
                futures::future::ready(Ok(()))
            });
            if let Err(error) = told.await {
                tracing::warn!(%error, "a watch of the load ended");
            }
        });
    }
    Watching { seen, first: HashMap::new(), ready: HashMap::new(), _watches: watches }
}

impl Watching {
    /// Waits until every object of an example was Ready once, and says how long each took.
    pub(super) async fn until_ready(&mut self, example: &Example, deadline: Duration) -> anyhow::Result<Waits> {
        let text = |object: &serde_json::Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let id = |object: &serde_json::Value| {
            (object["kind"].as_str().unwrap_or_default().to_owned(), text(object, "namespace"), text(object, "name"))
        };
        let wanted: Vec<Id> = example.objects().iter().map(id).collect();
        let all = async {
            while !wanted.iter().all(|id| self.ready.contains_key(id)) {
                let (id, is_ready, when) = self.seen.recv().await.context("the watches ended")?;
                self.first.entry(id.clone()).or_insert(when);
                if is_ready {
                    self.ready.entry(id).or_insert(when);
                }
            }
            anyhow::Ok(())
        };
        let in_time = tokio::time::timeout(deadline, all).await;
        let missing: Vec<_> = wanted.iter().filter(|id| !self.ready.contains_key(*id)).take(10).collect();
        in_time.with_context(|| format!("not Ready in time, among others: {missing:?}"))??;
        let mut waits = Waits::default();
        for id in wanted {
            waits.0.entry(id.0.clone()).or_default().push(self.ready[&id].duration_since(self.first[&id]));
        }
        Ok(waits)
    }
}
