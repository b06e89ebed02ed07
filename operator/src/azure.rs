//! What the kinds of Azure share: clients by account, grants, whose a thing is, and what was seen of the cloud.

pub mod accounts;
pub mod clients;
pub mod cloud_path;
pub mod dps;
pub mod enrollment_group;
pub mod grants;
pub mod iot_hub;
pub mod observation_cache;
pub mod ownership;
pub mod registrations;
pub mod resource_group;
pub mod usage;
