//! The API server: one type that reads and one that writes, both on raw bytes, so that no library ever decodes, and then quotes, a Secret.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::client::Body;
use kube::{Client, Resource};
use serde::{Deserialize, Serialize};

use crate::error::{Error, bounded, by_status};
use crate::object::NamespacedName;

mod certificates;
pub mod client;
mod definitions;
mod identity;
mod refusals;
mod reviews;
mod secrets;
mod service_accounts;

pub use certificates::{API_VERSION as CERTIFICATE_API_VERSION, Certificate, CertificateCondition, CertificateStatus, Found};
pub use secrets::{SecretData, SecretType};
pub use service_accounts::NoToken;

/// Name under which the API server remembers what we wrote.
pub const FIELD_MANAGER: &str = "moorage";

/// Where an object is in the API.
pub struct Place<'a> {
    /// Path of its collection.
    pub collection: String,
    /// Its name in the collection.
    pub name: &'a str,
    /// The part of it that is meant; all of it if `None`.
    pub subresource: Option<&'static str>,
}

impl<'a> Place<'a> {
    /// An object of a namespace.
    pub fn of<K: Resource<DynamicType = ()>>(at: &'a NamespacedName) -> Self {
        Self { collection: K::url_path(&(), Some(&at.namespace)), name: &at.name, subresource: None }
    }

    /// Its status.
    #[must_use]
    pub fn status(self) -> Self {
        Self { subresource: Some("status"), ..self }
    }
}

/// A request as the library builds it.
type Unsent = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// Largest reply that is read: above the largest object that the API server stores (1.5 MiB).
const LARGEST_REPLY: usize = 4 << 20;

/// How long the API server may take for one call; it gives itself up to a minute, and whoever waits holds a worker.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// The API server, for reads.
#[derive(Clone)]
pub struct ApiReader(Connection);

/// The API server, for writes.
#[derive(Clone)]
pub struct ApiWriter(Connection);

#[derive(Clone)]
struct Connection {
    client: Client,
    operator_namespace: String,
}

/// What is read of an object that was written: the rest of it comes with the watch.
#[derive(Deserialize)]
struct Written {
    metadata: WrittenMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMetadata {
    resource_version: Option<String>,
}

impl ApiReader {
    /// The API server behind a client, for an operator in a namespace.
    pub fn new(client: Client, operator_namespace: &str) -> Self {
        Self(Connection { client, operator_namespace: operator_namespace.to_owned() })
    }

    /// The sentence that tells how to let the operator work with the Secrets of a namespace.
    pub fn missing_role_binding(&self, namespace: &str) -> String {
        self.0.missing_role_binding(namespace)
    }
}

impl ApiWriter {
    /// The API server behind a client, for an operator in a namespace.
    pub fn new(client: Client, operator_namespace: &str) -> Self {
        Self(Connection { client, operator_namespace: operator_namespace.to_owned() })
    }

    /// Merges into an object (RFC 7396), or into its subresource, and gives the new version.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn merge(&self, step: &str, place: &Place<'_>, changes: &serde_json::Value) -> Result<String, Error> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = Request::new(&place.collection);
        let request = match place.subresource {
            Some(subresource) => request.patch_subresource(subresource, place.name, &params, &Patch::Merge(changes)),
            None => request.patch(place.name, &params, &Patch::Merge(changes)),
        };
        self.0.write(step, request).await
    }

    /// Creates an object that is no Secret, and gives its version.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create(&self, step: &str, path: &str, object: &impl Serialize) -> Result<String, Error> {
        let body = serde_json::to_vec(object).expect("our own objects serialize");
        self.0.write(step, Request::new(path).create(&post(), body)).await
    }

    /// Deletes an object that is no Secret and still is at a version; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn delete(&self, step: &str, place: &Place<'_>, version: String) -> Result<(), Error> {
        let request = Request::new(&place.collection).delete(place.name, &only(None, Some(version)));
        let (status, reply) = self.0.send(step, request).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND { Ok(()) } else { Err(refused(step, status, &reply)) }
    }
}

impl Connection {
    fn missing_role_binding(&self, namespace: &str) -> String {
        format!(
            "the operator may not use Secrets in namespace {namespace}; bind its role there: \
             kubectl create rolebinding moorage-secrets -n {namespace} --clusterrole=moorage-secrets --serviceaccount={}:moorage",
            self.operator_namespace
        )
    }

    async fn write(&self, step: &str, request: Unsent) -> Result<String, Error> {
        let (status, reply) = self.send(step, request).await?;
        if !status.is_success() {
            return Err(refused(step, status, &reply));
        }
        version_of(step, &reply)
    }

    async fn send(&self, step: &str, request: Unsent) -> Result<(StatusCode, Bytes), Error> {
        let request = request.map_err(|error| Error::cluster(step, kube::Error::BuildRequest(error)))?;
        tokio::time::timeout(LONGEST_CALL, self.exchange(step, request)).await.unwrap_or_else(|_| {
            let silence = format!("{step}: the API server did not answer within {} s", LONGEST_CALL.as_secs());
            Err(Error::own(silence, moorage_plan::Class::Unavailable))
        })
    }

    async fn exchange(&self, step: &str, request: http::Request<Vec<u8>>) -> Result<(StatusCode, Bytes), Error> {
        let reply = self.client.send(request.map(Body::from)).await.map_err(|error| Error::cluster(step, error))?;
        let status = reply.status();
        let body = Limited::new(reply.into_body(), LARGEST_REPLY).collect().await;
        // The cause is dropped: nothing of a reply may reach a log.
        let body =
            body.map_err(|_| Error::own(format!("{step}: the reply broke off or is too large"), moorage_plan::Class::Unavailable))?;
        Ok((status, body.to_bytes()))
    }
}

/// A deletion of the object that was seen, and of none that has taken its place: it may come late.
fn only(uid: Option<String>, resource_version: Option<String>) -> DeleteParams {
    DeleteParams { preconditions: Some(Preconditions { uid, resource_version }), ..DeleteParams::default() }
}

fn post() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn version_of(step: &str, reply: &[u8]) -> Result<String, Error> {
    let written: Option<Written> = serde_json::from_slice(reply).ok();
    let version = written.and_then(|written| written.metadata.resource_version);
    version.ok_or_else(|| Error::own(format!("{step}: the reply has no resourceVersion"), moorage_plan::Class::Unavailable))
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    details: Option<RefusalDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefusalDetails {
    retry_after_seconds: Option<u32>,
}

fn refused(step: &str, status: StatusCode, reply: &[u8]) -> Error {
    let refusal: Option<Refusal> = serde_json::from_slice(reply).ok();
    let wait = refusal.as_ref().and_then(|refusal| refusal.details.as_ref()?.retry_after_seconds);
    let message = refusal.map(|refusal| refusal.message).unwrap_or_default();
    Error::own(format!("{step}: {status}: {}", bounded(&message, 400)), by_status(status.as_u16(), wait))
}
