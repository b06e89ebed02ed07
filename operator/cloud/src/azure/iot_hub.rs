//! IoT hubs, where devices are, as the hubs themselves are called.

use std::fmt;

use moorage_keys::HostName;

use crate::azure::endpoints::{Cloud, Endpoint, HostError};

pub(crate) mod registry;

pub(crate) const DOMAIN: Endpoint = Endpoint { public: "azure-devices.net", government: "azure-devices.us", china: "azure-devices.cn" };

/// The host of an IoT hub, known to lie in the cloud's own domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubHost(HostName);

impl Cloud {
    /// Takes a hub's host name, wherever it comes from.
    ///
    /// # Errors
    /// When it lies outside of the cloud's domain for hubs.
    pub fn hub_host(&self, text: &str) -> Result<HubHost, HostError> {
        self.host_within(&DOMAIN, text).map(HubHost)
    }

    /// The host of the hub of this name.
    ///
    /// # Errors
    /// When the name is no single label of a host name.
    pub fn hub_named(&self, name: &str) -> Result<HubHost, HostError> {
        self.host_named(&DOMAIN, name).map(HubHost)
    }
}

impl HubHost {
    /// The host name.
    pub fn host(&self) -> &HostName {
        &self.0
    }
}

impl fmt::Display for HubHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
