//! How a device gets a certificate of its own.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The certificate of a device whose group knows it by one: how long it holds, and who issues it.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.renewAtPercent) && has(self.renewBefore))").message("give one of the two: renewAtPercent or renewBefore"))]
pub struct DeviceCertificate {
    /// Who issues it: an issuer of cert-manager, which is to be installed. If left out, the group's authority signs it, whose key is in the cluster then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_ref: Option<IssuerRef>,
    /// Lifetime, for example `90d`; at least `1h`. It ends with its authority at the latest.
    #[serde(default = "three_months")]
    #[schemars(schema_with = "crate::schema::duration")]
    pub duration: String,
    /// Share of the lifetime after which it is renewed, in percent; 66 if neither this nor `renewBefore` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 90))]
    pub renew_at_percent: Option<i32>,
    /// How long before its end it is renewed, for example `30d`; with `issuerRef` at least `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::duration")]
    pub renew_before: Option<String>,
}

/// An issuer of cert-manager.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.group != 'cert-manager.io' || self.kind in ['Issuer', 'ClusterIssuer']").message("kind is Issuer or ClusterIssuer; issuers that are no part of cert-manager have a group of their own"))]
pub struct IssuerRef {
    /// Name of the issuer; an `Issuer` is one of the namespace of this object.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub name: String,
    /// `Issuer` or `ClusterIssuer`, or the kind of an issuer that is no part of cert-manager.
    #[serde(default = "issuer")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// Group of that kind.
    #[serde(default = "cert_manager")]
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub group: String,
}

impl Default for DeviceCertificate {
    fn default() -> Self {
        Self { issuer_ref: None, duration: three_months(), renew_at_percent: None, renew_before: None }
    }
}

fn three_months() -> String {
    "90d".to_owned()
}

fn issuer() -> String {
    "Issuer".to_owned()
}

fn cert_manager() -> String {
    "cert-manager.io".to_owned()
}
