//! One address in place of every host, for tests.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// For tests: sends every host to one address, whose certificates come from one authority of its own.
///
/// Certificates of any other authority are refused, proxies from the environment are not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointMap {
    /// Where every host is.
    pub address: SocketAddr,
    /// The certificate authority, in PEM.
    pub ca_pem: String,
}

/// The resolver that finds every host at one address.
pub(super) struct OneAddress(pub(super) SocketAddr);

impl Resolve for OneAddress {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
