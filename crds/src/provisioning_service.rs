//! `ProvisioningService`: one DPS, shared by tenants.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{Adoption, CommonStatus, DeletionPolicy, Headroom, ObjectRef, ProvisioningServiceGrant};

/// One Device Provisioning Service, shared by tenants.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "moorage.dev",
    version = "v1alpha1",
    kind = "ProvisioningService",
    plural = "provisioningservices",
    shortname = "dps",
    category = "moorage",
    namespaced,
    status = "ProvisioningServiceStatus",
    derive = "PartialEq",
    validation = Rule::new("self.metadata.name.size() <= 100").message("metadata.name has more than 100 characters: it has to fit into a tag in Azure with what owns it; choose a shorter one"),
    doc = "A ProvisioningService is one Azure IoT Hub Device Provisioning Service (DPS), created or adopted, which tenants share.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether devices can be provisioned through it."
    ),
    printcolumn(name = "ID scope", type_ = "string", json_path = ".status.idScope", description = "What devices name it by."),
    printcolumn(name = "Hubs", type_ = "integer", json_path = ".status.linkedHubs.used", description = "Linked IoT hubs."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningServiceSpec {
    /// Account in which it lives.
    pub account_ref: ObjectRef,
    /// Resource group in which it lives; created if missing.
    #[schemars(length(min = 1, max = 90), regex(pattern = crate::schema::RESOURCE_GROUP))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("resourceGroup cannot change: the id scope would change and strand every device; make a new ProvisioningService"))]
    pub resource_group: String,
    /// Name in Azure; unique in the world, because it is a host name.
    #[schemars(regex(pattern = "^[a-zA-Z0-9][a-zA-Z0-9-]{1,62}[a-zA-Z0-9]$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("name cannot change: the id scope would change and strand every device; make a new ProvisioningService"))]
    pub name: String,
    /// Azure region, for example `eastus`.
    #[schemars(regex(pattern = "^[a-z0-9]{2,40}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("location cannot change: Azure does not move a provisioning service"))]
    pub location: String,
    /// Whether an existing one of that name may be adopted; the account's grant must allow it too.
    #[serde(default)]
    pub adoption: Adoption,
    /// A managed identity of its own, for links without keys (see `link.authentication` of a TenantHubGroup). Azure gives it out; it stays when this is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ServiceIdentity>,
    /// Tags on the service, and the resource group, that are made for this object. What others have tagged stays; a tag that is taken out here stays in Azure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::tags")]
    #[x_kube(validation = Rule::new("!('moorage-owner' in self) && !('moorage-cluster' in self)").message("moorage-owner and moorage-cluster are the operator's own tags"))]
    pub tags: BTreeMap<String, String>,
    /// Namespaces that may link hubs and enroll devices; the own namespace always may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub grants: Vec<ProvisioningServiceGrant>,
    /// What becomes of it on deletion; a recreated one has a new id scope, so it is kept unless you say `Delete` and confirm.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Where a service has its managed identity from.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceIdentity {
    /// From Azure, and only for this service.
    SystemAssigned,
}

/// What the operator saw.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningServiceStatus {
    /// Conditions and bookkeeping.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Id scope: the first half of what a device needs to register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_scope: Option<String>,
    /// Host of the service API, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_operations_host: Option<String>,
    /// Host of the device API of this service; devices may use the global one as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_provisioning_host: Option<String>,
    /// The principal of its managed identity, to which roles can be assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// True if it existed before and is left in place on deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<bool>,
    /// Linked hubs, of the 50 that Azure allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_hubs: Option<Headroom>,
    /// Enrollment groups with symmetric keys, of the 100 that Azure allows; counted about twice an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_groups: Option<Headroom>,
}
