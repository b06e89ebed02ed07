//! An API server in this process, small but true: what the operator asks of one, and nothing else.
//!
//! It has no admission, no RBAC and no controllers but the garbage collector, which runs when it is told to. What it does, it does
//! as the real one; a table of requests is put to both. A world of the model test costs milliseconds with it, not seconds.

mod body;
mod check;
mod collections;
mod garbage;
mod objects;
mod patches;
mod path;
mod refusal;
mod schema;
mod serving;
mod trouble;
mod watching;
mod writing;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::watch;

use objects::Objects;
use patches::PatchType;
use trouble::Troubles;
use watching::Watches;

pub use body::Reply;
pub use collections::{Collection, collection};
pub use trouble::{Mode, Moment, Trouble};

/// The path of an object of a kind.
pub fn path_of(kind: &str, namespace: &str, name: &str) -> String {
    path::of(collection(kind), namespace, name)
}

/// One request, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The status that it was answered with; `None` if it was lost before its effect.
    pub status: Option<u16>,
    /// Whether it changed something.
    pub changed: bool,
    /// What went wrong with it on purpose.
    pub trouble: Option<Mode>,
}

impl Logged {
    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        self.method != Method::GET
    }
}

/// An API server.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// The newest version: whoever watches waits for it to grow.
    newest: watch::Sender<u64>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Default)]
struct State {
    objects: Objects,
    namespaces: BTreeSet<String>,
    /// Namespaces whose Secrets the operator may not use.
    barred: BTreeSet<String>,
    log: Vec<Logged>,
    troubles: Troubles,
    watches: Watches,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever watches what has happened.
    fn announce(&self) {
        let newest = self.lock().objects.newest();
        self.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
    }
}

impl ApiServer {
    /// An empty one, on a clock.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), newest: watch::Sender::new(0), now: Box::new(now) }) }
    }

    /// A client for the operator: its requests are logged, and meet with trouble.
    pub fn operators_client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.serve(request).await }
        });
        Client::new(service, "default")
    }

    /// Serves one request of the operator.
    ///
    /// # Errors
    /// If that is what goes wrong with it.
    pub async fn serve(&self, request: Request<Body>) -> io::Result<Response<Reply>> {
        serving::serve(&self.shared, request).await
    }

    /// A client for anybody else: without trouble, not logged, and without watches.
    pub fn admin(&self) -> Client {
        let shared = self.shared.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let shared = shared.clone();
            async move { serving::serve_quietly(&shared, request).await }
        });
        Client::new(service, "default")
    }

    /// What anybody else asks: at once, without trouble, and not logged. The status and the body.
    pub fn ask(&self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = serving::answer(&self.shared, method, path, PatchType::Merge, false, &bytes);
        self.shared.announce();
        (answer.status, answer.body)
    }

    /// Makes a namespace.
    pub fn add_namespace(&self, name: &str) {
        self.shared.lock().namespaces.insert(name.to_owned());
    }

    /// Takes the right to a namespace's Secrets from the operator, or gives it.
    pub fn bar_secrets(&self, namespace: &str, barred: bool) {
        let of_secrets = |path: &str| path.contains(&format!("/namespaces/{namespace}/secrets"));
        let mut state = self.shared.lock();
        if barred {
            state.barred.insert(namespace.to_owned());
            // A watch that is open ends: what it shows may no longer be seen.
            state.watches.end(of_secrets);
        } else {
            state.barred.remove(namespace);
            state.watches.permit(of_secrets);
        }
        drop(state);
        self.shared.newest.send_modify(|_| ());
    }

    /// An object, if it is there.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.shared.lock();
        state.objects.get(collection(kind), namespace, name).map(|object| (*object).clone())
    }

    /// Every object of a kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let state = self.shared.lock();
        state.objects.of(collection(kind)).map(|object| (**object).clone()).collect()
    }

    /// Changes an object that is there, as its author would. The status that it was answered with, 404 if it is not there.
    pub fn change(&self, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> u16 {
        let Some(mut object) = self.get(kind, namespace, name) else { return 404 };
        change(&mut object);
        self.ask(&Method::PUT, &path::of(collection(kind), namespace, name), &object).0
    }

    /// Deletes an object, without preconditions. The status that it was answered with.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> u16 {
        self.ask(&Method::DELETE, &path::of(collection(kind), namespace, name), &Value::Null).0
    }

    /// Creates an object. The status that it was answered with.
    pub fn create(&self, object: &Value) -> u16 {
        let kind = object["kind"].as_str().unwrap_or_default();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        self.ask(&Method::POST, &path::of(collection(kind), namespace, ""), object).0
    }

    /// Removes what is owned by what is no more. True if there was something.
    pub fn collect_garbage(&self) -> bool {
        let found = garbage::collect(&self.shared);
        self.shared.announce();
        found
    }

    /// What is to go wrong from now on with the operator's requests, counted from now.
    pub fn trouble(&self, troubles: Vec<Trouble>) {
        self.shared.lock().troubles = Troubles::new(troubles);
    }

    /// How long the watches hold each event back.
    pub fn lag(&self, lag: std::time::Duration) {
        self.shared.lock().watches.lag = lag;
    }

    /// Breaks every open watch; with `gone`, none can be resumed where it was.
    pub fn break_watches(&self, gone: bool) {
        let mut state = self.shared.lock();
        if gone {
            state.objects.compact();
        }
        state.watches.end(|_| true);
        drop(state);
        self.shared.newest.send_modify(|_| ());
    }

    /// Forgets who watched: another operator comes.
    pub fn forget_watches(&self) {
        self.shared.lock().watches.forget();
    }

    /// Whether everyone who began to watch does so now, and has been shown everything.
    pub fn everything_is_shown(&self) -> bool {
        let state = self.shared.lock();
        state.watches.have_seen(state.objects.head())
    }

    /// Every request of the operator so far.
    pub fn log(&self) -> Vec<Logged> {
        self.shared.lock().log.clone()
    }

    /// How many requests of the operator have changed something.
    pub fn changes(&self) -> usize {
        self.shared.lock().log.iter().filter(|logged| logged.changed).count()
    }
}
