//! IoT Hub: its management, its registry and what devices say to it.

pub(crate) mod connections;
pub(crate) mod hub;
pub(crate) mod manage;
pub(crate) mod mqtt;
pub(crate) mod registry;
pub(crate) mod seed;
pub(crate) mod telemetry;
pub(crate) mod twin;
