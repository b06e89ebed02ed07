//! One request, from its arrival to its answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use super::body::{self, Reply};
use super::collections::Collection;
use super::patches::PatchType;
use super::path::{self, Target};
use super::refusal::{Answer, bad, not_found, refused};
use super::trouble::{Mode, Moment};
use super::watching;
use super::writing::{create, patch, remove, replace};
use super::{Logged, Shared, State};

/// Longer than anybody waits for an answer.
const SLOW: Duration = Duration::from_secs(45);

/// What a list or a watch is to show.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub collection: &'static Collection,
    pub namespace: Option<String>,
    /// The path and the selector, to tell watches apart.
    pub what: String,
    labels: Vec<(String, String)>,
    metadata_only: bool,
}

impl Look {
    pub fn selects(&self, object: &Value) -> bool {
        self.labels.iter().all(|(name, value)| object["metadata"]["labels"][name] == *value)
    }

    pub fn shown(&self, object: &Value) -> Value {
        if !self.metadata_only {
            return object.clone();
        }
        json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
    }
}

/// Serves a request of somebody who meets with no trouble and is not logged; there are no watches for them.
pub(super) async fn serve_quietly(shared: &Arc<Shared>, request: Request<Body>) -> io::Result<Response<Reply>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let content = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = path::pairs(head.uri.query().unwrap_or_default());
    let selector = query.iter().find(|(key, _)| key == "labelSelector").map(|(_, value)| value.as_str()).unwrap_or_default();
    let listing = path::read(head.uri.path()).filter(|target| target.name.is_none() && head.method == Method::GET);
    let answer = match listing {
        Some(target) => list(&shared.lock(), &look(&target, head.uri.path(), selector, false)),
        None => answer(shared, &head.method, head.uri.path(), PatchType::of(content), false, &bytes),
    };
    shared.announce();
    Ok(written(&answer, body::whole))
}

/// Serves a request of the operator.
pub(super) async fn serve(shared: &Arc<Shared>, request: Request<Body>) -> io::Result<Response<Reply>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let (query, path) = (path::pairs(head.uri.query().unwrap_or_default()), head.uri.path());
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let watches = asked("watch") == Some("true") || asked("watch") == Some("1");
    let moment = match (&head.method, watches) {
        (_, true) => Moment::Watch,
        (&Method::GET, false) => Moment::Read,
        _ => Moment::Write,
    };
    let trouble = shared.lock().troubles.strike(moment);
    let log = |status: Option<u16>, changed: bool| {
        let logged = Logged { method: head.method.clone(), path: path.to_owned(), status, changed, trouble };
        shared.lock().log.push(logged);
    };
    let lost = || io::Error::new(io::ErrorKind::ConnectionReset, "the connection was cut");
    match trouble {
        Some(Mode::LostBefore) => {
            log(None, false);
            return Err(lost());
        }
        Some(Mode::Status(status)) => {
            log(Some(status), false);
            return Ok(written(&failure(status), body::whole));
        }
        Some(Mode::LostAfter | Mode::Truncated | Mode::Slow) | None => {}
    }
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (metadata_only, by) = (header(ACCEPT).contains("as=PartialObject"), PatchType::of(header(CONTENT_TYPE)));
    let barred = shared.lock().barred.iter().any(|namespace| path.contains(&format!("/namespaces/{namespace}/secrets")));
    let listing = path::read(path).filter(|target| target.name.is_none() && head.method == Method::GET);
    let outcome = match listing {
        _ if barred => Err(refused(403, "Forbidden", &format!("the operator cannot use {path}"))),
        Some(target) => {
            let look = look(&target, path, asked("labelSelector").unwrap_or_default(), metadata_only);
            if watches {
                log(Some(200), false);
                let lasts = asked("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(290);
                let initial = asked("sendInitialEvents") == Some("true");
                return Ok(watch(shared, look, asked("resourceVersion").unwrap_or_default(), initial, Duration::from_secs(lasts)));
            }
            shared.lock().watches.want(&look.what);
            Ok(list(&shared.lock(), &look))
        }
        None => Ok(answer(shared, &head.method, path, by, metadata_only, &bytes)),
    };
    let answer = outcome.unwrap_or_else(|refused| {
        shared.lock().watches.refuse(&what(path, asked("labelSelector").unwrap_or_default()));
        refused
    });
    log(Some(answer.status), answer.changed);
    shared.announce();
    match trouble {
        Some(Mode::LostAfter) => return Err(lost()),
        Some(Mode::Slow) => tokio::time::sleep(SLOW).await,
        Some(Mode::Truncated) => return Ok(written(&answer, |bytes| body::half(&bytes))),
        Some(Mode::LostBefore | Mode::Status(_)) | None => {}
    }
    Ok(written(&answer, body::whole))
}

fn failure(status: u16) -> Answer {
    let mut answer = refused(status, "Planned", "the plan of the test says so");
    if status == 429 {
        answer.body["details"] = json!({ "retryAfterSeconds": 3 });
    }
    answer
}

fn written(answer: &Answer, write: impl FnOnce(Bytes) -> Reply) -> Response<Reply> {
    let mut response = Response::new(write(Bytes::from(answer.body.to_string())));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn what(path: &str, selector: &str) -> String {
    format!("{path}?{selector}")
}

fn look(target: &Target, path: &str, selector: &str, metadata_only: bool) -> Look {
    let labels = selector.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Look {
        collection: target.collection,
        namespace: target.namespace.clone(),
        what: what(path, selector),
        labels: labels.collect(),
        metadata_only,
    }
}

fn selected<'a>(state: &'a State, look: &'a Look) -> impl Iterator<Item = Value> + 'a {
    let here = |object: &&Arc<Value>| look.namespace.as_ref().is_none_or(|namespace| object["metadata"]["namespace"] == **namespace);
    state.objects.of(look.collection).filter(here).filter(|object| look.selects(object)).map(|object| look.shown(object))
}

fn list(state: &State, look: &Look) -> Answer {
    let items: Vec<_> = selected(state, look).collect();
    let (kind, api_version) = if look.metadata_only {
        ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1")
    } else {
        (format!("{}List", look.collection.kind), look.collection.api_version)
    };
    let version = state.objects.newest().to_string();
    Answer::read(json!({ "kind": kind, "apiVersion": api_version, "metadata": { "resourceVersion": version }, "items": items }))
}

fn watch(shared: &Arc<Shared>, look: Look, from: &str, initial: bool, lasts: Duration) -> Response<Reply> {
    let state = shared.lock();
    let (newest, head) = (state.objects.newest(), state.objects.head());
    let version = from.parse::<u64>().ok().filter(|version| *version > 0);
    let (place, first) = if let Some(version) = version.filter(|_| !initial) {
        let expired = || vec![json!({ "type": "ERROR", "object": refused(410, "Expired", "too old resource version").body })];
        state.objects.place_after(version).map_or_else(|| (head, expired()), |place| (place, Vec::new()))
    } else {
        let mut first: Vec<_> = selected(&state, &look).map(|object| json!({ "type": "ADDED", "object": object })).collect();
        if initial {
            first.push(bookmark(&look, newest));
        }
        (head, first)
    };
    drop(state);
    let mut response = Response::new(watching::begin(shared, look, place, first, lasts));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The end of the events that a streamed list begins with.
fn bookmark(look: &Look, newest: u64) -> Value {
    let (kind, api_version) =
        if look.metadata_only { ("PartialObjectMetadata", "meta.k8s.io/v1") } else { (look.collection.kind, look.collection.api_version) };
    let metadata = json!({ "resourceVersion": newest.to_string(), "annotations": { "k8s.io/initial-events-end": "true" } });
    json!({ "type": "BOOKMARK", "object": { "kind": kind, "apiVersion": api_version, "metadata": metadata } })
}

/// Answers what is no list and no watch.
pub(super) fn answer(shared: &Shared, method: &Method, path: &str, by: PatchType, metadata_only: bool, bytes: &Bytes) -> Answer {
    let Some(target) = path::read(path) else { return Answer { status: 404, body: Value::Null, changed: false } };
    let body: Value = match (bytes.is_empty(), serde_json::from_slice(bytes)) {
        (true, _) => Value::Null,
        (false, Ok(body)) => body,
        (false, Err(_)) => return bad("the body is no JSON"),
    };
    let now = (shared.now)();
    let mut state = shared.lock();
    let Some(namespace) = target.namespace.as_deref() else { return refused(405, "MethodNotAllowed", "no namespace") };
    let outcome = match (method, target.name.as_deref()) {
        (&Method::GET, Some(name)) => state
            .objects
            .get(target.collection, namespace, name)
            .map(|object| look(&target, path, "", metadata_only).shown(&object))
            .map(Answer::read)
            .ok_or_else(|| not_found(target.collection.plural, name)),
        (&Method::GET, None) => Ok(list(&state, &look(&target, path, "", metadata_only))),
        (&Method::POST, None) => create(&mut state, target.collection, namespace, body, now),
        (&Method::PUT, Some(name)) => replace(&mut state, &target, namespace, name, body),
        (&Method::PATCH, Some(name)) => patch(&mut state, &target, namespace, name, by, body, now),
        (&Method::DELETE, Some(name)) => remove(&mut state, target.collection, namespace, name, &body, now),
        _ => Err(refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")),
    };
    outcome.unwrap_or_else(|refused| refused)
}
