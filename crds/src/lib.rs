//! API types of Moorage: what a platform team writes and what it reads back.
//!
//! One file a kind. The crate has no client and no behaviour; the CRD YAML under `crds/yaml` is generated from it.

pub mod annotations;
mod certificate;
mod cloud_account;
mod common;
mod device_credential;
mod enrollment;
mod enrollment_group;
mod grants;
mod kinds;
mod provisioning_service;
mod schema;
mod tenant_hub_group;

pub use certificate::*;
pub use cloud_account::*;
pub use common::*;
pub use device_credential::*;
pub use enrollment::*;
pub use enrollment_group::*;
pub use grants::*;
pub use kinds::{KindName, Listed, all};
pub use provisioning_service::*;
pub use tenant_hub_group::*;

/// API group of every kind.
pub const GROUP: &str = "moorage.dev";
/// Version of the API.
pub const VERSION: &str = "v1alpha1";
