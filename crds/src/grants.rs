//! What owners let other namespaces do.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Adoption;

/// Which namespaces may use an account, for which resource groups.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccountGrant {
    /// Names of namespaces; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64))]
    pub namespaces: Vec<String>,
    /// Names of resource groups; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64))]
    pub resource_groups: Vec<String>,
    /// Whether objects in those namespaces may adopt what exists already in those resource groups.
    #[serde(default)]
    pub adoption: Adoption,
}

/// Which namespaces may link their hubs to a provisioning service and enroll devices with it.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningServiceGrant {
    /// Names of namespaces; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64))]
    pub namespaces: Vec<String>,
}

/// Which namespaces may hold credentials of an enrollment group, and of which devices.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentGrant {
    /// Names of namespaces; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64))]
    pub namespaces: Vec<String>,
    /// Registration ids, as a tenant's prefix followed by `*` (`contoso-*`), or one whole id.
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9._:-]*[*]?$')")
        .message("a registration id pattern is a lower-case prefix of a tenant with an optional trailing *, for example contoso-*"))]
    #[schemars(length(min = 1, max = 128))]
    pub registration_ids: String,
    /// Longest lifetime of a token, for example `7d`; no limit of its own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::duration")]
    pub max_token_ttl: Option<String>,
    /// Most credentials that these namespaces may hold together; no limit if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_devices: Option<i32>,
}
