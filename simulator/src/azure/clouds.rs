//! The clouds of Azure that a simulator can be, and what is called otherwise in each of them.
//!
//! From Microsoft Learn ("Azure Private Endpoint private DNS zone values", "Compare Azure Government and global Azure", "Azure China 21Vianet:
//! check endpoints") and the constants of its SDKs for Python and Go.

use std::str::FromStr;

use crate::spec::host_fits;

/// A cloud of Azure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AzureCloud {
    /// The public one.
    #[default]
    Public,
    /// Azure Government.
    Government,
    /// Azure operated by 21Vianet.
    China,
}

impl FromStr for AzureCloud {
    type Err = String;

    /// Reads `Public`, `Government` or `China`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "Public" => Ok(Self::Public),
            "Government" => Ok(Self::Government),
            "China" => Ok(Self::China),
            other => Err(format!("expected Public, Government or China, got {other}")),
        }
    }
}

/// What is called otherwise in each cloud: a host, a suffix of hosts that begins with a dot, or an audience.
pub(crate) struct Names {
    pub public: &'static str,
    pub government: &'static str,
    pub china: &'static str,
}

/// Where callers sign in; whoever wants a token says so.
pub(crate) const LOGIN: Names =
    Names { public: "login.microsoftonline.com", government: "login.microsoftonline.us", china: "login.chinacloudapi.cn" };

impl Names {
    /// What has the same name in every cloud.
    pub const fn same(name: &'static str) -> Self {
        Self { public: name, government: name, china: name }
    }

    /// The name in a cloud.
    pub fn of(&self, cloud: AzureCloud) -> &'static str {
        match cloud {
            AzureCloud::Public => self.public,
            AzureCloud::Government => self.government,
            AzureCloud::China => self.china,
        }
    }

    /// The names in all clouds but one.
    pub fn elsewhere(&self, cloud: AzureCloud) -> Vec<&'static str> {
        [self.public, self.government, self.china].into_iter().filter(|name| *name != self.of(cloud)).collect()
    }

    /// Whether a host is, or ends in, that name in one cloud or another.
    pub fn fits(&self, host: &str) -> bool {
        [self.public, self.government, self.china].iter().any(|name| host_fits(name, host))
    }
}
