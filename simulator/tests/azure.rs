//! The simulator through its door, by a client that shares no code with it.
#![allow(clippy::unwrap_used, reason = "in a test a panic with its place is the report")]

#[path = "azure/bench.rs"]
mod bench;
#[path = "azure/controls.rs"]
mod controls;
#[path = "azure/devices.rs"]
mod devices;
#[path = "azure/enrollments.rs"]
mod enrollments;
#[path = "azure/fleet.rs"]
mod fleet;
#[path = "azure/individuals.rs"]
mod individuals;
#[path = "azure/program.rs"]
mod program;
#[path = "azure/registry.rs"]
mod registry;
#[path = "azure/resource_manager.rs"]
mod resource_manager;
#[path = "azure/signatures.rs"]
mod signatures;
