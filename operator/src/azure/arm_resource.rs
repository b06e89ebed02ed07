//! The life of a resource of Azure's resource manager, whatever its kind: claimed, made, adopted, waited for, deleted.

pub mod ownership;
pub mod resource_group;
