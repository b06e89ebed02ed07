//! An operator that looks at an object while its cloud does not answer.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::{Azure, Cloud, EndpointMap, Transport, TransportOptions};
use moorage_crds::{KindName, with_kind};
use moorage_operator::cache::secrets::SyncState;
use moorage_operator::clock::Clock;
use moorage_operator::controller::context::{Caches, Installation};
use moorage_operator::controller::kind::Kind;
use moorage_operator::controller::leader_election::Term;
use moorage_operator::controller::metrics::Metrics;
use moorage_operator::controller::queue::Priority;
use moorage_operator::kinds::reconcile;
use moorage_operator::ledger::Ledger;
use moorage_operator::object::Keyed;
use moorage_operator::object::{NamespacedName, ObjectKey};
use moorage_operator::run::{Config, Operator};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::apiserver::ApiServer;
use crate::example::Example;
use crate::sweep::authority::authority;

/// What proves the account of the example; it opens nothing.
const SECRET: &str = "3fX8Q~fuzzing.only-opens_nothing4Cw0N2dcTj";
/// Looks until it has come to what it does again and again.
const LOOKS: usize = 2;
const INSTALLATION: &str = "fuzz";
const NAMESPACE: &str = "moorage";

/// The example and who looks after it.
pub(super) struct Watcher {
    runtime: Runtime,
    example: Example,
    transport: Transport,
}

impl Watcher {
    pub(super) fn of(example: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let example = Example::read(example, "").expect("the example can be read");
        let map = EndpointMap { address: nobody(), ca_pem: authority().expect("certificates").ca_pem.clone() };
        let transport = Transport::new(&TransportOptions { endpoint_map: Some(map), ..TransportOptions::default() }).expect("a transport");
        Self { runtime, example, transport }
    }

    /// The first object of a kind in the example.
    pub(super) fn object<K: Kind>(&self, kind: &str) -> K {
        let found = self.example.objects().iter().find(|object| object["kind"] == kind).expect("the example has one");
        serde_json::from_value(found.clone()).expect("an object of the example")
    }

    /// What the operator has written down of an object.
    pub(super) fn page(owner: &ObjectKey, entries: &[(&str, String)]) -> Value {
        let entries = entries.iter().map(|(entry, value)| ((*entry).to_owned(), value.clone())).collect();
        let page = Ledger::new(INSTALLATION, NAMESPACE, "here").page(owner, None, entries);
        let mut page = serde_json::to_value(page).expect("a page can be written");
        (page["apiVersion"], page["kind"]) = ("v1".into(), "ConfigMap".into());
        page
    }

    /// Looks at an object among those of the example; what is told of it can be read, and tells no secret.
    pub(super) fn look_at<K: Kind>(&self, object: K) {
        self.look_at_beside(object, &[]);
    }

    /// The same with others that are there as well, or in place of those of the example; gives what has become of the cluster.
    pub(super) fn look_at_beside<K: Kind>(&self, object: K, others: &[Value]) -> ApiServer {
        let key = object.key();
        let cluster = ApiServer::new(|| Timestamp::UNIX_EPOCH);
        self.runtime.block_on(async {
            let operator = self.operator(&cluster, &key);
            let (controller, contexts) = (operator.controller(), operator.contexts());
            let caches = &controller.caches;
            for other in others {
                shown(caches, &cluster, other);
            }
            cluster.create(&serde_json::to_value(&object).expect("what was read can be written"));
            let stored = cluster.get(key.kind.as_str(), &key.name.namespace, &key.name.name);
            let stored = stored.map(|stored| serde_json::from_value(stored).expect("what is stored is an object"));
            put(caches, stored.unwrap_or(object));
            for _ in 0..LOOKS {
                let look = tokio::time::timeout(Duration::from_secs(20), reconcile(&controller, &contexts, &key, Priority::Changed));
                let _next = look.await.expect("a look comes to its end");
                if let Some(now) = cluster.get(key.kind.as_str(), &key.name.namespace, &key.name.name) {
                    assert!(!now.to_string().contains(SECRET), "a secret is told: {now}");
                    put(caches, serde_json::from_value::<K>(now).expect("what was told can be read"));
                }
            }
        });
        cluster
    }

    fn operator(&self, cluster: &ApiServer, key: &ObjectKey) -> Operator {
        for namespace in self.example.namespaces().iter().map(String::as_str).chain([NAMESPACE, &key.name.namespace]) {
            cluster.add_namespace(namespace);
        }
        let clock = Clock::system();
        let time = clock.clone();
        let config = Config {
            installation: Installation::new(INSTALLATION.to_owned(), NAMESPACE.to_owned(), "here"),
            namespaces: Vec::new(),
            concurrency: 1,
            replica: None,
            term: Term::DEFAULT,
            clock,
            azure: Azure::new(Cloud::public(), self.transport.clone(), Arc::new(move || time.now())),
            metrics: Arc::new(Metrics::default()),
        };
        let operator = Operator::new(config, cluster.operators_client());
        let caches = &operator.controller().caches;
        for namespace in self.example.namespaces().iter().map(String::as_str).chain([&*key.name.namespace]) {
            caches.secrets.set_sync(&namespace.into(), SyncState::Complete);
        }
        for object in self.example.objects() {
            shown(caches, cluster, object);
        }
        operator
    }
}

/// Shows the operator an object of the example.
fn shown(caches: &Caches, cluster: &ApiServer, object: &Value) {
    fn read<K: Kind>(object: &Value) -> K {
        serde_json::from_value(object.clone()).expect("an object of the example")
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Secret" => put_secret(caches, cluster, object),
        "ConfigMap" => put_page(caches, cluster, object),
        kind => {
            if let Some(kind) = KindName::parse(kind) {
                with_kind!(kind, |K| put(caches, read::<K>(object)));
            }
        }
    }
}

/// Puts an object into the caches.
fn put<K: Kind>(caches: &Caches, object: K) {
    caches.objects.put(&object.key(), object.references(), Arc::new(object));
}

/// Puts a page of the ledger there, as the operator has written it.
fn put_page(caches: &Caches, cluster: &ApiServer, page: &Value) {
    cluster.create(page);
    let page = serde_json::from_value(page.clone()).expect("a page of the ledger");
    caches.ledger.put(&page).expect("it is a page of this installation");
}

/// What the example says in plain text is the one secret that must not be told.
fn put_secret(caches: &Caches, cluster: &ApiServer, secret: &Value) {
    let mut secret = secret.clone();
    if secret["stringData"].is_object() {
        secret["data"] = json!({ "clientSecret": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SECRET) });
    }
    cluster.create(&secret);
    let text = |field: &str| secret["metadata"][field].as_str().unwrap_or_default().to_owned();
    let meta = ObjectMeta { resource_version: Some("1".to_owned()), ..ObjectMeta::default() };
    caches.secrets.put(NamespacedName::new(&text("namespace"), &text("name")), meta);
}

/// Where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has an address")
}
