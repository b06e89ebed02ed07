//! `TenantHubGroup`: a tenant's regional IoT hubs.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{Adoption, CommonStatus, DeletionPolicy, DriftPolicy, Headroom, ObjectRef};

/// A tenant's regional IoT hubs, linked to a provisioning service.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "moorage.dev",
    version = "v1alpha1",
    kind = "TenantHubGroup",
    plural = "tenanthubgroups",
    shortname = "thg",
    category = "moorage",
    namespaced,
    status = "TenantHubGroupStatus",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 100").message("metadata.name has more than 100 characters: it has to fit into a tag in Azure with what owns it; choose a shorter one"),
    doc = "A TenantHubGroup is a tenant's regional Azure IoT hubs, created or adopted, and linked to a provisioning service where there is one.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether every hub is active, and linked where it is to be."
    ),
    printcolumn(name = "Linked", type_ = "string", json_path = ".status.linked", description = "Hubs that are linked, of all."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.provisioningServiceRef) || (has(self.provisioningServiceRef) && self.provisioningServiceRef == oldSelf.provisioningServiceRef)").message("provisioningServiceRef cannot change: the hubs would stay linked to the former one; make a new TenantHubGroup"))]
pub struct TenantHubGroupSpec {
    /// Account in which the hubs live.
    pub account_ref: ObjectRef,
    /// Provisioning service to which the hubs are linked; left out for hubs whose devices are not provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning_service_ref: Option<ObjectRef>,
    /// Resource group in which the hubs live.
    pub resource_group: ResourceGroup,
    /// The hubs, at most one a name, whatever its case.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[x_kube(validation = Rule::new("self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))").message("names of hubs that differ in nothing but case are one hub to Azure: take one of them out"))]
    pub hubs: Vec<IotHub>,
    /// Tags on the hubs, and the resource group, that are made for this object. What others have tagged stays; a tag that is taken out here stays in Azure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::tags")]
    #[x_kube(validation = Rule::new("!('moorage-owner' in self) && !('moorage-cluster' in self)").message("moorage-owner and moorage-cluster are the operator's own tags"))]
    pub tags: BTreeMap<String, String>,
    /// What becomes of differences that somebody else makes in Azure.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// What becomes of hubs and links on deletion; `Delete` needs `moorage.dev/confirm-delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// A resource group.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGroup {
    /// Name of the resource group.
    #[schemars(length(min = 1, max = 90), regex(pattern = crate::schema::RESOURCE_GROUP))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("resourceGroup.name cannot change: hubs do not move; make a new TenantHubGroup"))]
    pub name: String,
    /// Azure region in which it is created if it is missing; without it, it must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9]{2,40}$"))]
    pub location: Option<String>,
}

/// One IoT hub.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.location == oldSelf.location").message("a hub's location cannot change: Azure does not move it; add a hub with another name"))]
#[x_kube(validation = Rule::new("(self.sku.name == 'F1') == (oldSelf.sku.name == 'F1')").message("a free hub (F1) cannot become a paid one, nor a paid one free; add a hub with another name"))]
pub struct IotHub {
    /// Name in Azure; unique in the world, because it is a host name.
    #[schemars(length(min = 3, max = 50), regex(pattern = "^[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]$"))]
    #[x_kube(validation = Rule::new("!self.matches('^[0-9]+$')").message("an IoT hub's name cannot be all digits"))]
    pub name: String,
    /// Azure region, for example `eastus`.
    #[schemars(regex(pattern = "^[a-z0-9]{2,40}$"))]
    pub location: String,
    /// Tier and number of units.
    #[serde(default)]
    pub sku: Sku,
    /// Whether an existing hub of that name may be adopted (and is then kept on deletion); the account's grant must allow it too.
    #[serde(default)]
    pub adoption: Adoption,
    /// How the provisioning service uses the hub.
    #[serde(default)]
    pub link: Link,
}

/// Tier and number of units of a hub.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.capacity <= (self.name in ['S3', 'B3'] ? 10 : (self.name == 'F1' ? 1 : 200))").message("units: F1 has 1, S3 and B3 at most 10, the others at most 200"))]
pub struct Sku {
    /// Tier.
    #[serde(default)]
    pub name: SkuName,
    /// Units.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 200))]
    pub capacity: i32,
}

fn one() -> i32 {
    1
}

impl Default for Sku {
    fn default() -> Self {
        Self { name: SkuName::default(), capacity: one() }
    }
}

/// Tier of an IoT hub.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SkuName {
    F1,
    B1,
    B2,
    B3,
    #[default]
    S1,
    S2,
    S3,
}

/// How a provisioning service uses a hub.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Weight under hashed allocation, 1 to 1000.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub allocation_weight: i32,
    /// Whether enrollments that name no hubs may be given this one.
    #[serde(default)]
    pub apply_allocation_policy: bool,
    /// How the provisioning service proves to the hub who it is.
    #[serde(default)]
    pub authentication: LinkAuthentication,
}

/// How a provisioning service proves to a hub who it is.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkAuthentication {
    /// By the key of an access policy that is made for the link.
    #[default]
    Key,
    /// By the managed identity of the provisioning service (its `identity`), which is given the role "IoT Hub Data Contributor" on the hub: no key, and none to be renewed.
    Identity,
}

impl Default for Link {
    fn default() -> Self {
        Self { allocation_weight: one(), apply_allocation_policy: false, authentication: LinkAuthentication::default() }
    }
}

/// What the operator saw.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TenantHubGroupStatus {
    /// Conditions and bookkeeping.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Hubs that are linked, of all: `2/2`; nothing without a provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<String>,
    /// Each hub as it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub hubs: Vec<HubStatus>,
    /// What differs in Azure from the spec and is left so, under `driftPolicy: Report`: a hub and a field each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
}

/// One hub as it was seen.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HubStatus {
    /// Name in Azure.
    pub name: String,
    /// Host that devices and services talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Azure's word for what it is doing: `Active`, `Transitioning`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// True if it existed before and is left in place on deletion.
    pub adopted: bool,
    /// True if the provisioning service can register devices in it.
    pub linked: bool,
    /// Devices in it, of those that Azure allows; counted about twice an hour, and told in two digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<Headroom>,
}
