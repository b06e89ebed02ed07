use serde::de::IgnoredAny;

use super::{Arm, op};
use crate::document::resource_group::ResourceGroup;
use crate::error::Error;

impl Arm {
    /// Reads a resource group.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn resource_group(&self, name: &str) -> Result<Option<ResourceGroup>, Error> {
        let reply = self.wire.look(op::GROUP_GET.call(&[&self.subscription, name])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Creates a resource group, or replaces its tags.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn put_resource_group(&self, name: &str, group: &ResourceGroup) -> Result<ResourceGroup, Error> {
        let call = op::GROUP_PUT.call(&[&self.subscription, name]).body(group.to_send());
        self.wire.send(call).await?.json()
    }

    /// Begins to delete a resource group **and everything in it**; one that is not there is no error.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn delete_resource_group(&self, name: &str) -> Result<(), Error> {
        self.wire.remove(op::GROUP_DELETE.call(&[&self.subscription, name])).await
    }

    /// Says whether a resource group holds nothing; one that is not there holds nothing.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn resource_group_is_empty(&self, name: &str) -> Result<bool, Error> {
        if self.resource_group(name).await?.is_none() {
            return Ok(true);
        }
        let first = op::GROUP_LIST.call(&[&self.subscription, name]).query("$top=1");
        let held: Vec<IgnoredAny> = self.all(first, op::GROUP_LIST).await?;
        Ok(held.is_empty())
    }
}
