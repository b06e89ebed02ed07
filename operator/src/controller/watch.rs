//! Watches that fill the caches and wake what is concerned.

mod isolated;
pub mod wake;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use moorage_crds::with_kind;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{
    cache::secrets::{SyncState, owner_of},
    controller::{
        Controller,
        kind::Kind,
        queue::Priority,
        watch::isolated::{Isolated, keep_own},
    },
    error::bounded,
    ledger::SeenPage,
    object::{Dependency, NamespacedName, ObjectKey},
};

/// How long a watch that may not begin waits before it asks again.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(10);

/// Objects of a page of a list: as large as the API server stores them (1.5 MiB), they are to fit into memory beside all else.
const PAGE_SIZE: u32 = 50;

/// How much is told of why an object cannot be read, in bytes: its values may be in it.
const LONGEST_ERROR: usize = 400;

/// Watches one kind in one namespace, or in all.
pub async fn objects<K: Kind>(controller: Arc<Controller>, client: Client, namespace: Option<String>) {
    let api: Api<Isolated<K>> = match &namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut events = watcher(api, watcher::Config::default().page_size(PAGE_SIZE)).default_backoff().boxed();
    let mut listed: HashSet<NamespacedName> = HashSet::new();
    let mut complete = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                listed.insert(applied(&controller, object).name);
            }
            Ok(Event::InitDone) => {
                let unreadable = controller.caches.objects.unreadable().missing(K::KIND, namespace.as_deref(), &listed);
                let missing = controller.caches.objects.of::<K>().missing(namespace.as_deref(), &listed).into_iter();
                for key in missing.map(|name| ObjectKey { kind: K::KIND, name }).chain(unreadable) {
                    gone::<K>(&controller, &key);
                }
                if !std::mem::replace(&mut complete, true) {
                    controller.caches.objects.watch_is_complete();
                }
            }
            Ok(Event::Apply(object)) => {
                applied(&controller, object);
            }
            Ok(Event::Delete(object)) => gone::<K>(&controller, &key_of(&object)),
            Err(error) => tracing::warn!(kind = %K::KIND, %error, "a watch broke off and will be resumed"),
        }
    }
}

fn key_of<K: Kind>(object: &Isolated<K>) -> ObjectKey {
    let ObjectMeta { namespace, name, .. } = object.meta();
    ObjectKey::new(K::KIND, namespace.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default())
}

fn applied<K: Kind>(controller: &Controller, object: Isolated<K>) -> ObjectKey {
    let key = key_of(&object);
    controller.queue.weigh(&key, object.size);
    let mut object = match object.read {
        Ok(object) => object,
        Err(mut unreadable) => {
            unreadable.error = bounded(&unreadable.error, LONGEST_ERROR);
            tracing::error!(object = %key, error = unreadable.error, "a stored object cannot be read and is left alone");
            let version = unreadable.metadata.resource_version.clone().unwrap_or_default();
            // What it was before stays, since it holds what it has; nobody acts on it.
            if !controller.caches.objects.unreadable().put(key.clone(), unreadable) {
                readability_changed(controller, &key);
            }
            controller.expectations.saw(&key, &Dependency::Object(key.clone()), &version);
            if !controller.attempts.is_own_status_write(&key, &version) {
                controller.queue.push(key.clone(), Priority::Changed);
            }
            return key;
        }
    };
    keep_own(object.meta_mut());
    let object = Arc::new(object);
    let before = controller.caches.objects.put(&key, object.references(), object.clone());
    if controller.caches.objects.unreadable().remove(&key) {
        readability_changed(controller, &key);
    }
    match &before {
        None => want_secrets(controller, &*object),
        Some(before) => forget_secrets(controller, &**before),
    }
    let version = object.meta().resource_version.as_deref().unwrap_or_default();
    if controller.expectations.saw(&key, &Dependency::Object(key.clone()), version) {
        // Somebody asked for a look meanwhile, and the echo of our own status wakes nobody.
        controller.queue.push(key.clone(), Priority::Changed);
    }
    wake(controller, &key, &*object, before.as_deref());
    key
}

/// Has those judged and looked at again who rest on an object that cannot be read any more, or can be again.
fn readability_changed(controller: &Controller, key: &ObjectKey) {
    controller.caches.objects.changes().count(key.kind);
    controller.wake_all_who_rest_on(key, Priority::Changed);
}

/// Has the Secrets watched that a new object will ask for.
fn want_secrets<K: Kind>(controller: &Controller, object: &K) {
    for thing in object.references() {
        if let Dependency::Secret(at) = thing {
            controller.caches.secrets.want(&at.namespace);
        }
    }
}

/// Forgets the content of Secrets to which nobody refers any more.
fn forget_secrets<K: Kind>(controller: &Controller, before: &K) {
    let secrets = before.references().into_iter().filter(|thing| controller.caches.objects.count_referrers(thing) == 0);
    for thing in secrets {
        if let Dependency::Secret(at) = thing {
            controller.caches.secrets.forget_content(&at);
        }
    }
}

/// Wakes the object, unless this is the echo of our own status, and those who rest on what others can see of it.
fn wake<K: Kind>(controller: &Controller, key: &ObjectKey, object: &K, before: Option<&K>) {
    if !controller.attempts.is_own_status_write(key, object.meta().resource_version.as_deref().unwrap_or_default()) {
        let known = object.common_status().is_some_and(|status| Some(status.observed_generation) == object.meta().generation);
        let priority =
            if before.is_none() && known && object.meta().deletion_timestamp.is_none() { Priority::Resync } else { Priority::Changed };
        controller.queue.push(key.clone(), priority);
    }
    // Until all is listed, everybody is looked at for having appeared.
    let is_news = before.is_none_or(|before| before.visible_to_dependents() != object.visible_to_dependents());
    if is_news && controller.caches.objects.is_synced() {
        controller.wake_all_who_rest_on(key, Priority::Changed);
        // And those who want what it has, or leaves now.
        let claims = object.references().into_iter().filter(|thing| matches!(thing, Dependency::Claim { .. }));
        for rival in claims.flat_map(|claim| controller.caches.objects.referrers(&claim)).filter(|rival| rival != key) {
            controller.wake_one(rival, Priority::Changed);
        }
    }
}

fn gone<K: Kind>(controller: &Controller, key: &ObjectKey) {
    if controller.caches.objects.unreadable().remove(key) {
        controller.forget(key);
    }
    let Some(object) = controller.caches.objects.remove::<K>(key) else { return };
    controller.forget(key);
    forget_secrets(controller, &*object);
    controller.wake_all_who_rest_on(key, Priority::Changed);
    // Those that it referred to may be waiting for it to undo what it made; nobody waits for an object that made nothing.
    let made = object.has_something_to_undo() || object.has_finalizer();
    for thing in object.references() {
        match thing {
            Dependency::Object(key) if made => controller.queue.push(key, Priority::Changed),
            Dependency::Claim { .. } => controller.wake(&thing, Priority::Changed),
            Dependency::Object(_) | Dependency::Secret(_) | Dependency::Ledger(_) => {}
        }
    }
}

/// Watches the Secrets of each namespace that is asked for, one watch a namespace.
pub async fn secrets(controller: Arc<Controller>, client: Client, mut namespaces: mpsc::UnboundedReceiver<Arc<str>>) {
    let mut watches = JoinSet::new();
    loop {
        tokio::select! {
            wanted = namespaces.recv() => match wanted {
                Some(namespace) => { watches.spawn(secrets_of(controller.clone(), client.clone(), namespace)); }
                None => return,
            },
            // None of them ends: whoever waits for this task is to know of one that panicked.
            Some(Err(ended)) = watches.join_next() => {
                if let Ok(panic) = ended.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
}

async fn secrets_of(controller: Arc<Controller>, client: Client, namespace: Arc<str>) {
    let api: Api<Isolated<PartialObjectMeta<Secret>>> = Api::namespaced(client.clone(), &namespace);
    loop {
        let mut events = watcher(api.clone(), watcher::Config::default().page_size(PAGE_SIZE)).boxed();
        let mut listed = HashSet::new();
        let forbidden = loop {
            match events.try_next().await {
                Ok(Some(event)) => secret_event(&controller, &namespace, event, &mut listed),
                Ok(None) => break false,
                Err(error) if is_forbidden(&error) => break true,
                Err(error) => {
                    tracing::warn!(%namespace, %error, "a watch of Secrets broke off and will be resumed");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        };
        if forbidden {
            controller.secrets_are(&namespace, SyncState::Forbidden);
        }
        tokio::time::sleep(FORBIDDEN_PAUSE).await;
    }
}

fn secret_event(
    controller: &Controller,
    namespace: &Arc<str>,
    event: Event<Isolated<PartialObjectMeta<Secret>>>,
    listed: &mut HashSet<NamespacedName>,
) {
    match event {
        Event::Init => listed.clear(),
        Event::InitApply(secret) => {
            listed.insert(seen_secret(controller, namespace, secret));
        }
        Event::Apply(secret) => {
            seen_secret(controller, namespace, secret);
        }
        Event::Delete(secret) => lost_secret(controller, NamespacedName::new(namespace, &secret.name_any())),
        Event::InitDone => {
            for at in controller.caches.secrets.names_in(namespace) {
                if !listed.contains(&at) {
                    lost_secret(controller, at);
                }
            }
            controller.secrets_are(namespace, SyncState::Complete);
        }
    }
}

fn seen_secret(controller: &Controller, namespace: &Arc<str>, mut secret: Isolated<PartialObjectMeta<Secret>>) -> NamespacedName {
    // Of one whose metadata cannot be read the name is known: it is there, and not ours.
    let metadata = std::mem::take(secret.meta_mut());
    let at = NamespacedName::new(namespace, metadata.name.as_deref().unwrap_or_default());
    let owner = owner_of(&metadata);
    if let (Some(owner), Some(version)) = (&owner, metadata.resource_version.as_deref()) {
        controller.expectations.saw(owner, &Dependency::Secret(at.clone()), version);
    }
    if controller.caches.secrets.put(at.clone(), metadata) {
        wake_by_secret(controller, &at, owner);
    }
    at
}

/// Wakes whoever refers to a Secret, and the credentials that are computed from it where it holds a group's keys; and whoever it was made
/// for, who may have no use for it any more.
fn wake_by_secret(controller: &Controller, at: &NamespacedName, owner: Option<ObjectKey>) {
    let referrers = controller.caches.objects.referrers(&Dependency::Secret(at.clone()));
    if let Some(owner) = owner.filter(|owner| !referrers.contains(owner) && controller.caches.objects.version(owner).is_some()) {
        controller.wake_one(owner, Priority::Changed);
    }
    for key in referrers {
        if with_kind!(key.kind, |K| K::RELAYS_SECRETS) {
            controller.wake(&Dependency::Object(key.clone()), Priority::Changed);
        }
        controller.wake_one(key, Priority::Changed);
    }
}

fn lost_secret(controller: &Controller, at: NamespacedName) {
    controller.caches.secrets.remove(&at);
    controller.wake(&Dependency::Secret(at), Priority::Changed);
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let cause = match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(status) => return status.code == 403,
        watcher::Error::NoResourceVersion => return false,
    };
    matches!(cause, kube::Error::Api(status) if status.code == 403)
}

/// Watches the ledger.
pub async fn ledger(controller: Arc<Controller>, client: Client) {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &controller.caches.installation.namespace);
    let config = watcher::Config::default().labels(&controller.caches.ledger.selector());
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut listed = Vec::new();
    let mut complete = false;
    while let Some(event) = events.next().await {
        let concerned = match event {
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(page)) => {
                let seen = seen_page(&controller, &page);
                listed.extend(seen.iter().map(|seen| seen.owner.clone()));
                seen.into_iter().collect()
            }
            Ok(Event::InitDone) => {
                if !std::mem::replace(&mut complete, true) {
                    controller.caches.objects.watch_is_complete();
                }
                let lost = controller.caches.ledger.retain(&listed).into_iter();
                lost.map(|owner| SeenPage { owner, facts_changed: true }).collect()
            }
            Ok(Event::Apply(page)) => seen_page(&controller, &page).into_iter().collect(),
            Ok(Event::Delete(page)) => controller.caches.ledger.forget(&page).into_iter().collect(),
            Err(error) => {
                tracing::warn!(%error, "the watch of the ledger broke off and will be resumed");
                Vec::new()
            }
        };
        if complete {
            for seen in concerned {
                wake_by_page(&controller, seen);
            }
        }
    }
}

/// Wakes the owner of a page, and those who rest on it if they see something else there now.
fn wake_by_page(controller: &Controller, SeenPage { owner, facts_changed }: SeenPage) {
    if facts_changed {
        controller.wake_all_who_rest_on(&owner, Priority::Changed);
    }
    controller.queue.push(owner, Priority::Changed);
}

/// Takes in a page of the ledger, from a list or from a watch.
fn seen_page(controller: &Controller, page: &ConfigMap) -> Option<SeenPage> {
    let seen = controller.caches.ledger.put(page)?;
    if let Some(version) = page.metadata.resource_version.as_deref() {
        controller.expectations.saw(&seen.owner, &Dependency::Ledger(seen.owner.clone()), version);
    }
    Some(seen)
}
