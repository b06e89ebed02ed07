//! The embedded files.

use super::hosts::Plane;
use super::operation::Service;

/// One file under `specs/`; without a service it only holds definitions for the others.
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) service: Option<Service>,
}

macro_rules! source {
    ($path:literal, $service:expr) => {
        Source { name: $path, text: include_str!(concat!("../../specs/", $path)), service: $service }
    };
}

pub(super) const SOURCES: [Source; 13] = [
    source!("azure/common-types/arm-v1-types.json", None),
    source!("azure/common-types/arm-v2-types.json", None),
    source!("azure/authorization/common-types.json", None),
    source!("azure/authorization/roleAssignments.json", Some(Service::Authorization)),
    source!("azure/resources/resources.json", Some(Service::Resources)),
    source!("azure/iothub/iothub.json", Some(Service::IotHub)),
    source!("azure/iothub/dataplane-derived.json", Some(Service::IotHubRegistry)),
    source!("azure/dps/mgmt-iotdps.json", Some(Service::Provisioning)),
    source!("azure/dps/dataplane-service.json", Some(Service::ProvisioningEnrollment)),
    source!("azure/dps/dataplane-device.json", Some(Service::ProvisioningDevice)),
    source!("models/iothub-device.json", Some(Service::IotHubDevice)),
    source!("models/iothub-operations.json", Some(Service::IotHub)),
    source!("models/resources-operations.json", Some(Service::Resources)),
];

/// The error body of Azure Resource Manager itself.
pub(super) const ARM_ERROR: (&str, &str) = ("azure/common-types/arm-v2-types.json", "#/definitions/ErrorResponse");

impl Service {
    pub(super) fn plane(self) -> Plane {
        match self {
            Self::Resources | Self::Authorization | Self::IotHub | Self::Provisioning => Plane::Management,
            Self::ProvisioningEnrollment => Plane::ProvisioningService,
            Self::ProvisioningDevice => Plane::ProvisioningDevice,
            Self::IotHubRegistry | Self::IotHubDevice => Plane::Hub,
        }
    }
}
