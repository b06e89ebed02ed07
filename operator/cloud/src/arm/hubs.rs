use super::{Arm, Availability, HubUsage, List, NameAnswer, QuotaMetric, ResourceId, UsageAnswer, name_to_check, op, sound};
use crate::document::hub::Hub;
use crate::error::Error;
use crate::keys::AccessKey;
use crate::request::IfMatch;

impl Arm {
    /// Reads an IoT hub; its policies come without keys, the connection strings of its routes masked.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn hub(&self, id: &ResourceId) -> Result<Option<Hub>, Error> {
        let reply = self.wire.look(op::HUB_GET.call(&self.place(id))).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Lists the IoT hubs of the subscription.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hubs(&self) -> Result<Vec<Hub>, Error> {
        self.all(op::HUB_LIST.call(&[&self.subscription]), op::HUB_LIST).await
    }

    /// Begins to create or replace an IoT hub; an update goes with the `ETag` that was read, a creation without.
    ///
    /// # Errors
    /// Without sending anything when policies that were read have no keys; when the resource manager refuses, or the answer
    /// is lost.
    pub async fn put_hub(&self, id: &ResourceId, hub: &Hub, condition: &IfMatch) -> Result<Hub, Error> {
        sound(op::HUB_PUT, hub.flaw())?;
        let call = op::HUB_PUT.call(&self.place(id)).if_match(condition.plain()).body(hub.to_send());
        self.wire.send(call).await?.json()
    }

    /// Begins to delete an IoT hub; one that is not there is no error.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn delete_hub(&self, id: &ResourceId) -> Result<(), Error> {
        self.wire.remove(op::HUB_DELETE.call(&self.place(id))).await
    }

    /// Lists every shared access policy of a hub with its keys.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hub_keys(&self, id: &ResourceId) -> Result<Vec<AccessKey>, Error> {
        self.all(op::HUB_KEYS.call(&self.place(id)), op::HUB_KEYS_NEXT).await
    }

    /// Reads one shared access policy of a hub with its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn hub_key(&self, id: &ResourceId, policy: &str) -> Result<Option<AccessKey>, Error> {
        let [subscription, group, name] = self.place(id);
        let reply = self.wire.look(op::HUB_KEY.call(&[subscription, group, name, policy])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Reads how much of its quotas a hub has used.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hub_quota(&self, id: &ResourceId) -> Result<Vec<QuotaMetric>, Error> {
        let list: List<QuotaMetric> = self.wire.send(op::HUB_QUOTA.call(&self.place(id))).await?.json()?;
        Ok(list.value)
    }

    /// Reads how many IoT hubs the subscription has, and may have.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hub_usages(&self) -> Result<Vec<HubUsage>, Error> {
        let list: List<UsageAnswer> = self.wire.send(op::HUB_USAGES.call(&[&self.subscription])).await?.json()?;
        Ok(list.value.into_iter().filter_map(UsageAnswer::known).collect())
    }

    /// Asks whether a hub of this name can be created; the name is global.
    ///
    /// # Errors
    /// When the resource manager refuses to say.
    pub async fn hub_name(&self, name: &str) -> Result<Availability, Error> {
        let call = op::HUB_NAME.call(&[&self.subscription]).body(name_to_check(name));
        let answer: NameAnswer = self.wire.send(call).await?.json()?;
        Ok(answer.into())
    }
}
