//! Resource groups, in which all resources are.

use serde_json::{Map, Value};

use crate::azure::resource::errors::{arm, no_such_group};
use crate::azure::state::Azure;
use crate::engine::http::Response;

/// A resource group.
pub(crate) struct ResourceGroup {
    pub subscription: String,
    pub name: String,
    pub location: String,
    pub tags: Map<String, Value>,
    pub deleting: bool,
}

/// The key of a resource group.
pub(crate) fn key(subscription: &str, group: &str) -> (String, String) {
    (subscription.to_lowercase(), group.to_lowercase())
}

/// Refuses when the resource group is not there.
pub(crate) fn must_exist<'a>(azure: &'a Azure, subscription: &str, group: &str) -> Result<&'a ResourceGroup, Response> {
    azure.groups.get(&key(subscription, group)).ok_or_else(|| no_such_group(group))
}

/// Refuses when nothing can be put into the resource group.
pub(crate) fn must_accept(azure: &Azure, subscription: &str, group: &str) -> Result<(), Response> {
    if must_exist(azure, subscription, group)?.deleting {
        let message = format!("The resource group '{group}' is in deprovisioning state and cannot perform this operation.");
        return Err(arm(409, "ResourceGroupBeingDeleted", &message));
    }
    Ok(())
}
