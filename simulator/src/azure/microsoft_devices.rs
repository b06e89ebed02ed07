//! What the services of the resource provider `Microsoft.Devices` have in common.

pub(crate) mod errors;
pub(crate) mod lifecycle;
pub(crate) mod names;
pub(crate) mod network;
pub(crate) mod pages;
pub(crate) mod policies;
pub(crate) mod specs;
