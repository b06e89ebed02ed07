//! Provisioning services, as resources of a subscription.

use azure_core::http::Method;

use crate::{
    azure::{
        access_keys::AccessKey,
        arm::{
            Arm, ResourceId,
            names::{Availability, NameAnswer, name_to_check},
        },
        models::provisioning_service::ProvisioningService,
        pipeline::{request::Operation, version::ApiVersion},
    },
    error::Error,
    flow::access::WriteAccess,
};

/// `Microsoft.Devices/provisioningServices`.
const VERSION: ApiVersion = ApiVersion::or_older("2026-11-01", "2022-12-12");

const DPS_GET: Operation = Operation {
    name: "provisioning_service.get",
    step: "read provisioning service",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
    version: VERSION,
    quota: Arm::READS,
};
const DPS_PUT: Operation = Operation {
    name: "provisioning_service.put",
    step: "write provisioning service",
    method: Method::Put,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
    version: VERSION,
    quota: Arm::WRITES,
};
const DPS_DELETE: Operation = Operation {
    name: "provisioning_service.delete",
    step: "delete provisioning service",
    method: Method::Delete,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
    version: VERSION,
    quota: Arm::DELETIONS,
};
const DPS_KEYS: Operation = Operation {
    name: "provisioning_service.keys",
    step: "list keys of provisioning service",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}/listkeys",
    version: VERSION,
    quota: Arm::WRITES,
};
const DPS_KEYS_NEXT: Operation = Operation {
    name: "provisioning_service.keys",
    step: "list keys of provisioning service",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}/listkeys",
    version: VERSION,
    quota: Arm::READS,
};
const DPS_KEY: Operation = Operation {
    name: "provisioning_service.key",
    step: "read a key of provisioning service",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}/keys/{}/listkeys",
    version: VERSION,
    quota: Arm::WRITES,
};
const DPS_NAME: Operation = Operation {
    name: "provisioning_service.name",
    step: "check name of provisioning service",
    method: Method::Post,
    template: "/subscriptions/{}/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability",
    version: VERSION,
    quota: Arm::WRITES,
};

impl Arm {
    /// Reads a provisioning service; the keys of its links come masked.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn provisioning_service(&self, id: &ResourceId) -> Result<Option<ProvisioningService>, Error> {
        let reply = self.client.get_optional(DPS_GET.call(&self.place(id))).await?;
        reply.map(|reply| reply.document()).transpose()
    }

    /// Begins to create or replace a provisioning service, in the api-version in which it was read.
    ///
    /// The service takes no condition: the last writer wins. Let one writer at a time read, change, write and read again.
    ///
    /// # Errors
    /// Without sending anything when policies that were read have no keys, or when something could be lost (see
    /// [`ProvisioningService::possible_loss`]); when the resource manager refuses, or the answer is lost.
    pub async fn put_provisioning_service(
        &self,
        access: &WriteAccess,
        id: &ResourceId,
        service: &ProvisioningService,
    ) -> Result<ProvisioningService, Error> {
        service.validate().map_err(|why| DPS_PUT.not_sent(why))?;
        let call = DPS_PUT.call(&self.place(id)).read_in(service.0.read_in).body(service.to_send());
        self.client.write_whole(access, call, |spoken| service.loss_in(spoken)).await?.document()
    }

    /// Begins to delete a provisioning service, and with it the id scope that its devices know; one that is not there
    /// is no error.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn delete_provisioning_service(&self, access: &WriteAccess, id: &ResourceId) -> Result<(), Error> {
        self.client.remove(access, DPS_DELETE.call(&self.place(id))).await
    }

    /// Lists every shared access policy of a provisioning service with its keys.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn provisioning_service_keys(&self, id: &ResourceId) -> Result<Vec<AccessKey>, Error> {
        self.all(DPS_KEYS.call(&self.place(id)), DPS_KEYS_NEXT).await
    }

    /// Reads one shared access policy of a provisioning service with its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn provisioning_service_key(&self, id: &ResourceId, policy: &str) -> Result<Option<AccessKey>, Error> {
        let [subscription, group, name] = self.place(id);
        let reply = self.client.get_optional(DPS_KEY.call(&[subscription, group, name, policy])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Asks whether a provisioning service of this name can be created; the name is global.
    ///
    /// # Errors
    /// When the resource manager refuses to say.
    pub async fn provisioning_service_name(&self, name: &str) -> Result<Availability, Error> {
        let call = DPS_NAME.call(&[&self.subscription]).body(name_to_check(name));
        let answer: NameAnswer = self.client.send(call).await?.json()?;
        Ok(answer.into())
    }
}
