use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{AccountGrant, CommonStatus, SecretKeyRef};

/// Who the operator is in a cloud, and who may make use of that.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "moorage.dev",
    version = "v1alpha1",
    kind = "CloudAccount",
    plural = "cloudaccounts",
    shortname = "cacct",
    category = "moorage",
    namespaced,
    status = "CloudAccountStatus",
    derive = "PartialEq",
    doc = "A CloudAccount says who the operator is in a cloud, and which namespaces may make use of that.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the cloud accepts this identity."
    ),
    printcolumn(name = "Subscription", type_ = "string", json_path = ".spec.azure.subscriptionId", description = "Azure subscription."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase")]
pub struct CloudAccountSpec {
    /// Identity in Azure.
    pub azure: AzureAccount,
    /// Namespaces that may use this account; without a grant nobody may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub grants: Vec<AccountGrant>,
}

/// A service principal and the subscription that it works in.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AzureAccount {
    /// Directory (tenant) id of the service principal.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))]
    pub tenant_id: String,
    /// Subscription in which resources are made and found.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("subscriptionId cannot change: what was made would be lost from sight; make a new CloudAccount"))]
    pub subscription_id: String,
    /// Application (client) id and the secret that proves it.
    pub client_secret: ClientSecret,
}

/// An application's client secret.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecret {
    /// Application (client) id.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))]
    pub client_id: String,
    /// Where the client secret is kept.
    pub secret_ref: SecretKeyRef,
}

/// What the operator saw.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CloudAccountStatus {
    /// Conditions and bookkeeping.
    #[serde(flatten)]
    pub common: CommonStatus,
}
