//! An operator that looks at an object while its cloud does not answer.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::{Azure, Cloud, EndpointMap, Transport, TransportOptions};
use moorage_crds::{KindName, with_kind};
use moorage_operator::cache::secrets::Watch;
use moorage_operator::clock::Clock;
use moorage_operator::controller::context::{Env, Installation};
use moorage_operator::controller::kind::Kind;
use moorage_operator::controller::leader_election::Term;
use moorage_operator::controller::metrics::Metrics;
use moorage_operator::controller::queue::Lane;
use moorage_operator::kinds::reconcile;
use moorage_operator::object::Keyed;
use moorage_operator::object::{Name, ObjectKey};
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

/// The example and who looks after it.
pub(super) struct Lookout {
    runtime: Runtime,
    example: Example,
    transport: Transport,
}

impl Lookout {
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

    /// Looks at an object among those of the example; what is told of it can be read, and tells no secret.
    pub(super) fn look_at<K: Kind>(&self, object: K) {
        self.look_at_beside(object, &[]);
    }

    /// The same with others that are there as well, or in place of those of the example; gives what has become of the cluster.
    pub(super) fn look_at_beside<K: Kind>(&self, object: K, others: &[Value]) -> ApiServer {
        let key = object.key();
        let cluster = ApiServer::new(|| Timestamp::UNIX_EPOCH);
        self.runtime.block_on(async {
            let env = self.world(&cluster, &key);
            for other in others {
                shown(&env, &cluster, other);
            }
            cluster.create(&serde_json::to_value(&object).expect("what was read can be written"));
            let stored = cluster.get(key.kind.as_str(), &key.at.namespace, &key.at.name);
            let stored = stored.map(|stored| serde_json::from_value(stored).expect("what is stored is an object"));
            env.stores.put(&key, Arc::new(stored.unwrap_or(object)));
            for _ in 0..LOOKS {
                let look = tokio::time::timeout(Duration::from_secs(20), reconcile(&env, &key, Lane::New));
                let _next = look.await.expect("a look comes to its end");
                if let Some(now) = cluster.get(key.kind.as_str(), &key.at.namespace, &key.at.name) {
                    assert!(!now.to_string().contains(SECRET), "a secret is told: {now}");
                    env.stores.put(&key, Arc::new(serde_json::from_value::<K>(now).expect("what was told can be read")));
                }
            }
        });
        cluster
    }

    fn world(&self, cluster: &ApiServer, key: &ObjectKey) -> Arc<Env> {
        for namespace in self.example.namespaces().iter().map(String::as_str).chain(["moorage", &key.at.namespace]) {
            cluster.add_namespace(namespace);
        }
        let clock = Clock::system();
        let time = clock.clone();
        let config = Config {
            installation: Installation { id: "fuzz".to_owned(), namespace: "moorage".to_owned() },
            namespaces: Vec::new(),
            concurrency: 1,
            replica: None,
            term: Term::DEFAULT,
            clock,
            azure: Azure::new(Cloud::public(), self.transport.clone(), Arc::new(move || time.now())),
            metrics: Arc::new(Metrics::default()),
        };
        let env = Operator::new(config, cluster.operators_client()).env();
        for namespace in self.example.namespaces().iter().map(String::as_str).chain([&*key.at.namespace]) {
            env.secrets.watch_stands(&namespace.into(), Watch::Complete);
        }
        for object in self.example.objects() {
            shown(&env, cluster, object);
        }
        env
    }
}

/// Shows the operator an object of the example.
fn shown(env: &Env, cluster: &ApiServer, object: &Value) {
    fn put<K: Kind>(env: &Env, object: &Value) {
        let object: K = serde_json::from_value(object.clone()).expect("an object of the example");
        env.stores.put(&object.key(), Arc::new(object));
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Secret" => put_secret(env, cluster, object),
        kind => {
            if let Some(kind) = KindName::parse(kind) {
                with_kind!(kind, |K| put::<K>(env, object));
            }
        }
    }
}

/// What the example says in plain text is the one secret that must not be told.
fn put_secret(env: &Env, cluster: &ApiServer, secret: &Value) {
    let mut secret = secret.clone();
    if secret["stringData"].is_object() {
        secret["data"] = json!({ "clientSecret": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SECRET) });
    }
    cluster.create(&secret);
    let text = |field: &str| secret["metadata"][field].as_str().unwrap_or_default().to_owned();
    let meta = ObjectMeta { resource_version: Some("1".to_owned()), ..ObjectMeta::default() };
    env.secrets.put(Name::new(&text("namespace"), &text("name")), meta);
}

/// Where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has an address")
}
