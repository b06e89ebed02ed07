//! The simulator through its door, by a client that shares no code with it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic with its place is the report")]

#[path = "azure/bench.rs"]
mod bench;
#[path = "azure/bulk.rs"]
mod bulk;
#[path = "azure/certificates.rs"]
mod certificates;
#[path = "azure/clouds.rs"]
mod clouds;
#[path = "azure/controls.rs"]
mod controls;
#[path = "azure/device_certificates.rs"]
mod device_certificates;
#[path = "azure/devices.rs"]
mod devices;
#[path = "azure/enrollments.rs"]
mod enrollments;
#[path = "azure/fleet.rs"]
mod fleet;
#[path = "azure/individuals.rs"]
mod individuals;
#[path = "azure/keyless.rs"]
mod keyless;
#[path = "azure/limits.rs"]
mod limits;
#[path = "azure/mqtt.rs"]
mod mqtt;
#[path = "azure/profile.rs"]
mod profile;
#[path = "azure/program.rs"]
mod program;
#[path = "azure/refusals.rs"]
mod refusals;
#[path = "azure/refusals/devices.rs"]
mod refusals_of_devices;
#[path = "azure/refusals/enrollments.rs"]
mod refusals_of_enrollments;
#[path = "azure/refusals/entra.rs"]
mod refusals_of_entra;
#[path = "azure/refusals/manager.rs"]
mod refusals_of_the_manager;
#[path = "azure/registry.rs"]
mod registry;
#[path = "azure/reprovisioning.rs"]
mod reprovisioning;
#[path = "azure/resource_groups.rs"]
mod resource_groups;
#[path = "azure/resource_manager.rs"]
mod resource_manager;
#[path = "azure/signatures.rs"]
mod signatures;
#[path = "azure/strangers.rs"]
mod strangers;
#[path = "azure/talker.rs"]
mod talker;
#[path = "azure/twins.rs"]
mod twins;
#[path = "azure/versions.rs"]
mod versions;
#[path = "azure/webhooks.rs"]
mod webhooks;
