//! How the services are found and trusted.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The port of MQTT over TLS.
const MQTT: u16 = 8_883;

/// The way to the services.
pub struct Network {
    tls: ClientConfig,
    address: Option<SocketAddr>,
    from: Option<IpAddr>,
}

impl Network {
    /// With the authorities of the machine, or one of the caller's; with a certificate, if the device has one.
    pub fn new(
        authority: Option<&Path>,
        address: Option<SocketAddr>,
        from: Option<IpAddr>,
        certificate: Option<(&str, &str)>,
    ) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        match authority {
            Some(file) => {
                let authority = CertificateDer::from_pem_file(file).with_context(|| format!("failed to read {}", file.display()))?;
                roots.add(authority).context("the authority is not usable")?;
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?.with_root_certificates(roots);
        let tls = match certificate {
            Some((chain, key)) => {
                let chain =
                    CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().context("tls.crt is no certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).context("tls.key is no key")?;
                tls.with_client_auth_cert(chain, key).context("tls.crt and tls.key do not belong together")?
            }
            None => tls.with_no_client_auth(),
        };
        Ok(Self { tls, address, from })
    }

    /// A client for HTTPS.
    pub fn http(&self) -> anyhow::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder().tls_backend_preconfigured(self.tls.clone()).local_address(self.from);
        if let Some(address) = self.address {
            builder = builder.dns_resolver(Arc::new(Always(address))).no_proxy();
        }
        builder.build().context("failed to build the HTTPS client")
    }

    /// A connection for MQTT.
    pub async fn mqtt(&self, host: &str) -> anyhow::Result<TlsStream<TcpStream>> {
        let address = match self.address {
            Some(address) => address,
            None => lookup_host((host, MQTT)).await?.next().with_context(|| format!("{host} has no address"))?,
        };
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(from) = self.from {
            socket.bind((from, 0).into()).with_context(|| format!("failed to talk from {from}"))?;
        }
        let stream = socket.connect(address).await.with_context(|| format!("failed to reach {host}"))?;
        let name = ServerName::try_from(host.to_owned()).with_context(|| format!("{host} is no host name"))?;
        let stream = TlsConnector::from(Arc::new(self.tls.clone())).connect(name, stream).await;
        stream.with_context(|| format!("failed to trust {host}"))
    }
}

/// Every host at one address.
struct Always(SocketAddr);

impl Resolve for Always {
    fn resolve(&self, _: Name) -> Resolving {
        let found: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(found)))
    }
}
