use std::fmt;

use moorage_keys::{HostName, HostNameError};
use thiserror::Error;

/// The endpoints of one Azure cloud; they come from the operator's own configuration, never from a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    login: HostName,
    resource_manager: HostName,
    hubs: HostName,
    provisioning: HostName,
    device_registration: HostName,
}

/// The host of an IoT hub, known to lie in the cloud's own domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubHost(HostName);

/// The service API's host of a provisioning service, known to lie in the cloud's own domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DpsHost(HostName);

/// Why a token is not signed for, and not sent to, a host.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    #[error("the host name cannot be read")]
    Malformed(#[from] HostNameError),
    #[error("the host {host} is not in the cloud's domain {domain}")]
    Foreign { host: HostName, domain: HostName },
}

impl Cloud {
    /// Azure's public cloud.
    pub fn public() -> Self {
        let host = |text| HostName::parse(text).expect("a constant host name");
        Self {
            login: host("login.microsoftonline.com"),
            resource_manager: host("management.azure.com"),
            hubs: host("azure-devices.net"),
            provisioning: host("azure-devices-provisioning.net"),
            device_registration: host("global.azure-devices-provisioning.net"),
        }
    }

    /// Takes a hub's host name, wherever it comes from.
    ///
    /// # Errors
    /// When it lies outside of the cloud's domain for hubs.
    pub fn hub_host(&self, text: &str) -> Result<HubHost, HostError> {
        within(text, &self.hubs).map(HubHost)
    }

    /// The host of the hub of this name.
    ///
    /// # Errors
    /// When the name is no single label of a host name.
    pub fn hub_named(&self, name: &str) -> Result<HubHost, HostError> {
        named(name, &self.hubs).map(HubHost)
    }

    /// Takes the host name of a provisioning service's service API, wherever it comes from.
    ///
    /// # Errors
    /// When it lies outside of the cloud's domain for provisioning services.
    pub fn dps_host(&self, text: &str) -> Result<DpsHost, HostError> {
        within(text, &self.provisioning).map(DpsHost)
    }

    /// The service API's host of the provisioning service of this name.
    ///
    /// # Errors
    /// When the name is no single label of a host name.
    pub fn dps_named(&self, name: &str) -> Result<DpsHost, HostError> {
        named(name, &self.provisioning).map(DpsHost)
    }

    /// Where identities sign in.
    pub fn login(&self) -> &HostName {
        &self.login
    }

    /// Where resources are managed.
    pub fn resource_manager(&self) -> &HostName {
        &self.resource_manager
    }

    /// Where devices register.
    pub fn device_registration(&self) -> &HostName {
        &self.device_registration
    }
}

impl HubHost {
    /// The host name.
    pub fn host(&self) -> &HostName {
        &self.0
    }
}

impl DpsHost {
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

impl fmt::Display for DpsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn within(text: &str, domain: &HostName) -> Result<HostName, HostError> {
    let host = HostName::parse(text)?;
    let inside = host.as_str().strip_suffix(domain.as_str()).is_some_and(|name| name.len() > 1 && name.ends_with('.'));
    if inside { Ok(host) } else { Err(HostError::Foreign { host, domain: domain.clone() }) }
}

fn named(name: &str, domain: &HostName) -> Result<HostName, HostError> {
    if name.contains('.') {
        return Err(HostError::Malformed(HostNameError::Label));
    }
    Ok(HostName::parse(&format!("{name}.{domain}"))?)
}

#[cfg(test)]
mod tests {
    use super::{Cloud, HostError};

    #[test]
    fn a_host_of_the_clouds_own_domain_is_taken_in_lower_case() {
        let cloud = Cloud::public();
        let hub = cloud.hub_host("Contoso-East.Azure-Devices.net").expect("a hub");
        assert_eq!(hub.to_string(), "contoso-east.azure-devices.net");
        assert_eq!(cloud.hub_named("contoso-east"), Ok(hub));
        assert_eq!(cloud.dps_named("contoso"), cloud.dps_host("contoso.azure-devices-provisioning.net"));
    }

    #[test]
    fn a_host_from_elsewhere_gets_no_token() {
        let cloud = Cloud::public();
        let hostile = [
            "contoso.azure-devices.net.evil.example",
            "evilazure-devices.net",
            "azure-devices.net",
            ".azure-devices.net",
            "contoso.azure-devices-provisioning.net",
            "contoso.azure-devices.net:8443",
            "contoso.azure-devices.net/x",
            "evil.example#.azure-devices.net",
            "user@contoso.azure-devices.net",
            "contoso.azure-devices.net.",
            "",
        ];
        for host in hostile {
            assert!(cloud.hub_host(host).is_err(), "{host}");
        }
        assert!(matches!(cloud.dps_host("contoso.azure-devices.net"), Err(HostError::Foreign { .. })));
        assert!(cloud.hub_named("a.b").is_err());
        assert!(cloud.hub_named("a/b").is_err());
    }
}
