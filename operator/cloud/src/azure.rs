//! Azure: one file a service, with all that it declares of itself, and what the services share.

mod access_keys;
mod arm;
mod classify;
mod client;
mod dps;
mod endpoints;
mod entra;
mod iot_hub;
mod models;
mod pipeline;
mod sas;

pub use access_keys::{AccessKey, KeyPair};
pub use arm::hubs::{HubUsage, QuotaMetric};
pub use arm::names::Availability;
pub use arm::role_assignments::RoleAssignment;
pub use arm::{Arm, ResourceId};
pub use client::Azure;
pub use dps::{DpsHost, DpsService};
pub use endpoints::{Cloud, HostError};
pub use entra::Identity;
pub use iot_hub::HubHost;
pub use iot_hub::registry::{Registry, RegistryTier};
pub use models::device::Device;
pub use models::enrollment::{AllocationPolicy, Reprovisioning};
pub use models::enrollment_group::signers::{Pair, Signers};
pub use models::enrollment_group::{Attestation, EnrollmentGroup};
pub use models::hub::{Hub, PolicyRights};
pub use models::individual_enrollment::IndividualEnrollment;
pub use models::network::NetworkAccess;
pub use models::provisioning_service::{Link, LinkMeans, LinkSeen, MeansSeen, ProvisioningService};
pub use models::registration::{Registration, RegistrationStatus};
pub use models::resource_group::ResourceGroup;
pub use pipeline::paging::{Continuation, Page};
pub use pipeline::request::IfMatch;
pub use sas::PolicyKey;
