//! The certificates of the proxy before the cloud.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Every host that the operator calls in a sweep.
const HOSTS: [&str; 5] =
    ["login.microsoftonline.com", "management.azure.com", "*.azure-devices-provisioning.net", "*.azure-devices.net", "simulator.invalid"];

/// An authority and a server that it vouches for.
pub(crate) struct Authority {
    pub ca_pem: String,
    pub server: Arc<ServerConfig>,
}

/// The one authority of this process.
///
/// # Errors
/// The certificates cannot be made.
pub(crate) fn authority() -> anyhow::Result<&'static Authority> {
    static MADE: OnceLock<Authority> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let made = make().context("failed to make the certificates of the proxy")?;
    Ok(MADE.get_or_init(|| made))
}

fn make() -> anyhow::Result<Authority> {
    let key = KeyPair::generate()?;
    let mut own = CertificateParams::default();
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = own.self_signed(&key)?;
    let leaf_key = KeyPair::generate()?;
    let mut params = CertificateParams::new(HOSTS.map(str::to_owned))?;
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&leaf_key, &Issuer::new(own, key))?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone(), ca.der().clone()], private)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Authority { ca_pem: ca.pem(), server: Arc::new(server) })
}
