//! What the engine keeps to, whatever the kind: each in milliseconds, against an API server of a few lines.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::client::Body;
use moorage_cloud::{Azure, Cloud, Transport, TransportOptions};
use moorage_crds::{CloudAccount, annotations};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    azure::{self, clients::Clients},
    cache::secrets::Secrets,
    clock::Clock,
    cluster::ApiReader,
    controller::{
        context::{Caches, Installation},
        leader_election::{Leadership, Term},
        linter::read,
        metrics::{Detail, Metrics},
    },
    object::{Keyed, KindName},
};

/// A request as the API server sees it: method, path, and body.
type Sent = (String, String, Value);

/// An engine and its API server, which grants everything.
struct Bench {
    controller: Arc<Controller>,
    ctx: azure::Context,
    seen: Arc<Mutex<Vec<Sent>>>,
}

impl Bench {
    fn new(leadership: Leadership) -> Self {
        let seen = Arc::<Mutex<Vec<Sent>>>::default();
        let client = client(seen.clone());
        let (clock, metrics) = (Clock::system(), Arc::new(Metrics::default()));
        let api = ApiReader::new(client.clone(), "moorage");
        let (secrets, _) = Secrets::new(api.clone(), metrics.live_reads());
        let installation = Installation::new("prod".to_owned(), "moorage".to_owned(), "here");
        let caches = Arc::new(Caches::new(installation, secrets));
        let transport = Transport::new(&TransportOptions::default()).expect("a transport");
        let time = clock.clone();
        let (azure, access) = Azure::new(Cloud::public(), transport, Arc::new(move || time.now()));
        let ctx = Context::new(caches.clone(), api, clock.clone(), Arc::new(Clients::new(azure)), access);
        let controller = Arc::new(Controller::new(caches, client, leadership, clock, metrics, Arc::new(|_| ())));
        Self { controller, ctx, seen }
    }

    fn shows(&self, account: CloudAccount) -> ObjectKey {
        let key = account.key();
        self.controller.caches.objects.put(&key, account.references(), Arc::new(account));
        key
    }

    async fn reconcile(&self, key: &ObjectKey) -> Next {
        super::reconcile::<CloudAccount>(&self.controller, &self.ctx, key, Priority::Changed).await
    }

    /// What the API server was asked for since the last time, Events aside.
    fn requests(&self) -> Vec<Sent> {
        let mut seen = std::mem::take(&mut *self.seen.lock().expect("not poisoned"));
        seen.retain(|(_, path, _)| !path.contains("/events"));
        seen
    }
}

fn client(seen: Arc<Mutex<Vec<Sent>>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let seen = seen.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.expect("a body in memory").to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            seen.lock().expect("not poisoned").push((parts.method.to_string(), parts.uri.path().to_owned(), body));
            let written = json!({ "metadata": { "resourceVersion": "8" } }).to_string();
            Ok::<_, Infallible>(Response::new(Body::from(written.into_bytes())))
        }
    });
    Client::new(service, "default")
}

/// An account that says nothing of how it proves itself: that is told before anything is asked of a cloud.
fn account(metadata: &Value) -> CloudAccount {
    let mut object = json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "CloudAccount",
        "metadata": { "namespace": "platform", "name": "azure", "resourceVersion": "7" },
        "spec": { "azure": { "tenantId": "t", "subscriptionId": "s" } },
    });
    for (field, value) in metadata.as_object().cloned().unwrap_or_default() {
        object["metadata"][field] = value;
    }
    read(object)
}

const STATUS: &str = "/apis/moorage.dev/v1alpha1/namespaces/platform/cloudaccounts/azure/status";
const OBJECT: &str = "/apis/moorage.dev/v1alpha1/namespaces/platform/cloudaccounts/azure";

#[tokio::test]
async fn a_status_is_written_only_over_the_version_that_was_seen() {
    let bench = Bench::new(Leadership::always());
    let key = bench.shows(account(&json!({})));
    bench.reconcile(&key).await;
    let requests = bench.requests();
    let [(method, path, body)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((method.as_str(), path.as_str()), ("PATCH", STATUS));
    assert_eq!(body["metadata"]["resourceVersion"], "7");
    assert_eq!(body["status"]["conditions"][2]["reason"], "Invalid");
}

#[tokio::test]
async fn an_object_is_not_reconciled_before_the_watch_has_shown_what_was_written() {
    let bench = Bench::new(Leadership::always());
    let key = bench.shows(account(&json!({})));
    bench.reconcile(&key).await;
    assert_eq!(bench.requests().len(), 1);
    assert!(bench.reconcile(&key).await.is_some());
    assert_eq!(bench.requests(), [], "it was decided upon as it was before the write");

    bench.shows(account(&json!({ "resourceVersion": "8" })));
    bench.reconcile(&key).await;
    assert_eq!(bench.requests().len(), 1, "the status that it shows is not the one that is to be");
}

#[tokio::test]
async fn a_panic_costs_its_object_a_wait_and_neither_the_worker_nor_anybody_else_anything() {
    let bench = Bench::new(Leadership::always());
    let (controller, stop) = (bench.controller.clone(), CancellationToken::new());
    let key = |name| ObjectKey::new(KindName::CloudAccount, "a", name);
    controller.queue.staff(1);
    controller.queue.push(key("faulty"), Priority::Changed);
    controller.queue.push(key("fine"), Priority::Changed);
    let done = Mutex::new(Vec::new());
    let working = worker::work(controller.clone(), stop.clone(), |object, _| {
        assert_ne!(*object.name.name, *"faulty", "a fault, on purpose, before anything is awaited");
        done.lock().expect("not poisoned").push(object);
        stop.cancel();
        std::future::ready(None)
    });
    working.await;
    assert_eq!(*done.lock().expect("not poisoned"), [key("fine")]);
    let (_, due) = controller.queue.rest();
    assert!(due.is_some_and(|due| due > controller.clock.now()), "it is tried again, later: {due:?}");
    assert!(controller.metrics.text(Detail::Counts, [(Priority::Changed, 0), (Priority::Resync, 0)], true).contains("Panicked"));
}

#[tokio::test]
async fn whoever_does_not_lead_has_no_effects() {
    let bench = Bench::new(Leadership::contested(Term::DEFAULT));
    let key = bench.shows(account(&json!({})));
    assert!(bench.reconcile(&key).await.is_some(), "it is tried again");
    assert_eq!(bench.requests(), []);
}

#[tokio::test]
async fn an_orphan_takes_its_page_of_the_ledger_with_it_and_its_finalizer_last() {
    let bench = Bench::new(Leadership::always());
    let key = bench.shows(account(&json!({
        "deletionTimestamp": "2026-03-01T12:00:00Z",
        "finalizers": ["somebody.example/theirs", annotations::FINALIZER],
        "annotations": { annotations::ORPHAN: "true" },
    })));
    let page = bench.page_of(&key);
    bench.controller.caches.ledger.put(&page).expect("it is a page of ours");
    bench.reconcile(&key).await;
    let requests = bench.requests();
    let [(first, page_path, _), (second, path, body)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((first.as_str(), page_path.starts_with("/api/v1/namespaces/moorage/configmaps/")), ("DELETE", true));
    assert_eq!((second.as_str(), path.as_str()), ("PATCH", OBJECT));
    assert_eq!(body["metadata"]["finalizers"], json!(["somebody.example/theirs"]));
    assert_eq!(bench.controller.caches.ledger.page_of(&key), None);
}

#[tokio::test]
async fn an_object_that_was_looked_at_already_in_this_state_costs_no_write() {
    let bench = Bench::new(Leadership::always());
    let key = bench.shows(account(&json!({})));
    bench.reconcile(&key).await;
    let written = bench.requests();
    let mut there = account(&json!({ "resourceVersion": "8" }));
    there.status = Some(read(written[0].2["status"].clone()));
    bench.shows(there);
    bench.reconcile(&key).await;
    assert_eq!(bench.requests(), []);
}

impl Bench {
    /// A page of the ledger as the API server would show it.
    fn page_of(&self, owner: &ObjectKey) -> ConfigMap {
        let mut page = self.controller.caches.ledger.page(owner, None, [("something".to_owned(), "made".to_owned())].into());
        page.metadata.resource_version = Some("3".to_owned());
        page
    }
}
