//! What certificates are trusted, and by which cryptography.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::http::endpoint_map::EndpointMap;
use crate::http::failure::TransportError;

/// TLS by aws-lc-rs, whatever provider the process has as its default.
pub(super) fn client_config(map: Option<&EndpointMap>) -> Result<ClientConfig, TransportError> {
    let roots = match map {
        Some(map) => map_roots(map)?,
        None => machine_roots()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TransportError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The machine's own authorities rather than a list built in: they are updated without a new release of ours, and a
/// company's proxy needs its authority there (or in `SSL_CERT_FILE`) anyway. An image must therefore bring
/// `ca-certificates`, as distroless ones do; without them the error says so.
fn machine_roots() -> Result<RootCertStore, TransportError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TransportError::NoRoots) } else { Ok(roots) }
}

fn map_roots(map: &EndpointMap) -> Result<RootCertStore, TransportError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(map.ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|_| TransportError::MapAuthority)?;
        roots.add(certificate).map_err(|_| TransportError::MapAuthority)?;
    }
    if roots.is_empty() { Err(TransportError::MapAuthority) } else { Ok(roots) }
}
