//! The simulated Azure: what its services share, and a folder for each of them.

pub(crate) mod access;
pub(crate) mod arm;
pub(crate) mod check;
pub(crate) mod dps;
pub(crate) mod entra;
pub(crate) mod iot_hub;
pub(crate) mod microsoft_devices;
pub(crate) mod options;
pub(crate) mod resource;
pub(crate) mod seed;
pub(crate) mod state;
