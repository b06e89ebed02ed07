//! Cert-manager as far as the operator has to do with it: the shape of its kinds, and a signer of our own that answers as its CA
//! issuer does. It is not cert-manager.

mod signer;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use signer::Signer;

/// The kinds, to be installed in a cluster without cert-manager.
pub fn kinds() -> Vec<CustomResourceDefinition> {
    vec![Certificate::crd(), Issuer::crd(), ClusterIssuer::crd()]
}

/// What is asked of cert-manager.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "cert-manager.io", version = "v1", kind = "Certificate", namespaced, status = "CertificateStatus")]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// The Secret that is filled.
    pub secret_name: String,
    /// Whom the certificate names.
    pub common_name: Option<String>,
    /// How long it is to hold, as Go writes it.
    pub duration: Option<String>,
    /// How long before its end it is renewed, as Go writes it.
    pub renew_before: Option<String>,
    /// What its key is to be.
    pub private_key: Option<PrivateKey>,
    /// What it is for.
    pub usages: Option<Vec<String>>,
    /// Who issues it.
    pub issuer_ref: IssuerRef,
    /// What the Secret says beside.
    pub secret_template: Option<SecretTemplate>,
    /// How many requests are kept.
    pub revision_history_limit: Option<i32>,
}

/// What a key is to be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKey {
    /// `RSA`, `ECDSA` or `Ed25519`.
    pub algorithm: Option<String>,
    /// Bits.
    pub size: Option<i32>,
    /// `PKCS1` or `PKCS8`.
    pub encoding: Option<String>,
    /// `Never` or `Always`.
    pub rotation_policy: Option<String>,
}

/// An issuer.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct IssuerRef {
    /// Its name.
    pub name: String,
    /// Its kind; `Issuer` if left out.
    pub kind: Option<String>,
    /// The group of its kind.
    pub group: Option<String>,
}

/// What a Secret says beside its content.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
pub struct SecretTemplate {
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What cert-manager says of a Certificate.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// Where it stands.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// From when what was issued holds.
    pub not_before: Option<String>,
    /// Until when.
    pub not_after: Option<String>,
    /// When it is renewed.
    pub renewal_time: Option<String>,
    /// How often it was issued.
    pub revision: Option<i32>,
}

/// One thing that cert-manager says.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name.
    #[serde(rename = "type")]
    pub type_: String,
    /// Whether it holds.
    pub status: String,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// The generation that it speaks of.
    pub observed_generation: Option<i64>,
}

/// An issuer of one namespace.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "cert-manager.io", version = "v1", kind = "Issuer", namespaced)]
pub struct IssuerSpec {
    /// The authority that it signs with.
    pub ca: CaIssuer,
}

/// An issuer of the whole cluster.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[kube(group = "cert-manager.io", version = "v1", kind = "ClusterIssuer")]
pub struct ClusterIssuerSpec {
    /// The authority that it signs with.
    pub ca: CaIssuer,
}

/// An authority whose key is in the cluster.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct CaIssuer {
    /// Its Secret.
    pub secret_name: String,
}
