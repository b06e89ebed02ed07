//! What the kinds of Azure share: clients by account, grants, whose a thing is, and what was seen of the cloud.

pub mod accounts;
pub mod api_version;
pub mod arm_resource;
pub mod claims;
pub mod clients;
pub mod cloud_path;
pub mod dps;
pub mod enrollment_group;
pub mod facts;
pub mod grants;
pub mod iot_hub;
pub mod network;
pub mod observation_cache;
pub mod registrations;
pub mod tags;
pub mod twin;
pub mod usage;

use crate::{azure::clients::Clients, controller, object::Dependency};

/// What kinds of Azure read.
pub type Context = controller::context::Context<Clients>;

/// What their effects may write.
pub type Writer<'a> = controller::effects::writer::Writer<'a, Clients>;

/// The right to a registration id, of which there is one in the world of a provisioning service.
pub fn registration_id(id: &str) -> Dependency {
    Dependency::Claim { space: "registration id", name: id.into() }
}

/// The right to a device's name in hubs.
pub fn device_id(id: &str) -> Dependency {
    Dependency::Claim { space: "device id", name: id.into() }
}
