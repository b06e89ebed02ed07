//! How devices prove that they belong to a group.

use jiff::Timestamp;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Slot;

/// How devices prove that they belong to a group: by exactly one of the two.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.symmetricKey) != has(self.x509)").message("give exactly one of the two: symmetricKey or x509"))]
#[x_kube(validation = Rule::new("has(self.symmetricKey) == has(oldSelf.symmetricKey)").message("the kind of attestation cannot change: every device would be locked out; make a new EnrollmentGroup"))]
pub struct Attestation {
    /// By keys derived from the group's two keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symmetric_key: Option<SymmetricKeyAttestation>,
    /// By a certificate of their own that the group's authority signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x509: Option<X509Attestation>,
}

/// Where the group's two keys are kept.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SymmetricKeyAttestation {
    /// Secret with `primaryKey` and `secondaryKey`, made by the operator; `<name>-keys` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub secret_name: Option<String>,
}

/// Who signs the certificates of the group's devices: exactly one of the two.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.signingCertificates) != has(self.caReferences)").message("give exactly one of the two: signingCertificates or caReferences"))]
pub struct X509Attestation {
    /// Authorities whose certificates are kept in the cluster and given to the provisioning service with the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_certificates: Option<SigningCertificates>,
    /// Authorities whose certificates somebody uploaded to the provisioning service, by their names there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_references: Option<CaReferences>,
}

/// The authorities whose devices are accepted; two of them while one takes over from the other.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SigningCertificates {
    /// The authority; credentials are issued by it if its Secret has its key.
    pub primary: AuthoritySecret,
    /// Another whose devices are accepted as well: the next one before it takes over, the last one afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<AuthoritySecret>,
}

/// The Secret of an authority.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuthoritySecret {
    /// Secret of type `kubernetes.io/tls` in the group's namespace, for example one of cert-manager. Of a chain in `tls.crt` the first certificate counts; `tls.key` never leaves the cluster.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub secret_name: String,
}

/// Names of certificates in the provisioning service.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CaReferences {
    /// The authority.
    #[schemars(length(min = 1, max = 256))]
    pub primary: String,
    /// Another whose devices are accepted as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub secondary: Option<String>,
}

/// An authority whose devices the provisioning service accepts.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityStatus {
    /// In which place it is.
    pub slot: Slot,
    /// Name of its certificate in the provisioning service, if the group refers to it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whom its certificate names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// SHA-256 of its certificate, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// Until when its certificate holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub not_after: Option<Timestamp>,
    /// Whether credentials are issued by it, because the cluster has its key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub issues: bool,
}
