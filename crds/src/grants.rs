//! What owners let other namespaces do.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{Adoption, SkuName};

/// Which namespaces may use an account, for which resource groups.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccountGrant {
    /// Names of namespaces; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64)))]
    pub namespaces: Vec<String>,
    /// Names of resource groups; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 91)))]
    pub resource_groups: Vec<String>,
    /// Whether objects in those namespaces may adopt what exists already in those resource groups.
    #[serde(default)]
    pub adoption: Adoption,
    /// Most IoT hubs that these namespaces may have there together; no limit if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_hubs: Option<i32>,
    /// Most provisioning services that these namespaces may have there together; no limit if left out. Azure has a limit of its own for a
    /// subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_services: Option<i32>,
    /// Tiers that their IoT hubs may have; all if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "set"))]
    pub skus: Vec<SkuName>,
    /// Most units that one of their IoT hubs may have; no limit if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_units: Option<i32>,
}

/// Which namespaces may link their hubs to a provisioning service. It is the right to nothing else: enrollment groups, and with them devices,
/// are granted by the groups.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningServiceGrant {
    /// Names of namespaces; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64)))]
    pub namespaces: Vec<String>,
    /// Most hubs that these namespaces may have linked together; no limit of its own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_hubs: Option<i32>,
    /// Which enrollments their hubs may take devices from.
    #[serde(default)]
    pub allocation: AllocationGrant,
}

/// Which enrollments a linked hub may take devices from.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AllocationGrant {
    /// Those that name the hub.
    #[default]
    Own,
    /// Those that name no hubs as well: `link.applyAllocationPolicy` of a hub may be true.
    Any,
}

/// Which namespaces may hold credentials of an enrollment group, and of which devices.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentGrant {
    /// Names of namespaces; a trailing `*` stands for any ending.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64)))]
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
