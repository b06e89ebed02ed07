//! Resource groups.

use azure_core::http::Method;
use serde::de::IgnoredAny;

use crate::{
    azure::{
        arm::Arm,
        models::resource_group::ResourceGroup,
        pipeline::{request::Operation, version::ApiVersion},
    },
    error::Error,
    flow::access::WriteAccess,
};

const VERSION: ApiVersion = ApiVersion::only("2024-03-01");

const GROUP_GET: Operation = Operation {
    name: "resource_group.get",
    step: "read resource group",
    method: Method::Get,
    template: "/subscriptions/{}/resourcegroups/{}",
    version: VERSION,
    quota: Arm::READS,
};
const GROUP_PUT: Operation = Operation {
    name: "resource_group.put",
    step: "write resource group",
    method: Method::Put,
    template: "/subscriptions/{}/resourcegroups/{}",
    version: VERSION,
    quota: Arm::WRITES,
};
const GROUP_DELETE: Operation = Operation {
    name: "resource_group.delete",
    step: "delete resource group",
    method: Method::Delete,
    template: "/subscriptions/{}/resourcegroups/{}",
    version: VERSION,
    quota: Arm::DELETIONS,
};
const GROUP_LIST: Operation = Operation {
    name: "resource_group.list",
    step: "list what is in resource group",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/resources",
    version: VERSION,
    quota: Arm::READS,
};

impl Arm {
    /// Reads a resource group.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn resource_group(&self, name: &str) -> Result<Option<ResourceGroup>, Error> {
        let reply = self.client.get_optional(GROUP_GET.call(&[&self.subscription, name])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Creates a resource group, or replaces its tags.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn put_resource_group(&self, access: &WriteAccess, name: &str, group: &ResourceGroup) -> Result<ResourceGroup, Error> {
        let call = GROUP_PUT.call(&[&self.subscription, name]).body(group.to_send());
        self.client.write(access, call).await?.json()
    }

    /// Begins to delete a resource group **and everything in it**; one that is not there is no error.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn delete_resource_group(&self, access: &WriteAccess, name: &str) -> Result<(), Error> {
        self.client.remove(access, GROUP_DELETE.call(&[&self.subscription, name])).await
    }

    /// Says whether a resource group holds nothing; one that is not there holds nothing.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn resource_group_is_empty(&self, name: &str) -> Result<bool, Error> {
        if self.resource_group(name).await?.is_none() {
            return Ok(true);
        }
        let first = GROUP_LIST.call(&[&self.subscription, name]).query("$top=1");
        let held: Vec<IgnoredAny> = self.all(first, GROUP_LIST).await?;
        Ok(held.is_empty())
    }
}
