//! Typed clients for what an IoT tenant has in Azure: resource groups, IoT hubs, provisioning services, enrollment
//! groups, individual enrollments, registrations and device identities.
//!
//! The clients know no Kubernetes and take no decision. They never wait for a long operation, never retry and never
//! follow a redirect; what they read keeps every field that they do not know.

mod arm;
mod azure;
mod breaker;
mod budget;
mod classify;
mod cloud;
mod document;
mod dps;
mod error;
mod identity;
mod keys;
mod line;
mod observe;
mod paging;
mod quota;
mod registry;
mod request;
mod sas;
mod scrub;
mod transport;
mod versions;
mod wire;

pub use arm::{Arm, Availability, HubUsage, QuotaMetric, ResourceId, RoleAssignment};
pub use azure::{Azure, Clock};
pub use cloud::{Cloud, DpsHost, HostError, HubHost};
pub use document::device::Device;
pub use document::enrollment::{AllocationPolicy, Reprovisioning};
pub use document::enrollment_group::{Attestation, EnrollmentGroup, Pair, Signers};
pub use document::hub::{Hub, PolicyRights};
pub use document::individual_enrollment::IndividualEnrollment;
pub use document::provisioning_service::{Link, LinkMeans, LinkSeen, MeansSeen, ProvisioningService};
pub use document::registration::{Registration, RegistrationStatus};
pub use document::resource_group::ResourceGroup;
pub use dps::DpsService;
pub use error::{Class, Detail, Error};
pub use identity::Identity;
pub use keys::{AccessKey, KeyPair};
pub use observe::{CallRecord, HostClass, Observer, Outcome};
pub use paging::{Continuation, Page};
pub use quota::{Headroom, Limit, Quota, RegistryTier};
pub use registry::Registry;
pub use request::IfMatch;
pub use sas::PolicyKey;
pub use transport::{EndpointMap, Interceptor, LOUD_TARGETS, Transport, TransportError, TransportOptions};
