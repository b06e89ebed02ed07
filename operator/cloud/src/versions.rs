//! The api-versions that are spoken, each the oldest one with all that is needed, so that no answer holds a field that
//! a later write of ours would lose.

/// Resource groups.
pub(crate) const RESOURCES: &str = "2024-03-01";
/// `Microsoft.Devices/IotHubs`.
pub(crate) const HUBS: &str = "2023-06-30";
/// `Microsoft.Devices/provisioningServices`.
pub(crate) const PROVISIONING_SERVICES: &str = "2022-12-12";
/// The same with managed identities, which may take the place of a key in a link to a hub.
pub(crate) const PROVISIONING_SERVICES_WITH_IDENTITIES: &str = "2026-11-01";
/// `Microsoft.Authorization/roleAssignments`.
pub(crate) const ROLE_ASSIGNMENTS: &str = "2022-04-01";
/// Enrollments and registrations of a provisioning service.
pub(crate) const ENROLLMENTS: &str = "2021-10-01";
/// The identity registry of an IoT hub.
pub(crate) const REGISTRY: &str = "2021-04-12";
