//! Where a cloud's services are. They come from here, never from a reply, and each service declares its own.
//!
//! The names of Azure Government and of Azure operated by 21Vianet are those of Microsoft's lists of DNS zones ("Azure Private Endpoint
//! private DNS zone values"), of its SDKs (azure-core: `get_arm_endpoints`; azure-identity: `AzureAuthorityHosts`) and of "Configure an
//! application to trust a managed identity" for the audiences of assertions; the global device endpoints are those of Microsoft's device samples.

use std::fmt;

use moorage_keys::{HostName, HostNameError};
use thiserror::Error;

/// One of the Azure clouds, which have nothing in common: neither hosts nor tenants nor tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cloud {
    name: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    Public,
    Government,
    China,
}

/// What is called otherwise in each of the clouds: the host of a service, the domain of its hosts, or an audience.
pub(crate) struct Endpoint {
    pub(crate) public: &'static str,
    pub(crate) government: &'static str,
    pub(crate) china: &'static str,
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
    /// Every cloud.
    pub const ALL: [Self; 3] = [Self::public(), Self::government(), Self::china()];

    /// Azure's public cloud.
    pub const fn public() -> Self {
        Self { name: Name::Public }
    }

    /// Azure Government, of the United States.
    pub const fn government() -> Self {
        Self { name: Name::Government }
    }

    /// Azure operated by 21Vianet, in China.
    pub const fn china() -> Self {
        Self { name: Name::China }
    }

    /// How something is called in this cloud.
    pub(crate) fn name_of(self, endpoint: &Endpoint) -> &'static str {
        match self.name {
            Name::Public => endpoint.public,
            Name::Government => endpoint.government,
            Name::China => endpoint.china,
        }
    }

    /// The host, or the domain, of a service in this cloud.
    pub(crate) fn host_of(self, endpoint: &Endpoint) -> HostName {
        HostName::parse(self.name_of(endpoint)).expect("a constant host name")
    }

    /// Takes a host name, wherever it comes from, if it lies in a service's domain.
    pub(crate) fn host_within(self, domain: &Endpoint, text: &str) -> Result<HostName, HostError> {
        let (host, domain) = (HostName::parse(text)?, self.host_of(domain));
        let inside = host.as_str().strip_suffix(domain.as_str()).is_some_and(|name| name.len() > 1 && name.ends_with('.'));
        if inside { Ok(host) } else { Err(HostError::Foreign { host, domain }) }
    }

    /// The host of this name in a service's domain.
    pub(crate) fn host_named(self, domain: &Endpoint, name: &str) -> Result<HostName, HostError> {
        if name.contains('.') {
            return Err(HostError::Malformed(HostNameError::Label));
        }
        Ok(HostName::parse(&format!("{name}.{}", self.host_of(domain)))?)
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.name {
            Name::Public => "Public",
            Name::Government => "Government",
            Name::China => "China",
        })
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
    fn every_cloud_has_hosts_and_an_audience_of_its_own() {
        let of = |cloud: Cloud| {
            [
                cloud.login().to_string(),
                cloud.resource_manager().to_string(),
                cloud.resource_manager_audience().to_owned(),
                cloud.assertion_audience().to_owned(),
                cloud.hub_named("east").expect("a hub").to_string(),
                cloud.dps_named("contoso").expect("a service").to_string(),
                cloud.device_registration().to_string(),
            ]
        };
        let expected = [
            [
                "login.microsoftonline.com",
                "management.azure.com",
                "https://management.azure.com",
                "api://AzureADTokenExchange",
                "east.azure-devices.net",
                "contoso.azure-devices-provisioning.net",
                "global.azure-devices-provisioning.net",
            ],
            [
                "login.microsoftonline.us",
                "management.usgovcloudapi.net",
                "https://management.core.usgovcloudapi.net",
                "api://AzureADTokenExchangeUSGov",
                "east.azure-devices.us",
                "contoso.azure-devices-provisioning.us",
                "global.azure-devices-provisioning.us",
            ],
            [
                "login.chinacloudapi.cn",
                "management.chinacloudapi.cn",
                "https://management.chinacloudapi.cn",
                "api://AzureADTokenExchangeChina",
                "east.azure-devices.cn",
                "contoso.azure-devices-provisioning.cn",
                "global.azure-devices-provisioning.cn",
            ],
        ];
        assert_eq!(Cloud::ALL.map(of), expected);
        assert_eq!(Cloud::ALL.map(|cloud| cloud.to_string()), ["Public", "Government", "China"]);
    }

    #[test]
    fn a_host_from_elsewhere_gets_no_token_in_any_cloud() {
        for cloud in Cloud::ALL {
            let domain = cloud.host_of(&crate::azure::iot_hub::DOMAIN);
            let hostile = [
                format!("contoso.{domain}.evil.example"),
                format!("evil{domain}"),
                format!("{domain}"),
                format!(".{domain}"),
                format!("contoso.{domain}:8443"),
                format!("contoso.{domain}/x"),
                format!("evil.example#.{domain}"),
                format!("user@contoso.{domain}"),
                format!("contoso.{domain}."),
                String::new(),
            ];
            for host in hostile {
                assert!(cloud.hub_host(&host).is_err(), "{host} in {cloud}");
            }
            let service = cloud.dps_named("contoso").expect("a service").to_string();
            assert!(matches!(cloud.hub_host(&service), Err(HostError::Foreign { .. })), "{cloud}");
            let hub = cloud.hub_named("contoso").expect("a hub").to_string();
            assert!(matches!(cloud.dps_host(&hub), Err(HostError::Foreign { .. })), "{cloud}");
            assert!(cloud.hub_named("a.b").is_err());
            assert!(cloud.hub_named("a/b").is_err());
            for other in Cloud::ALL.into_iter().filter(|other| *other != cloud) {
                assert!(matches!(other.hub_host(&hub), Err(HostError::Foreign { .. })), "{hub} in {other}");
                assert!(matches!(other.dps_host(&service), Err(HostError::Foreign { .. })), "{service} in {other}");
                let global = cloud.device_registration().to_string();
                assert!(cloud.registers_devices_at(&global) && !other.registers_devices_at(&global), "{global} in {other}");
            }
        }
    }
}
