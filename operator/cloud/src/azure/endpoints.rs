//! Where a cloud's services are. They come from here, never from a reply, and each service declares its own.

use moorage_keys::{HostName, HostNameError};
use thiserror::Error;

/// One Azure cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    name: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Public,
}

/// The host of a service, or the domain of its hosts, in each of the clouds.
pub(crate) struct Endpoint {
    pub(crate) public: &'static str,
}

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
        Self { name: Name::Public }
    }

    /// The host, or the domain, of a service in this cloud.
    pub(crate) fn host_of(&self, endpoint: &Endpoint) -> HostName {
        let name = match self.name {
            Name::Public => endpoint.public,
        };
        HostName::parse(name).expect("a constant host name")
    }

    /// Takes a host name, wherever it comes from, if it lies in a service's domain.
    pub(crate) fn host_within(&self, domain: &Endpoint, text: &str) -> Result<HostName, HostError> {
        let (host, domain) = (HostName::parse(text)?, self.host_of(domain));
        let inside = host.as_str().strip_suffix(domain.as_str()).is_some_and(|name| name.len() > 1 && name.ends_with('.'));
        if inside { Ok(host) } else { Err(HostError::Foreign { host, domain }) }
    }

    /// The host of this name in a service's domain.
    pub(crate) fn host_named(&self, domain: &Endpoint, name: &str) -> Result<HostName, HostError> {
        if name.contains('.') {
            return Err(HostError::Malformed(HostNameError::Label));
        }
        Ok(HostName::parse(&format!("{name}.{}", self.host_of(domain)))?)
    }
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
