//! The operations of the files.

use std::fmt;
use std::sync::Arc;

use http::Method;

use super::schema::SchemaId;
use super::template::{Exactness, Template};

/// A service of Azure that has its own files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Resource groups, by Azure Resource Manager.
    Resources,
    /// Role assignments, by Azure Resource Manager.
    Authorization,
    /// IoT hubs, by Azure Resource Manager.
    IotHub,
    /// Device provisioning services, by Azure Resource Manager.
    Provisioning,
    /// Enrollments and registrations, for the owner of a device provisioning service.
    ProvisioningEnrollment,
    /// Registration, for a device.
    ProvisioningDevice,
    /// Identities, twins, jobs, for the owner of a hub.
    IotHubRegistry,
    /// Messages over HTTPS, for a device.
    IotHubDevice,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resources => "resource groups",
            Self::Authorization => "role assignments",
            Self::IotHub => "IoT Hub",
            Self::Provisioning => "DPS",
            Self::ProvisioningEnrollment => "DPS enrollments",
            Self::ProvisioningDevice => "DPS devices",
            Self::IotHubRegistry => "IoT Hub registry",
            Self::IotHubDevice => "IoT Hub devices",
        })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Facts {
    pub(super) service: Service,
    pub(super) api_version: String,
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) template: String,
    pub(super) index: usize,
}

/// One operation of one version of a service; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationRef(pub(super) Arc<Facts>);

impl OperationRef {
    /// Whose operation it is.
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// The api-version, e.g. `2023-06-30`.
    pub fn api_version(&self) -> &str {
        &self.0.api_version
    }

    /// The operationId, e.g. `IotHubResource_CreateOrUpdate`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The HTTP method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The path with its parameters in braces.
    pub fn template(&self) -> &str {
        &self.0.template
    }
}

impl fmt::Display for OperationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.id(), self.api_version(), self.service())
    }
}

/// An operation with all that a check needs.
pub(super) struct Operation {
    pub(super) facts: OperationRef,
    pub(super) template: Template,
    pub(super) exactness: Exactness,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) consumes: Vec<String>,
    pub(super) answers: Answers,
}

/// What an answer carries.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Nothing,
    Json(SchemaId),
    JsonOrNothing(SchemaId),
}

/// The answers by status, and what every other one carries, if that is declared.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) listed: Vec<(u16, Content)>,
    pub(super) default: Option<Content>,
}

/// A parameter that travels as text.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) location: Location,
    pub(super) required: bool,
    pub(super) schema: SchemaId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Path,
    Query,
    Header,
}

pub(super) struct Body {
    pub(super) required: bool,
    pub(super) schema: SchemaId,
}
