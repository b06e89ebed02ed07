//! What the services of the resource provider `Microsoft.Devices` have in common.

pub(crate) mod pages;
pub(crate) mod policies;
