use std::fmt;
use std::sync::Arc;

use azure_core::http::Method;
use moorage_keys::{DeviceId, HostName};

use crate::azure::Shared;
use crate::cloud::HubHost;
use crate::document::device::Device;
use crate::error::Error;
use crate::observe::HostClass;
use crate::quota::Quota;
use crate::request::{IfMatch, Operation};
use crate::sas::{PolicyKey, SasAuthorization};
use crate::versions;
use crate::wire::Wire;

/// The identity registry of one IoT hub, by one of its shared access policies.
#[derive(Clone)]
pub struct Registry {
    wire: Wire,
}

const fn operation(name: &'static str, step: &'static str, method: Method) -> Operation {
    let template = "/devices/{}";
    Operation { name, step, method, template, version: versions::REGISTRY, quota: Quota::Registry }
}

const DEVICE_GET: Operation = operation("device.get", "read device identity", Method::Get);
const DEVICE_PUT: Operation = operation("device.put", "write device identity", Method::Put);
const DEVICE_DELETE: Operation = operation("device.delete", "delete device identity", Method::Delete);

impl Registry {
    pub(crate) fn new(shared: Arc<Shared>, host: &HubHost, policy: PolicyKey) -> Self {
        let host = host.host().clone();
        let authorization = SasAuthorization::for_hub(host.clone(), policy, shared.clock.clone());
        let scope = host.to_string();
        Self { wire: Wire::new(shared, HostClass::Hub, host, &scope, Arc::new(authorization)) }
    }

    /// The same, with its calls counted as somebody's: budgets are shared fairly between all who pay from them.
    #[must_use]
    pub fn on_behalf_of(&self, payer: &str) -> Self {
        Self { wire: self.wire.on_behalf_of(payer) }
    }

    /// The hub's host.
    pub fn host(&self) -> &HostName {
        self.wire.host()
    }

    /// Reads a device's identity with its keys.
    ///
    /// # Errors
    /// When it cannot be known whether it is there.
    pub async fn device(&self, id: &DeviceId) -> Result<Option<Device>, Error> {
        let reply = self.wire.look(DEVICE_GET.call(&[id.as_str()])).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    /// Creates or replaces a device's identity; an update goes with the `ETag` that was read, a creation without.
    ///
    /// # Errors
    /// When the hub refuses, or the answer is lost.
    pub async fn put_device(&self, id: &DeviceId, device: &Device, condition: &IfMatch) -> Result<Device, Error> {
        let call = DEVICE_PUT.call(&[id.as_str()]).if_match(condition.quoted()).body(device.to_send());
        self.wire.send(call).await?.json()
    }

    /// Deletes a device's identity; one that is not there is no error.
    ///
    /// # Errors
    /// When the hub refuses, or the answer is lost.
    pub async fn delete_device(&self, id: &DeviceId, condition: &IfMatch) -> Result<(), Error> {
        self.wire.remove(DEVICE_DELETE.call(&[id.as_str()]).if_match(condition.quoted())).await
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("host", self.wire.host()).finish_non_exhaustive()
    }
}
