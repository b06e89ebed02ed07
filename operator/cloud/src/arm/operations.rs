//! Every operation of the resource manager that is called; a POST counts as a write there, even one that only reads.

use azure_core::http::Method;

use crate::quota::Quota;
use crate::request::Operation;
use crate::versions;

pub(super) const PROBE: Operation = Operation {
    name: "subscription.probe",
    step: "see the subscription",
    method: Method::Get,
    template: "/subscriptions/{}/resourcegroups",
    version: versions::RESOURCES,
    quota: Quota::ResourceReads,
};
pub(super) const GROUP_GET: Operation = Operation {
    name: "resource_group.get",
    step: "read resource group",
    method: Method::Get,
    template: "/subscriptions/{}/resourcegroups/{}",
    version: versions::RESOURCES,
    quota: Quota::ResourceReads,
};
pub(super) const GROUP_PUT: Operation = Operation {
    name: "resource_group.put",
    step: "write resource group",
    method: Method::Put,
    template: "/subscriptions/{}/resourcegroups/{}",
    version: versions::RESOURCES,
    quota: Quota::ResourceWrites,
};
pub(super) const GROUP_DELETE: Operation = Operation {
    name: "resource_group.delete",
    step: "delete resource group",
    method: Method::Delete,
    template: "/subscriptions/{}/resourcegroups/{}",
    version: versions::RESOURCES,
    quota: Quota::ResourceDeletions,
};
pub(super) const GROUP_LIST: Operation = Operation {
    name: "resource_group.list",
    step: "list what is in resource group",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/resources",
    version: versions::RESOURCES,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_GET: Operation = Operation {
    name: "hub.get",
    step: "read IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
    version: versions::HUBS,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_PUT: Operation = Operation {
    name: "hub.put",
    step: "write IoT hub",
    method: Method::Put,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
    version: versions::HUBS,
    quota: Quota::ResourceWrites,
};
pub(super) const HUB_DELETE: Operation = Operation {
    name: "hub.delete",
    step: "delete IoT hub",
    method: Method::Delete,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
    version: versions::HUBS,
    quota: Quota::ResourceDeletions,
};
pub(super) const HUB_KEYS: Operation = Operation {
    name: "hub.keys",
    step: "list keys of IoT hub",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/listkeys",
    version: versions::HUBS,
    quota: Quota::ResourceWrites,
};
pub(super) const HUB_LIST: Operation = Operation {
    name: "hub.list",
    step: "list IoT hubs",
    method: Method::Get,
    template: "/subscriptions/{}/providers/Microsoft.Devices/IotHubs",
    version: versions::HUBS,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_KEYS_NEXT: Operation = Operation {
    name: "hub.keys",
    step: "list keys of IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/listkeys",
    version: versions::HUBS,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_KEY: Operation = Operation {
    name: "hub.key",
    step: "read a key of IoT hub",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/IotHubKeys/{}/listkeys",
    version: versions::HUBS,
    quota: Quota::ResourceWrites,
};
pub(super) const HUB_QUOTA: Operation = Operation {
    name: "hub.quota",
    step: "read quota of IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/quotaMetrics",
    version: versions::HUBS,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_USAGES: Operation = Operation {
    name: "hub.usages",
    step: "read how many IoT hubs the subscription may have",
    method: Method::Get,
    template: "/subscriptions/{}/providers/Microsoft.Devices/usages",
    version: versions::HUBS,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_NAME: Operation = Operation {
    name: "hub.name",
    step: "check name of IoT hub",
    method: Method::Post,
    template: "/subscriptions/{}/providers/Microsoft.Devices/checkNameAvailability",
    version: versions::HUBS,
    quota: Quota::ResourceWrites,
};
pub(super) const DPS_GET: Operation = Operation {
    name: "provisioning_service.get",
    step: "read provisioning service",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceReads,
};
pub(super) const DPS_PUT: Operation = Operation {
    name: "provisioning_service.put",
    step: "write provisioning service",
    method: Method::Put,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceWrites,
};
pub(super) const DPS_GET_WITH_IDENTITIES: Operation = Operation { version: versions::PROVISIONING_SERVICES_WITH_IDENTITIES, ..DPS_GET };
pub(super) const DPS_PUT_WITH_IDENTITIES: Operation = Operation { version: versions::PROVISIONING_SERVICES_WITH_IDENTITIES, ..DPS_PUT };
pub(super) const DPS_DELETE: Operation = Operation {
    name: "provisioning_service.delete",
    step: "delete provisioning service",
    method: Method::Delete,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceDeletions,
};
pub(super) const DPS_KEYS: Operation = Operation {
    name: "provisioning_service.keys",
    step: "list keys of provisioning service",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}/listkeys",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceWrites,
};
pub(super) const DPS_KEYS_NEXT: Operation = Operation {
    name: "provisioning_service.keys",
    step: "list keys of provisioning service",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}/listkeys",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceReads,
};
pub(super) const DPS_KEY: Operation = Operation {
    name: "provisioning_service.key",
    step: "read a key of provisioning service",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}/keys/{}/listkeys",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceWrites,
};
pub(super) const DPS_NAME: Operation = Operation {
    name: "provisioning_service.name",
    step: "check name of provisioning service",
    method: Method::Post,
    template: "/subscriptions/{}/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability",
    version: versions::PROVISIONING_SERVICES,
    quota: Quota::ResourceWrites,
};
pub(super) const HUB_ROLES: Operation = Operation {
    name: "role_assignment.list",
    step: "list role assignments of IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/providers/Microsoft.Authorization/roleAssignments",
    version: versions::ROLE_ASSIGNMENTS,
    quota: Quota::ResourceReads,
};
pub(super) const HUB_ROLE_PUT: Operation = Operation {
    name: "role_assignment.put",
    step: "assign role on IoT hub",
    method: Method::Put,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/providers/Microsoft.Authorization/roleAssignments/{}",
    version: versions::ROLE_ASSIGNMENTS,
    quota: Quota::ResourceWrites,
};
pub(super) const HUB_ROLE_DELETE: Operation = Operation {
    name: "role_assignment.delete",
    step: "delete role assignment of IoT hub",
    method: Method::Delete,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/providers/Microsoft.Authorization/roleAssignments/{}",
    version: versions::ROLE_ASSIGNMENTS,
    quota: Quota::ResourceDeletions,
};
