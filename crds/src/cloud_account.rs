//! `CloudAccount`: who the operator is in a cloud.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AccountGrant, CommonStatus, Headroom, SecretKeyRef};

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
    printcolumn(
        name = "Identity",
        type_ = "string",
        json_path = ".status.identity.method",
        description = "What proved it when the cloud last accepted it."
    ),
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

/// A service principal, what proves that we are it, and the subscription that it works in.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clientSecret) != has(self.workloadIdentity)").message("give exactly one of the two: workloadIdentity (tokens of a ServiceAccount of this namespace, nothing to keep) or clientSecret (kept in a Secret of this namespace)"))]
pub struct AzureAccount {
    /// Directory (tenant) id of the service principal.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))]
    pub tenant_id: String,
    /// Azure cloud of the tenant and the subscription, whose hosts are called; no cloud knows the ids of another.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("cloud cannot change: what was made would be lost from sight; make a new CloudAccount"))]
    pub cloud: AzureCloud,
    /// Subscription in which resources are made and found.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("subscriptionId cannot change: what was made would be lost from sight; make a new CloudAccount"))]
    pub subscription_id: String,
    /// Application (client) id and the secret that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecret>,
    /// Application (client) id and the service account whose tokens prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentity>,
}

/// An Azure cloud.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AzureCloud {
    /// The public cloud.
    #[default]
    Public,
    /// Azure Government, of the United States.
    Government,
    /// Azure operated by 21Vianet, in China.
    China,
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

/// An application that trusts the tokens of a service account, by a federated credential.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentity {
    /// Application (client) id.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))]
    pub client_id: String,
    /// Service account of this namespace; its tokens are issued for `api://AzureADTokenExchange`, in Government `api://AzureADTokenExchangeUSGov`, in China `api://AzureADTokenExchangeChina`.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub service_account_name: String,
}

/// What proves that the operator is an application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityMethod {
    /// A client secret.
    ClientSecret,
    /// The tokens of a service account.
    WorkloadIdentity,
}

/// An identity that the cloud accepted.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedIdentity {
    /// What proved it.
    pub method: IdentityMethod,
    /// Directory (tenant) id.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// Service account whose tokens proved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Version of the Secret that proved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_resource_version: Option<String>,
}

/// What the operator saw.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CloudAccountStatus {
    /// Conditions and bookkeeping.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Who the operator was when the cloud last accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<AcceptedIdentity>,
    /// Paid IoT hubs in the subscription, whoever made them, of those that Azure allows there; counted about twice an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hubs: Option<Headroom>,
}
