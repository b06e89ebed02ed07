//! The simulated Azure: what its services share, and a folder for each of them.

pub(crate) mod access;
mod arm;
mod cloud;
pub(crate) mod dps;
mod entra;
pub(crate) mod iot_hub;
mod microsoft_devices;
pub(crate) mod options;
mod resource;
mod service;
pub(crate) mod services;
pub(crate) mod state;
