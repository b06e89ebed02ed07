//! Certificates of cert-manager, which may not be installed. Nothing of them is watched: where the kind is unknown, a watch would
//! ask for it again and again.

use http::StatusCode;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, Request};
use moorage_plan::{Class, Reason};
use serde::Deserialize;
use serde_json::Value;

use super::{ApiReader, ApiWriter, Connection, FIELD_MANAGER, only, post, refused};
use crate::{error::Error, object::NamespacedName};

/// The group and version of a Certificate.
pub const API_VERSION: &str = "cert-manager.io/v1";
/// Its resource.
const PLURAL: &str = "certificates";

/// What there is under a Certificate's name.
#[derive(Clone, Debug)]
pub enum Found {
    /// The cluster has no such kind.
    NotInstalled,
    /// Nothing.
    Nothing,
    /// A Certificate.
    Certificate(Box<Certificate>),
}

/// A Certificate, as far as it concerns us.
#[derive(Clone, Debug, Deserialize)]
pub struct Certificate {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What is asked of cert-manager.
    #[serde(default)]
    pub spec: Value,
    /// What cert-manager says.
    #[serde(default)]
    pub status: CertificateStatus,
}

/// What cert-manager says of a Certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// Where it stands.
    #[serde(default)]
    pub conditions: Vec<CertificateCondition>,
    /// When it will be renewed.
    pub renewal_time: Option<Timestamp>,
}

/// One thing that cert-manager says of a Certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateCondition {
    /// Name of the condition.
    #[serde(rename = "type")]
    pub type_: String,
    /// Whether it holds.
    pub status: String,
    /// Why, in a word.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence.
    #[serde(default)]
    pub message: String,
    /// The generation of the spec that it speaks of.
    pub observed_generation: Option<i64>,
}

#[derive(Deserialize)]
struct NotFound {
    details: Option<NotFoundDetails>,
}

#[derive(Deserialize)]
struct NotFoundDetails {
    name: Option<String>,
}

impl ApiReader {
    /// Looks for a Certificate.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn certificate(&self, at: &NamespacedName) -> Result<Found, Error> {
        let step = format!("failed to read Certificate {at}");
        let request = Request::new(collection(&at.namespace)).get(&at.name, &kube::api::GetParams::default());
        let (status, reply) = self.0.send(&step, request).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(if is_of_an_object(&reply) { Found::Nothing } else { Found::NotInstalled }),
            StatusCode::FORBIDDEN => {
                let missing = self.0.missing_certificate_rights(&at.namespace);
                Err(Error::own(format!("{step}: {missing}"), Class::Denied).because(Reason::MissingRoleBinding))
            }
            status if status.is_success() => {
                let malformed = |_| Error::own(format!("{step}: the reply came back malformed"), Class::Unavailable);
                Ok(Found::Certificate(serde_json::from_slice(&reply).map_err(malformed)?))
            }
            status => Err(refused(&step, status, &reply)),
        }
    }
}

impl ApiWriter {
    /// Creates a Certificate.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create_certificate(&self, at: &NamespacedName, body: &Value) -> Result<(), Error> {
        let body = serde_json::to_vec(body).expect("a value serializes");
        let request = Request::new(collection(&at.namespace)).create(&post(), body);
        self.0.write(&format!("failed to create Certificate {at}"), request).await.map(drop)
    }

    /// Applies a Certificate over the version that its body names.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn apply_certificate(&self, at: &NamespacedName, body: &Value) -> Result<(), Error> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let request = Request::new(collection(&at.namespace)).patch(&at.name, &params, &Patch::Apply(body));
        self.0.write(&format!("failed to apply Certificate {at}"), request).await.map(drop)
    }

    /// Deletes a Certificate that was seen; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if another has taken its place.
    pub async fn delete_certificate(&self, at: &NamespacedName, seen: &ObjectMeta) -> Result<(), Error> {
        let step = format!("failed to delete Certificate {at}");
        let request = Request::new(collection(&at.namespace)).delete(&at.name, &only(seen.uid.clone(), None));
        let (status, reply) = self.0.send(&step, request).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND { Ok(()) } else { Err(refused(&step, status, &reply)) }
    }
}

impl Connection {
    fn missing_certificate_rights(&self, namespace: &str) -> String {
        format!(
            "the operator may not use Certificates in namespace {namespace}: the ClusterRole moorage-secrets that is bound there is of an \
             earlier version; apply charts/moorage/rbac/rbac.yaml, or the chart, of the operator in namespace {}",
            self.operator_namespace
        )
    }
}

fn collection(namespace: &str) -> String {
    format!("/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}")
}

/// Whether something that was not found is an object, and not its kind: of that the API server knows nothing to tell.
fn is_of_an_object(reply: &[u8]) -> bool {
    let told: Option<NotFound> = serde_json::from_slice(reply).ok();
    told.and_then(|told| told.details).is_some_and(|details| details.name.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_not_installed_is_told_from_an_object_that_is_not_there() {
        let absent =
            br#"{"kind":"Status","reason":"NotFound","details":{"name":"a","group":"cert-manager.io","kind":"certificates"},"code":404}"#;
        assert!(is_of_an_object(absent));
        for unknown in ["404 page not found\n", r#"{"kind":"Status","reason":"NotFound","details":{},"code":404}"#, ""] {
            assert!(!is_of_an_object(unknown.as_bytes()), "{unknown}");
        }
    }
}
