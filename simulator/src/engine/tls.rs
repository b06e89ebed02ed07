//! The simulator's own certificate authority and the server certificates that it makes on demand.

pub(crate) mod client_certificates;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::spec::host_fits;

/// Signs a certificate for every name that a client asks for.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    ca: CertificateDer<'static>,
    ca_pem: String,
    /// One key serves all names; making one for each would only take time.
    leaf_key: KeyPair,
    signer: Arc<dyn SigningKey>,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    /// Names, and ends of names, that lead to nobody here.
    unknown: Vec<&'static str>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// The names of a client that sends none.
const UNNAMED: [&str; 2] = ["localhost", "127.0.0.1"];

impl Authority {
    /// Makes a fresh authority.
    pub fn new() -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Moorage simulator CA");
        let ca = params.self_signed(&key).map_err(io::Error::other)?;
        let leaf_key = KeyPair::generate().map_err(io::Error::other)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let signer = provider().key_provider.load_private_key(der).map_err(io::Error::other)?;
        Ok(Self {
            ca_pem: ca.pem(),
            ca: ca.der().clone(),
            issuer: Issuer::new(params, key),
            leaf_key,
            signer,
            made: Mutex::default(),
            unknown: Vec::new(),
        })
    }

    /// The same without certificates for some names, or ends of names: whoever asks for one meets nobody, as if no name server knew it.
    pub fn without(self, unknown: Vec<&'static str>) -> Self {
        Self { unknown, ..self }
    }

    /// The authority's certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.ca_pem
    }

    fn certificate(&self, name: Option<&str>) -> Result<Arc<CertifiedKey>, rcgen::Error> {
        let key = name.unwrap_or_default().to_ascii_lowercase();
        let mut made = self.made.lock().expect("nothing panics while certificates are held");
        if let Some(certificate) = made.get(&key) {
            return Ok(Arc::clone(certificate));
        }
        let names: Vec<String> = match name {
            Some(_) => vec![key.clone()],
            None => UNNAMED.map(str::to_owned).to_vec(),
        };
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&self.leaf_key, &self.issuer)?;
        let chain = vec![leaf.der().clone(), self.ca.clone()];
        let certified = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.signer)));
        made.insert(key, Arc::clone(&certified));
        Ok(certified)
    }

    /// The server side of TLS with this authority's certificates.
    pub fn server_config(self: &Arc<Self>) -> io::Result<rustls::ServerConfig> {
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(Arc::new(AnyClient(provider())))
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"mqtt".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.server_name().is_some_and(|name| self.unknown.iter().any(|unknown| host_fits(unknown, name))) {
            return None;
        }
        match self.certificate(hello.server_name()) {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                tracing::warn!(%error, "Could not make a certificate");
                None
            }
        }
    }
}

/// Asks every client for a certificate, and takes any or none: that the client holds its key is checked here, and what it
/// opens by the service that is asked, on the domain clock.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The provider is always named, so that no process default is needed or disturbed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
