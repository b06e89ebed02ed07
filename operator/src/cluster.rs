//! Writes to the API server, and reads of Secrets: on raw bytes, so that no library ever decodes, and then quotes, a Secret.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::client::Body;
use kube::{Client, Resource};
use moorage_plan::Reason;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, bounded, by_status};
use crate::object::Name;

mod certificates;
pub mod client;
mod service_accounts;

pub use certificates::{API_VERSION as CERTIFICATE_API_VERSION, Certificate, CertificateCondition, CertificateStatus, Found};
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
    pub fn of<K: Resource<DynamicType = ()>>(at: &'a Name) -> Self {
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

/// The API server.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    operator_namespace: String,
}

/// The content of a Secret, wiped when it is dropped.
#[derive(Clone, Default)]
pub struct SecretData(pub(crate) BTreeMap<String, Zeroizing<String>>);

impl std::fmt::Debug for SecretData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl SecretData {
    /// One entry's text; `None` if it is not there.
    pub fn expose(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|text| text.as_str())
    }

    /// The names of the entries.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What a Secret says that it is: it cannot change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretType {
    /// Anything.
    Opaque,
    /// A certificate and its key.
    Tls,
}

impl SecretType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "Opaque",
            Self::Tls => "kubernetes.io/tls",
        }
    }
}

impl FromIterator<(String, Zeroizing<String>)> for SecretData {
    fn from_iter<I: IntoIterator<Item = (String, Zeroizing<String>)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[derive(Deserialize)]
struct Written {
    metadata: ObjectMeta,
}

#[derive(Deserialize)]
struct StoredSecret {
    metadata: ObjectMeta,
    #[serde(default)]
    data: Option<BTreeMap<String, Zeroizing<String>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SentSecret<'a> {
    api_version: &'static str,
    kind: &'static str,
    r#type: &'static str,
    metadata: &'a ObjectMeta,
    data: BTreeMap<&'a str, Zeroizing<String>>,
}

impl Cluster {
    /// The API server behind a client, for an operator in a namespace.
    pub fn new(client: Client, operator_namespace: &str) -> Self {
        Self { client, operator_namespace: operator_namespace.to_owned() }
    }

    /// The sentence that tells how to let the operator work with the Secrets of a namespace.
    pub fn missing_role_binding(&self, namespace: &str) -> String {
        format!(
            "the operator may not use Secrets in namespace {namespace}; bind its role there: \
             kubectl create rolebinding moorage-secrets -n {namespace} --clusterrole=moorage-secrets --serviceaccount={}:moorage",
            self.operator_namespace
        )
    }

    /// A refusal that concerns a Secret is told without the API server's words, which may quote what was sent.
    fn refused_secret(&self, step: &str, status: StatusCode, namespace: &str) -> Error {
        let class = by_status(status.as_u16(), None);
        if status == StatusCode::FORBIDDEN {
            return Error::own(format!("{step}: {}", self.missing_role_binding(namespace)), class).because(Reason::MissingRoleBinding);
        }
        Error::own(format!("{step}: {status}"), class)
    }

    /// Creates a Secret of any content and gives its version.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create_secret(&self, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        self.create_secret_of(SecretType::Opaque, metadata, data).await
    }

    /// Creates a Secret and gives its version.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create_secret_of(&self, of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let step = format!("failed to create Secret {namespace}/{}", metadata.name.as_deref().unwrap_or_default());
        let request = Request::new(Secret::url_path(&(), Some(namespace))).create(&post(), body_of(of, metadata, data));
        self.write_secret(&step, namespace, request).await
    }

    /// Replaces a Secret of any content that is still at the version in `metadata`, and gives the new version.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn replace_secret(&self, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        self.replace_secret_of(SecretType::Opaque, metadata, data).await
    }

    /// Replaces a Secret that is still at the version in `metadata`, and gives the new version.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn replace_secret_of(&self, of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let step = format!("failed to update Secret {namespace}/{name}");
        let request = Request::new(Secret::url_path(&(), Some(namespace))).replace(name, &post(), body_of(of, metadata, data));
        self.write_secret(&step, namespace, request).await
    }

    /// Writes annotations on a Secret that is still at a version, `null` for those that are to go, and gives the new version; its
    /// content is not touched.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn annotate_secret(&self, at: &Name, version: &str, annotations: &serde_json::Value) -> Result<String, Error> {
        self.mark_secret(at, version, serde_json::json!({ "annotations": annotations })).await
    }

    /// Merges into the metadata of a Secret that is still at a version, and gives the new version; its content is not touched.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn mark_secret(&self, at: &Name, version: &str, mut metadata: serde_json::Value) -> Result<String, Error> {
        let step = format!("failed to write on Secret {at}");
        metadata["resourceVersion"] = version.into();
        let changes = serde_json::json!({ "metadata": metadata });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = Request::new(Secret::url_path(&(), Some(&at.namespace))).patch(&at.name, &params, &Patch::Merge(changes));
        self.write_secret(&step, &at.namespace, request).await
    }

    /// Deletes a Secret that is still as it was seen; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn delete_secret(&self, at: &Name, seen: &ObjectMeta) -> Result<(), Error> {
        let step = format!("failed to delete Secret {at}");
        let params = only(seen.uid.clone(), seen.resource_version.clone());
        let request = Request::new(Secret::url_path(&(), Some(&at.namespace))).delete(&at.name, &params);
        let (status, _) = self.send(&step, request).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND { Ok(()) } else { Err(self.refused_secret(&step, status, &at.namespace)) }
    }

    /// Reads a Secret: its version and its content. `None` if there is none.
    ///
    /// # Errors
    /// Never quotes the reply.
    pub async fn read_secret(&self, at: &Name) -> Result<Option<(ObjectMeta, SecretData)>, Error> {
        let step = format!("failed to read Secret {at}");
        let request = Request::new(Secret::url_path(&(), Some(&at.namespace))).get(&at.name, &kube::api::GetParams::default());
        let (status, reply) = self.send(&step, request).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(self.refused_secret(&step, status, &at.namespace));
        }
        let malformed =
            || Error::own(format!("Secret {at} came back malformed"), moorage_plan::Class::Unavailable).because(Reason::SecretMalformed);
        let stored: StoredSecret = serde_json::from_slice(&reply).map_err(|_| malformed())?;
        // What is remembered by its version must be what that version holds.
        if stored.metadata.name.as_deref() != Some(&*at.name) || stored.metadata.namespace.as_deref() != Some(&*at.namespace) {
            return Err(malformed());
        }
        let mut entries = SecretData::default();
        for (key, text) in stored.data.unwrap_or_default() {
            let bytes = Zeroizing::new(STANDARD.decode(&*text).map_err(|_| malformed())?);
            // An entry that is no text is nothing that we could use.
            if let Ok(text) = std::str::from_utf8(&bytes) {
                entries.0.insert(key, Zeroizing::new(text.to_owned()));
            }
        }
        Ok(Some((stored.metadata, entries)))
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
        self.write(step, request).await
    }

    /// Creates an object that is no Secret, and gives its version.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create(&self, step: &str, path: &str, object: &impl Serialize) -> Result<String, Error> {
        let body = serde_json::to_vec(object).expect("our own objects serialize");
        self.write(step, Request::new(path).create(&post(), body)).await
    }

    /// Deletes an object that is no Secret and still is at a version; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn delete(&self, step: &str, place: &Place<'_>, version: String) -> Result<(), Error> {
        let request = Request::new(&place.collection).delete(place.name, &only(None, Some(version)));
        let (status, reply) = self.send(step, request).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND { Ok(()) } else { Err(refused(step, status, &reply)) }
    }

    async fn write(&self, step: &str, request: Unsent) -> Result<String, Error> {
        let (status, reply) = self.send(step, request).await?;
        if !status.is_success() {
            return Err(refused(step, status, &reply));
        }
        version_of(step, &reply)
    }

    async fn write_secret(&self, step: &str, namespace: &str, request: Unsent) -> Result<String, Error> {
        let (status, reply) = self.send(step, request).await?;
        if !status.is_success() {
            return Err(self.refused_secret(step, status, namespace));
        }
        version_of(step, &reply)
    }

    async fn send(&self, step: &str, request: Unsent) -> Result<(StatusCode, Bytes), Error> {
        let request = request.map_err(|error| Error::cluster(step, kube::Error::BuildRequest(error)))?;
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

fn body_of(of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Vec<u8> {
    let data = data.0.iter().map(|(key, text)| (key.as_str(), Zeroizing::new(STANDARD.encode(text.as_bytes())))).collect();
    let secret = SentSecret { api_version: "v1", kind: "Secret", r#type: of.as_str(), metadata, data };
    serde_json::to_vec(&secret).expect("a Secret of texts serializes")
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
