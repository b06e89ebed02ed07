//! IoT hubs, as resources of a subscription.

use azure_core::http::Method;
use serde::Deserialize;

use crate::{
    azure::{
        access_keys::AccessKey,
        arm::{
            Arm, List, ResourceId,
            names::{Availability, NameAnswer, name_to_check},
        },
        models::hub::Hub,
        pipeline::{
            request::{IfMatch, Operation},
            version::ApiVersion,
        },
    },
    error::Error,
    flow::access::WriteAccess,
};

/// `Microsoft.Devices/IotHubs`.
const VERSION: ApiVersion = ApiVersion::or_older("2026-11-01", "2023-06-30");

const HUB_GET: Operation = Operation {
    name: "hub.get",
    step: "read IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
    version: VERSION,
    quota: Arm::READS,
};
const HUB_PUT: Operation = Operation {
    name: "hub.put",
    step: "write IoT hub",
    method: Method::Put,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
    version: VERSION,
    quota: Arm::WRITES,
};
const HUB_DELETE: Operation = Operation {
    name: "hub.delete",
    step: "delete IoT hub",
    method: Method::Delete,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
    version: VERSION,
    quota: Arm::DELETIONS,
};
const HUB_KEYS: Operation = Operation {
    name: "hub.keys",
    step: "list keys of IoT hub",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/listkeys",
    version: VERSION,
    quota: Arm::WRITES,
};
const HUB_LIST: Operation = Operation {
    name: "hub.list",
    step: "list IoT hubs",
    method: Method::Get,
    template: "/subscriptions/{}/providers/Microsoft.Devices/IotHubs",
    version: VERSION,
    quota: Arm::READS,
};
const HUB_KEYS_NEXT: Operation = Operation {
    name: "hub.keys",
    step: "list keys of IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/listkeys",
    version: VERSION,
    quota: Arm::READS,
};
const HUB_KEY: Operation = Operation {
    name: "hub.key",
    step: "read a key of IoT hub",
    method: Method::Post,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/IotHubKeys/{}/listkeys",
    version: VERSION,
    quota: Arm::WRITES,
};
const HUB_QUOTA: Operation = Operation {
    name: "hub.quota",
    step: "read quota of IoT hub",
    method: Method::Get,
    template: "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}/quotaMetrics",
    version: VERSION,
    quota: Arm::READS,
};
const HUB_USAGES: Operation = Operation {
    name: "hub.usages",
    step: "read how many IoT hubs the subscription may have",
    method: Method::Get,
    template: "/subscriptions/{}/providers/Microsoft.Devices/usages",
    version: VERSION,
    quota: Arm::READS,
};
const HUB_NAME: Operation = Operation {
    name: "hub.name",
    step: "check name of IoT hub",
    method: Method::Post,
    template: "/subscriptions/{}/providers/Microsoft.Devices/checkNameAvailability",
    version: VERSION,
    quota: Arm::WRITES,
};

/// How much of one of its quotas a hub has used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaMetric {
    /// `TotalMessages` of today, or `TotalDeviceCount`.
    pub name: String,
    /// What is used.
    pub current_value: i64,
    /// What may be used.
    pub max_value: i64,
}

/// How many hubs of a kind a subscription has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubUsage {
    /// Whether these are the free ones, as against all others.
    pub free: bool,
    /// How many there are.
    pub used: i64,
    /// How many there may be.
    pub limit: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageAnswer {
    name: UsageName,
    current_value: i64,
    limit: i64,
}

#[derive(Deserialize)]
struct UsageName {
    value: String,
}

impl UsageAnswer {
    /// What it says, if its name is understood: the vendor's description does not list the names.
    fn known(self) -> Option<HubUsage> {
        let name = self.name.value.to_ascii_lowercase();
        let (free, paid) = (name.contains("free"), name.contains("paid"));
        (free != paid).then_some(HubUsage { free, used: self.current_value, limit: self.limit })
    }
}

impl Arm {
    /// Reads an IoT hub; its policies come without keys, the connection strings of its routes masked.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn hub(&self, id: &ResourceId) -> Result<Option<Hub>, Error> {
        let reply = self.client.get_optional(HUB_GET.call(&self.place(id))).await?;
        reply.map(|reply| reply.document()).transpose()
    }

    /// Lists the IoT hubs of the subscription.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hubs(&self) -> Result<Vec<Hub>, Error> {
        self.all(HUB_LIST.call(&[&self.subscription]), HUB_LIST).await
    }

    /// Begins to create or replace an IoT hub, in the api-version in which it was read; an update goes with the `ETag` that was
    /// read, a creation without.
    ///
    /// # Errors
    /// Without sending anything when policies that were read have no keys, or when something could be lost (see
    /// [`Hub::possible_loss`]); when the resource manager refuses, or the answer
    /// is lost.
    pub async fn put_hub(&self, access: &WriteAccess, id: &ResourceId, hub: &Hub, condition: &IfMatch) -> Result<Hub, Error> {
        hub.validate().map_err(|why| HUB_PUT.not_sent(why))?;
        let call = HUB_PUT.call(&self.place(id)).read_in(hub.0.read_in).if_match(condition.plain()).body(hub.to_send());
        self.client.write_whole(access, call, |spoken| hub.loss_in(spoken)).await?.document()
    }

    /// Begins to delete an IoT hub; one that is not there is no error.
    ///
    /// # Errors
    /// When the resource manager refuses, or the answer is lost.
    pub async fn delete_hub(&self, access: &WriteAccess, id: &ResourceId) -> Result<(), Error> {
        self.client.remove(access, HUB_DELETE.call(&self.place(id))).await
    }

    /// Lists every shared access policy of a hub with its keys.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hub_keys(&self, id: &ResourceId) -> Result<Vec<AccessKey>, Error> {
        self.all(HUB_KEYS.call(&self.place(id)), HUB_KEYS_NEXT).await
    }

    /// Reads one shared access policy of a hub with its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn hub_key(&self, id: &ResourceId, policy: &str) -> Result<Option<AccessKey>, Error> {
        let [subscription, group, name] = self.place(id);
        let reply = self.client.get_optional(HUB_KEY.call(&[subscription, group, name, policy])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Reads how much of its quotas a hub has used.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hub_quota(&self, id: &ResourceId) -> Result<Vec<QuotaMetric>, Error> {
        let list: List<QuotaMetric> = self.client.send(HUB_QUOTA.call(&self.place(id))).await?.json()?;
        Ok(list.value)
    }

    /// Reads how many IoT hubs the subscription has, and may have.
    ///
    /// # Errors
    /// When the resource manager refuses.
    pub async fn hub_usages(&self) -> Result<Vec<HubUsage>, Error> {
        let list: List<UsageAnswer> = self.client.send(HUB_USAGES.call(&[&self.subscription])).await?.json()?;
        Ok(list.value.into_iter().filter_map(UsageAnswer::known).collect())
    }

    /// Asks whether a hub of this name can be created; the name is global.
    ///
    /// # Errors
    /// When the resource manager refuses to say.
    pub async fn hub_name(&self, name: &str) -> Result<Availability, Error> {
        let call = HUB_NAME.call(&[&self.subscription]).body(name_to_check(name));
        let answer: NameAnswer = self.client.send(call).await?.json()?;
        Ok(answer.into())
    }
}
