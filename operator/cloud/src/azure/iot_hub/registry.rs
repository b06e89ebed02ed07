//! The identity registry of an IoT hub.

use std::fmt;
use std::sync::Arc;

use azure_core::http::Method;
use moorage_keys::{DeviceId, HostName};

use crate::{
    azure::{
        client::{Azure, Shared},
        iot_hub::HubHost,
        models::device::Device,
        pipeline::{
            request::{IfMatch, Operation},
            service_client::{Service, ServiceClient, scope_of},
            version::ApiVersion,
        },
        sas::{PolicyKey, SasAuthorization},
    },
    error::Error,
    flow::{
        access::WriteAccess,
        limits::{Limit, Quota},
    },
};

const SERVICE: Service = Service::of_hosts("hub");
const VERSION: ApiVersion = ApiVersion::only("2021-04-12");

/// The identity registry of one IoT hub, by one of its shared access policies.
#[derive(Clone)]
pub struct Registry {
    client: ServiceClient,
}

const fn operation(name: &'static str, step: &'static str, method: Method) -> Operation {
    let template = "/devices/{}";
    Operation { name, step, method, template, version: VERSION, quota: Registry::QUOTA }
}

const DEVICE_GET: Operation = operation("device.get", "read device identity", Method::Get);
const DEVICE_PUT: Operation = operation("device.put", "write device identity", Method::Put);
const DEVICE_DELETE: Operation = operation("device.delete", "delete device identity", Method::Delete);

/// The sizes of hub that differ in how often their registry may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryTier {
    /// F1, B1, B2, S1 and S2.
    Ordinary,
    /// B3 and S3.
    Large,
}

impl RegistryTier {
    /// The registry's limit of a hub: 100 calls a minute and unit, 5,000 for large units, a tenth kept for others
    /// (Microsoft: "IoT Hub quotas and throttling", identity registry operations).
    pub const fn limit(self, units: u32) -> Limit {
        let a_minute = match self {
            Self::Ordinary => 100,
            Self::Large => 5_000,
        };
        let units = match units {
            0 => 1,
            1..=200 => units,
            _ => 200,
        };
        Limit { burst: units * a_minute / 5, per_minute: units * a_minute * 7 / 10 }
    }
}

impl Azure {
    /// The identity registry of one IoT hub.
    pub fn registry(&self, host: &HubHost, policy: PolicyKey) -> Registry {
        Registry::new(self.shared().clone(), host, policy)
    }
}

impl Registry {
    /// All calls of a hub's identity registry, as one unit of an ordinary hub has it.
    pub const QUOTA: Quota = Quota { name: "registry", limit: RegistryTier::Ordinary.limit(1) };

    pub(crate) fn new(shared: Arc<Shared>, host: &HubHost, policy: PolicyKey) -> Self {
        let host = host.host().clone();
        let authorization = SasAuthorization::for_hub(host.clone(), policy, shared.clock.clone());
        let scope = scope_of(&host);
        Self { client: ServiceClient::new(shared, SERVICE, host, scope, Arc::new(authorization)) }
    }

    /// The same, with its calls counted as somebody's: budgets are shared fairly between all who pay from them.
    #[must_use]
    pub fn on_behalf_of(&self, payer: &str) -> Self {
        Self { client: self.client.on_behalf_of(payer) }
    }

    /// The hub's host.
    pub fn host(&self) -> &HostName {
        self.client.host()
    }

    /// Reads a device's identity with its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn device(&self, id: &DeviceId) -> Result<Option<Device>, Error> {
        let reply = self.client.get_optional(DEVICE_GET.call(&[id.as_str()])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Creates or replaces a device's identity; an update goes with the `ETag` that was read, a creation without.
    ///
    /// # Errors
    /// When the hub refuses, or the answer is lost.
    pub async fn put_device(&self, access: &WriteAccess, id: &DeviceId, device: &Device, condition: &IfMatch) -> Result<Device, Error> {
        let call = DEVICE_PUT.call(&[id.as_str()]).if_match(condition.quoted()).body(device.to_send());
        self.client.write(access, call).await?.json()
    }

    /// Deletes a device's identity; one that is not there is no error.
    ///
    /// # Errors
    /// When the hub refuses, or the answer is lost.
    pub async fn delete_device(&self, access: &WriteAccess, id: &DeviceId, condition: &IfMatch) -> Result<(), Error> {
        self.client.remove(access, DEVICE_DELETE.call(&[id.as_str()]).if_match(condition.quoted())).await
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("host", self.client.host()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Registry, RegistryTier};

    #[test]
    fn no_minute_has_more_calls_than_microsoft_grants() {
        let granted = [(Registry::QUOTA.limit, 100), (RegistryTier::Ordinary.limit(3), 300), (RegistryTier::Large.limit(2), 10_000)];
        for (limit, a_minute) in granted {
            assert!(limit.burst + limit.per_minute <= a_minute, "{limit:?}");
        }
    }
}
