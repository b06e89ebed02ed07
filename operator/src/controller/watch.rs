//! Watches that fill memory and wake what is concerned.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use moorage_crds::with_kind;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{
    cache::secrets::{Watch, owner_of},
    controller::{context::Env, kind::Kind, queue::Lane},
    object::{Keyed, Name, ObjectKey, Thing},
};

/// How long a watch that may not begin waits before it asks again.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(10);

/// Watches one kind in one namespace, or in all.
pub async fn objects<K: Kind>(env: Arc<Env>, namespace: Option<String>) {
    let api: Api<DeserializeGuard<K>> = match &namespace {
        Some(namespace) => Api::namespaced(env.client.clone(), namespace),
        None => Api::all(env.client.clone()),
    };
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let mut listed: HashSet<Name> = HashSet::new();
    let mut complete = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                if let Some(key) = applied(&env, object) {
                    listed.insert(key.at);
                }
            }
            Ok(Event::InitDone) => {
                for at in env.stores.of::<K>().missing(namespace.as_deref(), &listed) {
                    gone::<K>(&env, &ObjectKey { kind: K::KIND, at });
                }
                if !std::mem::replace(&mut complete, true) {
                    env.stores.watch_is_complete();
                }
            }
            Ok(Event::Apply(object)) => {
                applied(&env, object);
            }
            Ok(Event::Delete(object)) => {
                if let Ok(object) = object.0 {
                    gone::<K>(&env, &object.key());
                }
            }
            Err(error) => tracing::warn!(kind = %K::KIND, %error, "a watch broke off and will be resumed"),
        }
    }
}

fn applied<K: Kind>(env: &Env, object: DeserializeGuard<K>) -> Option<ObjectKey> {
    let mut object = match object.0 {
        Ok(object) => object,
        Err(invalid) => {
            let at = format!(
                "{}/{}",
                invalid.metadata.namespace.as_deref().unwrap_or_default(),
                invalid.metadata.name.as_deref().unwrap_or_default()
            );
            tracing::error!(kind = %K::KIND, object = at, error = %invalid.error, "a stored object does not fit its schema and is left alone");
            return None;
        }
    };
    object.meta_mut().managed_fields = None;
    let key = object.key();
    let object = Arc::new(object);
    let before = env.stores.put(&key, object.clone());
    if before.is_none() {
        want_secrets(env, &*object);
    }
    let version = object.meta().resource_version.as_deref().unwrap_or_default();
    if env.freshness.saw(&key, &Thing::Object(key.clone()), version) {
        // Somebody asked for a look meanwhile, and the echo of our own status wakes nobody.
        env.queue.push(key.clone(), Lane::New);
    }
    wake(env, &key, &*object, before.as_deref());
    Some(key)
}

/// Has the Secrets watched that a new object will ask for.
fn want_secrets<K: Kind>(env: &Env, object: &K) {
    for thing in object.references() {
        if let Thing::Secret(at) = thing {
            env.secrets.want(&at.namespace);
        }
    }
}

/// Wakes the object, unless this is the echo of our own status, and those who depend on what others can see of it.
fn wake<K: Kind>(env: &Env, key: &ObjectKey, object: &K, before: Option<&K>) {
    if !env.is_own_echo(key, object.meta().resource_version.as_deref()) {
        let known = object.told().is_some_and(|told| Some(told.observed_generation) == object.meta().generation);
        let lane = if before.is_none() && known && object.meta().deletion_timestamp.is_none() { Lane::Refresh } else { Lane::New };
        env.queue.push(key.clone(), lane);
    }
    if before.is_none_or(|before| before.outlook() != object.outlook()) {
        env.wake(&Thing::Object(key.clone()), Lane::New);
        if K::WAKES_INDIRECT_REFERRERS && before.is_some() {
            env.wake_indirect_referrers(key, Lane::New);
        }
    }
}

fn gone<K: Kind>(env: &Env, key: &ObjectKey) {
    let Some(object) = env.stores.remove::<K>(key) else { return };
    env.forget(key);
    env.wake(&Thing::Object(key.clone()), Lane::New);
    // Those that it referred to may be waiting for it to undo what it made; nobody waits for an object that made nothing.
    let made = object.has_something_to_undo() || object.has_finalizer();
    for thing in object.references() {
        match thing {
            Thing::Object(key) if made => env.queue.push(key, Lane::New),
            Thing::Registration(_) | Thing::Identity(_) => env.wake(&thing, Lane::New),
            Thing::Object(_) | Thing::Secret(_) | Thing::Ledger(_) => {}
        }
    }
}

/// Watches the Secrets of each namespace that is asked for, one watch a namespace.
pub async fn secrets(env: Arc<Env>, mut namespaces: mpsc::UnboundedReceiver<Arc<str>>) {
    let mut watches = JoinSet::new();
    loop {
        tokio::select! {
            wanted = namespaces.recv() => match wanted {
                Some(namespace) => { watches.spawn(secrets_of(env.clone(), namespace)); }
                None => return,
            },
            Some(_) = watches.join_next() => {}
        }
    }
}

async fn secrets_of(env: Arc<Env>, namespace: Arc<str>) {
    let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(env.client.clone(), &namespace);
    loop {
        let mut events = watcher(api.clone(), watcher::Config::default()).boxed();
        let mut listed = HashSet::new();
        let forbidden = loop {
            match events.try_next().await {
                Ok(Some(event)) => secret_event(&env, &namespace, event, &mut listed),
                Ok(None) => break false,
                Err(error) if is_forbidden(&error) => break true,
                Err(error) => {
                    tracing::warn!(%namespace, %error, "a watch of Secrets broke off and will be resumed");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        };
        if forbidden {
            secrets_stand(&env, &namespace, Watch::Forbidden);
        }
        tokio::time::sleep(FORBIDDEN_PAUSE).await;
    }
}

fn secret_event(env: &Env, namespace: &Arc<str>, event: Event<PartialObjectMeta<Secret>>, listed: &mut HashSet<Name>) {
    match event {
        Event::Init => listed.clear(),
        Event::InitApply(secret) => {
            listed.insert(seen_secret(env, namespace, secret));
        }
        Event::Apply(secret) => {
            seen_secret(env, namespace, secret);
        }
        Event::Delete(secret) => lost_secret(env, Name::new(namespace, &secret.name_any())),
        Event::InitDone => {
            for at in env.secrets.names_in(namespace) {
                if !listed.contains(&at) {
                    lost_secret(env, at);
                }
            }
            secrets_stand(env, namespace, Watch::Complete);
        }
    }
}

fn seen_secret(env: &Env, namespace: &Arc<str>, secret: PartialObjectMeta<Secret>) -> Name {
    let at = Name::new(namespace, secret.metadata.name.as_deref().unwrap_or_default());
    let owner = owner_of(&secret.metadata);
    if let (Some(owner), Some(version)) = (&owner, secret.metadata.resource_version.as_deref()) {
        env.freshness.saw(owner, &Thing::Secret(at.clone()), version);
    }
    if env.secrets.put(at.clone(), secret.metadata) {
        wake_by_secret(env, &at, owner);
    }
    at
}

/// Wakes whoever refers to a Secret, and the credentials that are computed from it where it holds a group's keys; and whoever it was made
/// for, who may have no use for it any more.
fn wake_by_secret(env: &Env, at: &Name, owner: Option<ObjectKey>) {
    let referrers = env.stores.referrers(&Thing::Secret(at.clone()));
    if let Some(owner) = owner.filter(|owner| !referrers.contains(owner) && env.stores.version(owner).is_some()) {
        env.wake_one(owner, Lane::New);
    }
    for key in referrers {
        if with_kind!(key.kind, |K| K::RELAYS_SECRETS) {
            env.wake(&Thing::Object(key.clone()), Lane::New);
        }
        env.wake_one(key, Lane::New);
    }
}

fn lost_secret(env: &Env, at: Name) {
    env.secrets.remove(&at);
    env.wake(&Thing::Secret(at), Lane::New);
}

/// Wakes who waited for a namespace's Secrets; and if it was told otherwise before, everybody who may have heard that.
fn secrets_stand(env: &Env, namespace: &Arc<str>, watch: Watch) {
    let (before, waiting) = env.secrets.watch_stands(namespace, watch);
    for (key, lane) in waiting {
        env.queue.push(key, lane);
    }
    if before.is_some_and(|before| before != Watch::Starting && before != watch) {
        wake_namespace(env, namespace);
    }
}

fn wake_namespace(env: &Env, namespace: &str) {
    for key in env.stores.referrers_of_secrets_in(namespace) {
        env.wake_one(key, Lane::New);
    }
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
pub async fn ledger(env: Arc<Env>) {
    let api: Api<ConfigMap> = Api::namespaced(env.client.clone(), &env.installation.namespace);
    let config = watcher::Config::default().labels(&env.ledger.selector());
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
                let owner = env.ledger.put(&page);
                listed.extend(owner.clone());
                owner.into_iter().collect()
            }
            Ok(Event::InitDone) => {
                if !std::mem::replace(&mut complete, true) {
                    env.stores.watch_is_complete();
                }
                env.ledger.retain(&listed)
            }
            Ok(Event::Apply(page)) => {
                let owner = env.ledger.put(&page);
                if let (Some(owner), Some(version)) = (&owner, page.metadata.resource_version.as_deref()) {
                    env.freshness.saw(owner, &Thing::Ledger(owner.clone()), version);
                }
                owner.into_iter().collect()
            }
            Ok(Event::Delete(page)) => env.ledger.forget(&page).into_iter().collect(),
            Err(error) => {
                tracing::warn!(%error, "the watch of the ledger broke off and will be resumed");
                Vec::new()
            }
        };
        if complete {
            for owner in concerned {
                env.queue.push(owner, Lane::New);
            }
        }
    }
}
