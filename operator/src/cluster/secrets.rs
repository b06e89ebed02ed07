//! Secrets, read and written on raw bytes, so that no library ever decodes, and then quotes, one.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{Patch, PatchParams, Request};
use moorage_plan::{Class, Reason};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    cluster::{ApiReader, ApiWriter, Connection, FIELD_MANAGER, Unsent, only, post, refusals::Refuser, version_of},
    error::{Error, by_status},
    object::NamespacedName,
};

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

    /// How much it is, in bytes.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, text)| name.len() + text.len()).sum()
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

impl ApiReader {
    /// Reads a Secret: its version and its content. `None` if there is none.
    ///
    /// # Errors
    /// Never quotes the reply.
    pub async fn read_secret(&self, at: &NamespacedName) -> Result<Option<(ObjectMeta, SecretData)>, Error> {
        let step = format!("failed to read Secret {at}");
        let request = Request::new(Secret::url_path(&(), Some(&at.namespace))).get(&at.name, &kube::api::GetParams::default());
        let (status, reply) = self.0.send(&step, request).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(self.0.refused_secret(&step, status, &reply, &at.namespace));
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
}

impl ApiWriter {
    /// Creates a Secret and gives its version.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create_secret(&self, of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let step = format!("failed to create Secret {namespace}/{}", metadata.name.as_deref().unwrap_or_default());
        let request = Request::new(Secret::url_path(&(), Some(namespace))).create(&post(), body_of(of, metadata, data));
        self.0.write_secret(&step, namespace, request).await
    }

    /// Replaces a Secret that is still at the version in `metadata`, and gives the new version.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn replace_secret(&self, of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let step = format!("failed to update Secret {namespace}/{name}");
        let request = Request::new(Secret::url_path(&(), Some(namespace))).replace(name, &post(), body_of(of, metadata, data));
        self.0.write_secret(&step, namespace, request).await
    }

    /// Merges into the metadata of a Secret that is still at a version, and gives the new version; its content is not touched.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn mark_secret(&self, at: &NamespacedName, version: &str, mut metadata: serde_json::Value) -> Result<String, Error> {
        let step = format!("failed to write on Secret {at}");
        metadata["resourceVersion"] = version.into();
        let changes = serde_json::json!({ "metadata": metadata });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = Request::new(Secret::url_path(&(), Some(&at.namespace))).patch(&at.name, &params, &Patch::Merge(changes));
        self.0.write_secret(&step, &at.namespace, request).await
    }

    /// Deletes a Secret that is still as it was seen; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn delete_secret(&self, at: &NamespacedName, seen: &ObjectMeta) -> Result<(), Error> {
        let step = format!("failed to delete Secret {at}");
        let params = only(seen.uid.clone(), seen.resource_version.clone());
        let request = Request::new(Secret::url_path(&(), Some(&at.namespace))).delete(&at.name, &params);
        let (status, reply) = self.0.send(&step, request).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND {
            Ok(())
        } else {
            Err(self.0.refused_secret(&step, status, &reply, &at.namespace))
        }
    }
}

impl Connection {
    /// A refusal that concerns a Secret is told without the API server's words, which may quote what was sent.
    fn refused_secret(&self, step: &str, status: StatusCode, reply: &[u8], namespace: &str) -> Error {
        let class = by_status(status.as_u16(), None);
        let told = |note: String, reason| Error::own(format!("{step}: {note}"), Class::Denied).because(reason);
        let way_out = "ask whoever made it for an exception, or for what it wants";
        match Refuser::of(reply) {
            Refuser::Quota(name) => {
                let note = format!(
                    "ResourceQuota {name} of namespace {namespace} leaves no room; raise it, or delete what is not needed there any more"
                );
                told(note, Reason::QuotaExceeded)
            }
            Refuser::Policy(name) => told(format!("ValidatingAdmissionPolicy {name} refuses it; {way_out}"), Reason::Denied),
            Refuser::Webhook(name) => told(format!("admission webhook {name} refuses it; {way_out}"), Reason::Denied),
            Refuser::ImmutableContent => {
                let note = "the Secret is marked immutable, and its content cannot change; delete it, and it is made anew".to_owned();
                told(note, Reason::Denied)
            }
            Refuser::EndingNamespace => {
                let note = format!("namespace {namespace} is being deleted, and takes nothing new");
                Error::own(format!("{step}: {note}"), Class::Conflict)
            }
            Refuser::AccessControl => told(self.missing_role_binding(namespace), Reason::MissingRoleBinding),
            Refuser::Unknown => Error::own(format!("{step}: {status}"), class),
        }
    }

    async fn write_secret(&self, step: &str, namespace: &str, request: Unsent) -> Result<String, Error> {
        let (status, reply) = self.send(step, request).await?;
        if !status.is_success() {
            return Err(self.refused_secret(step, status, &reply, namespace));
        }
        version_of(step, &reply)
    }
}

fn body_of(of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Vec<u8> {
    let data = data.0.iter().map(|(key, text)| (key.as_str(), Zeroizing::new(STANDARD.encode(text.as_bytes())))).collect();
    let secret = SentSecret { api_version: "v1", kind: "Secret", r#type: of.as_str(), metadata, data };
    serde_json::to_vec(&secret).expect("a Secret of texts serializes")
}
