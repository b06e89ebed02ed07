//! `EnrollmentGroup`: who may register, and to which hubs.

mod allocation;
mod attestation;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    Adoption, Capabilities, CommonStatus, DeletionPolicy, DriftPolicy, EnrollmentGrant, InitialTwin, LocalObjectRef, ObjectRef,
    ReprovisionPolicy,
};

pub use self::allocation::*;
pub use self::attestation::*;

/// A DPS enrollment group: who may register, and to which hubs.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "moorage.dev",
    version = "v1alpha1",
    kind = "EnrollmentGroup",
    plural = "enrollmentgroups",
    shortname = "enrg",
    category = "moorage",
    namespaced,
    status = "EnrollmentGroupStatus",
    derive = "PartialEq",
    doc = "An EnrollmentGroup is a DPS enrollment group: devices that share an attestation and are registered with a tenant's hubs.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether devices can register."
    ),
    printcolumn(name = "Allocation", type_ = "string", json_path = ".spec.allocationPolicy", description = "How a hub is chosen."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.enrollmentGroupId) == has(oldSelf.enrollmentGroupId)").message("enrollmentGroupId cannot change: the devices' keys belong to the group; make a new EnrollmentGroup"))]
#[x_kube(validation = Rule::new("self.allocationPolicy != 'Static' || (has(self.hubs) && size(self.hubs) == 1)").message("allocationPolicy Static gives every device the one hub that is named: put the name of one hub into hubs"))]
#[x_kube(validation = Rule::new("(self.allocationPolicy == 'Custom') == has(self.customAllocation)").message("allocationPolicy Custom and customAllocation belong together: give both or neither"))]
pub struct EnrollmentGroupSpec {
    /// Provisioning service in which the group lives, in the namespace of this object: whoever holds a group's keys can register any id
    /// in the service, so groups are made by the service's owner.
    #[x_kube(validation = Rule::new("self == oldSelf").message("provisioningServiceRef cannot change: the group would stay in the former service; make a new EnrollmentGroup"))]
    pub provisioning_service_ref: LocalObjectRef,
    /// Hubs to which devices of this group may be assigned; only these, always named explicitly. They are linked to the same service.
    pub tenant_hub_group_ref: ObjectRef,
    /// Name of the group in DPS; the name of this object if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._:-]{0,126}[a-z0-9-]$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("enrollmentGroupId cannot change: the devices' keys belong to the group; make a new EnrollmentGroup"))]
    pub enrollment_group_id: Option<String>,
    /// How devices prove that they belong to the group.
    pub attestation: Attestation,
    /// Names of the hubs of that TenantHubGroup to which devices may be assigned; all of them if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 3, max = 50)), extend("x-kubernetes-list-type" = "set"))]
    pub hubs: Vec<String>,
    /// How a hub is chosen among those of the tenant.
    #[serde(default)]
    pub allocation_policy: AllocationPolicy,
    /// The webhook that chooses the hub, for `allocationPolicy: Custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_allocation: Option<CustomAllocation>,
    /// What happens to a device that registers again.
    #[serde(default)]
    pub reprovision_policy: ReprovisionPolicy,
    /// The twin that a new device starts with, whole; if left out, whatever it is in Azure stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_twin: Option<InitialTwin>,
    /// What the devices can do; if left out, whatever it is in Azure stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Whether devices may register now.
    #[serde(default)]
    pub provisioning_status: ProvisioningStatus,
    /// Whether an existing group of that name may be adopted, with its keys.
    #[serde(default)]
    pub adoption: Adoption,
    /// Namespaces that may hold credentials of this group; without a grant only the own namespace may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub grants: Vec<EnrollmentGrant>,
    /// What becomes of differences that somebody else makes in Azure.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// What becomes of the group on deletion; `Delete` needs `moorage.dev/confirm-delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// How a hub is chosen for a device.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllocationPolicy {
    /// Lowest latency, measured from where the device's request enters DPS.
    #[default]
    GeoLatency,
    /// Evenly, in proportion to the weights of the hubs' links.
    Hashed,
    /// Always the one hub that `hubs` names.
    Static,
    /// As the webhook in `customAllocation` says, among the tenant's hubs.
    Custom,
}

/// Whether devices may register.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProvisioningStatus {
    /// Devices may register.
    #[default]
    Enabled,
    /// Devices are refused; those that are registered keep their hub.
    Disabled,
}

/// What the operator saw.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentGroupStatus {
    /// Conditions and bookkeeping.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Name of the group in DPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_group_id: Option<String>,
    /// Hosts of the hubs to which devices of this group are assigned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iot_hubs: Vec<String>,
    /// Id scope of the provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_scope: Option<String>,
    /// Host of the device API of the provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning_host: Option<String>,
    /// Secret that keeps the group's two keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_secret: Option<String>,
    /// Keyed digest of the two keys that the provisioning service holds: shows a change, and nothing of the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_digest: Option<String>,
    /// The authorities whose devices the provisioning service accepts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificate_authorities: Vec<AuthorityStatus>,
    /// True if it existed before and is left in place on deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<bool>,
    /// Fields that differ in Azure from the spec and are left so, under `driftPolicy: Report`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
}
