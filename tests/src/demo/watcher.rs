//! Watches the API server and tells what happens there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use moorage_crds::annotations::{MANAGED_BY, MANAGER};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::fact::Fact;
use super::printer::Printer;
use crate::harness::condition;

/// How long anything may take; what the demo waits for comes within seconds.
pub(super) const PATIENCE: Duration = Duration::from_mins(3);

/// An object of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

impl Key {
    /// The key of an object as JSON.
    pub fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        Self { kind: text(&object["kind"]), namespace: text(&metadata["namespace"]), name: text(&metadata["name"]) }
    }
}

/// The objects of ours, and the Secrets made for them.
#[derive(Default)]
pub(super) struct Seen {
    pub objects: BTreeMap<Key, Value>,
    /// Names of the entries of each Secret, by namespace and name.
    pub secrets: BTreeMap<(String, String), Vec<String>>,
}

impl Seen {
    /// The objects of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind)
    }

    /// One object.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&Key { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

/// Something that changed.
enum News {
    Object(Value),
    Gone(Key),
    Secret { namespace: String, name: String, entries: Vec<String> },
    SecretGone(String, String),
    Event(Box<Event>),
}

/// Watches all objects of ours, their Secrets and the operator's Events, as the administrator.
pub(super) struct Watcher {
    news: UnboundedReceiver<(Instant, News)>,
    seen: Seen,
    _watches: JoinSet<()>,
}

impl Watcher {
    /// Begins to watch.
    pub fn new(client: &Client) -> Self {
        let (sender, news) = unbounded_channel();
        let mut watches = JoinSet::new();
        for kind in moorage_crds::all() {
            let resource = resource(&kind);
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            watches.spawn(watch(api, watcher::Config::default(), sender.clone(), object_news));
        }
        let ours = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
        watches.spawn(watch(Api::<Secret>::all(client.clone()), ours, sender.clone(), secret_news));
        watches.spawn(watch(Api::<Event>::all(client.clone()), watcher::Config::default(), sender, event_news));
        Self { news, seen: Seen::default(), _watches: watches }
    }

    /// What was seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Tells what happens until `done` holds.
    ///
    /// # Errors
    /// It does not hold in time; names `what` and every object that is not settled.
    pub async fn until(&mut self, what: &str, voice: &mut Printer, mut done: impl FnMut(&Seen) -> bool) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        while !done(&self.seen) {
            let Ok(news) = tokio::time::timeout_at(end, self.news.recv()).await else {
                bail!("{what}: not within {} s; {}", PATIENCE.as_secs(), self.pending());
            };
            let (at, news) = news.context("the watches have ended")?;
            self.take(at, news, voice);
        }
        Ok(())
    }

    fn take(&mut self, at: Instant, news: News, voice: &mut Printer) {
        match news {
            News::Object(object) => {
                let key = Key::of(&object);
                let before = self.seen.objects.insert(key.clone(), object.clone());
                tell_hubs(before.as_ref(), &object, at, voice);
                if is_ready(&object) && !before.as_ref().is_some_and(is_ready) {
                    voice.happened_at(at, &Fact::Ready { kind: key.kind, namespace: key.namespace, name: key.name });
                }
            }
            News::Gone(key) => {
                if self.seen.objects.remove(&key).is_some() {
                    voice.happened_at(at, &Fact::Gone { kind: key.kind, namespace: key.namespace, name: key.name });
                }
            }
            News::Secret { namespace, name, entries } => {
                let before = self.seen.secrets.insert((namespace.clone(), name.clone()), entries.clone());
                if before.is_none() {
                    voice.happened_at(at, &Fact::SecretWritten { namespace, name, entries });
                }
            }
            News::SecretGone(namespace, name) => {
                if self.seen.secrets.remove(&(namespace.clone(), name.clone())).is_some() {
                    voice.happened_at(at, &Fact::Gone { kind: "Secret".to_owned(), namespace, name });
                }
            }
            News::Event(event) => voice.happened_at(at, &told(*event)),
        }
    }

    fn pending(&self) -> String {
        let pending = self.seen.objects.iter().filter(|(_, object)| !is_settled(object) || is_leaving(object));
        let words = pending.map(|(key, object)| format!("{key}: {}", last_words(object)));
        words.collect::<Vec<_>>().join("; ")
    }
}

/// Tells the hubs of a `TenantHubGroup` whose state has changed.
fn tell_hubs(before: Option<&Value>, now: &Value, at: Instant, voice: &mut Printer) {
    let hubs = |object: &Value| object["status"]["hubs"].as_array().cloned().unwrap_or_default();
    let known = before.map(hubs).unwrap_or_default();
    for hub in hubs(now).into_iter().filter(|hub| !known.contains(hub)) {
        let Some(state) = hub["state"].as_str() else { continue };
        let Key { namespace, name, .. } = Key::of(now);
        let (hub, adopted, linked) = (&hub["name"], hub["adopted"] == true, hub["linked"] == true);
        let hub = hub.as_str().unwrap_or_default().to_owned();
        voice.happened_at(at, &Fact::HubTold { namespace, name, hub, state: state.to_owned(), adopted, linked });
    }
}

fn holds(object: &Value, type_: &str) -> bool {
    condition(object, type_).is_some_and(|(status, _)| status == "True")
}

fn is_ready(object: &Value) -> bool {
    holds(object, "Ready")
}

/// Whether an object is Ready, as its spec is now, and nothing is under way.
pub(super) fn is_settled(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"] && is_ready(object) && !holds(object, "Reconciling")
}

fn is_leaving(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// What the condition that holds an object up says.
fn last_words(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let words = conditions.filter(|condition| condition["type"] != "Ready" && condition["status"] == "True");
    words.filter_map(|condition| condition["message"].as_str()).collect::<Vec<_>>().join(", ")
}

fn resource(kind: &CustomResourceDefinition) -> ApiResource {
    let names = &kind.spec.names;
    ApiResource {
        group: moorage_crds::GROUP.to_owned(),
        version: moorage_crds::VERSION.to_owned(),
        api_version: format!("{}/{}", moorage_crds::GROUP, moorage_crds::VERSION),
        kind: names.kind.clone(),
        plural: names.plural.clone(),
    }
}

async fn watch<K>(api: Api<K>, config: watcher::Config, sender: UnboundedSender<(Instant, News)>, read: fn(K, bool) -> Option<News>)
where
    K: Resource + Clone + fmt::Debug + DeserializeOwned + Send + 'static,
{
    let mut events = watcher(api, config).default_backoff().boxed();
    while let Some(event) = events.next().await {
        let news = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => read(object, true),
            Ok(watcher::Event::Delete(object)) => read(object, false),
            // The watch resumes by itself.
            Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_) => None,
        };
        // It is told when whoever listens is done with something else.
        if news.is_some_and(|news| sender.send((Instant::now(), news)).is_err()) {
            return;
        }
    }
}

fn object_news(object: DynamicObject, there: bool) -> Option<News> {
    let value = serde_json::to_value(object).ok()?;
    Some(if there { News::Object(value) } else { News::Gone(Key::of(&value)) })
}

fn secret_news(secret: Secret, there: bool) -> Option<News> {
    let (namespace, name) = (secret.namespace()?, secret.name_any());
    let entries = || secret.data.unwrap_or_default().into_keys().collect();
    Some(if there { News::Secret { entries: entries(), namespace, name } } else { News::SecretGone(namespace, name) })
}

/// Only the first of a series: the others say the same.
fn event_news(event: Event, there: bool) -> Option<News> {
    let ours = event.reporting_controller.as_deref() == Some(MANAGER);
    (there && ours && event.series.is_none()).then(|| News::Event(Box::new(event)))
}

fn told(event: Event) -> Fact {
    let regarding = event.regarding.unwrap_or_default();
    Fact::Event {
        kind: regarding.kind.unwrap_or_default(),
        namespace: regarding.namespace.unwrap_or_default(),
        name: regarding.name.unwrap_or_default(),
        reason: event.reason.unwrap_or_default(),
        note: event.note.unwrap_or_default(),
    }
}
