use super::{Arm, Availability, NameAnswer, ResourceId, name_to_check, op, sound};
use crate::document::provisioning_service::ProvisioningService;
use crate::error::Error;
use crate::keys::AccessKey;

impl Arm {
    /// Reads a provisioning service; the keys of its links come masked.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn provisioning_service(&self, id: &ResourceId) -> Result<Option<ProvisioningService>, Error> {
        let reply = self.wire.look(op::DPS_GET.call(&self.place(id))).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Begins to create or replace a provisioning service.
    ///
    /// The service takes no condition: the last writer wins. Let one writer at a time read, change, write and read again.
    ///
    /// # Errors
    /// Without sending anything when policies that were read have no keys; when the resource manager refuses, or the answer
    /// is lost.
    pub async fn put_provisioning_service(&self, id: &ResourceId, service: &ProvisioningService) -> Result<ProvisioningService, Error> {
        sound(op::DPS_PUT, service.flaw())?;
        let call = op::DPS_PUT.call(&self.place(id)).body(service.to_send());
        self.wire.send(call).await?.json()
    }

    /// Begins to delete a provisioning service, and with it the id scope that its devices know; one that is not there
    /// is no error.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn delete_provisioning_service(&self, id: &ResourceId) -> Result<(), Error> {
        self.wire.remove(op::DPS_DELETE.call(&self.place(id))).await
    }

    /// Lists every shared access policy of a provisioning service with its keys.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn provisioning_service_keys(&self, id: &ResourceId) -> Result<Vec<AccessKey>, Error> {
        self.all(op::DPS_KEYS.call(&self.place(id)), op::DPS_KEYS_NEXT).await
    }

    /// Reads one shared access policy of a provisioning service with its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn provisioning_service_key(&self, id: &ResourceId, policy: &str) -> Result<Option<AccessKey>, Error> {
        let [subscription, group, name] = self.place(id);
        let reply = self.wire.look(op::DPS_KEY.call(&[subscription, group, name, policy])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Asks whether a provisioning service of this name can be created; the name is global.
    ///
    /// # Errors
    /// When the resource manager refuses to say.
    pub async fn provisioning_service_name(&self, name: &str) -> Result<Availability, Error> {
        let call = op::DPS_NAME.call(&[&self.subscription]).body(name_to_check(name));
        let answer: NameAnswer = self.wire.send(call).await?.json()?;
        Ok(answer.into())
    }
}
