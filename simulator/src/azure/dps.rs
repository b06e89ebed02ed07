//! The Device Provisioning Service: its management, its service API and its device API.

pub(crate) mod assignment;
pub(crate) mod attestation;
pub(crate) mod authority;
pub(crate) mod certificate;
pub(crate) mod device_api;
pub(crate) mod manage;
pub(crate) mod mqtt;
pub(crate) mod service;
pub(crate) mod service_api;
pub(crate) mod webhook;
