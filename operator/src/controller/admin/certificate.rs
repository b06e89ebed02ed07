//! The certificate of the metrics' port: from files, which are read again when they change, or one that is made at the start.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// How often the files are read: a Secret that is mounted changes a minute or so after the object.
const READ_EVERY: Duration = Duration::from_secs(10);

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// PEM file of the certificate, and of those that vouch for it.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}

/// A certificate with its key, and where newer ones come from.
pub struct ServerCertificate {
    shown: Arc<Shown>,
    files: Option<(CertificateFiles, ContentDigest)>,
}

/// What is shown to clients now.
#[derive(Debug)]
struct Shown(Mutex<Arc<CertifiedKey>>);

/// What stands for the files' content, to see that it has changed.
type ContentDigest = [u8; 32];

struct Content {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl ServerCertificate {
    /// A new one that nobody vouches for, for these names.
    ///
    /// # Errors
    /// If a name is none.
    pub fn self_signed(names: Vec<String>) -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("failed to make a key")?;
        let mut params = CertificateParams::new(names).context("failed to make a certificate")?;
        params.distinguished_name.push(DnType::CommonName, "moorage-metrics");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).context("failed to sign a certificate")?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let certified = CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider())?;
        Ok(Self { shown: Shown::new(certified), files: None })
    }

    /// The one in these files.
    ///
    /// # Errors
    /// If they cannot be read, or do not hold a certificate and its key.
    pub async fn read(files: CertificateFiles) -> anyhow::Result<Self> {
        let content = files.read().await?;
        let certified = content.certified().with_context(|| format!("{} and {}", files.certificate.display(), files.key.display()))?;
        Ok(Self { shown: Shown::new(certified), files: Some((files, content.digest())) })
    }

    /// What clients meet. It shows a newer certificate as soon as [`ServerCertificate::follow`] has read it.
    ///
    /// # Errors
    /// If the TLS library and its provider have no version in common.
    pub fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_cert_resolver(self.shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again and again. While they do not hold a certificate and its key, the last ones are shown.
    pub async fn follow(self) -> Infallible {
        let Some((files, mut last)) = self.files else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(READ_EVERY);
        let mut is_readable = true;
        loop {
            ticks.tick().await;
            let content = match files.read().await {
                Ok(content) => content,
                Err(error) => {
                    if is_readable {
                        tracing::warn!(error = format!("{error:#}"), "The metrics' certificate stays: its files cannot be read");
                    }
                    is_readable = false;
                    continue;
                }
            };
            is_readable = true;
            let digest = content.digest();
            if digest == last {
                continue;
            }
            last = digest;
            match content.certified() {
                Ok(certified) => {
                    self.shown.set(certified);
                    tracing::info!("The metrics' certificate was replaced");
                }
                Err(error) => tracing::warn!(error = format!("{error:#}"), "The metrics' certificate stays: the new one is unusable"),
            }
        }
    }
}

impl Shown {
    fn new(certified: CertifiedKey) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Arc::new(certified))))
    }

    fn set(&self, certified: CertifiedKey) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl CertificateFiles {
    async fn read(&self) -> anyhow::Result<Content> {
        let Self { certificate, key } = self;
        let read = async |path: &PathBuf| tokio::fs::read(path).await.with_context(|| format!("failed to read {}", path.display()));
        Ok(Content { certificate: read(certificate).await?, key: Zeroizing::new(read(key).await?) })
    }
}

impl Content {
    fn digest(&self) -> ContentDigest {
        Sha256::new().chain_update(Sha256::digest(&self.certificate)).chain_update(Sha256::digest(&*self.key)).finalize().into()
    }

    /// The certificate with its key. The causes of malformed PEM are dropped: they quote a line, which may be the key's.
    fn certified(&self) -> anyhow::Result<CertifiedKey> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|_| anyhow!("the certificate is malformed PEM"))?;
        ensure!(!chain.is_empty(), "there is no certificate");
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| anyhow!("there is no private key in PEM"))?;
        CertifiedKey::from_der(chain, key, &provider()).context("certificate and key cannot be used together")
    }
}

/// The provider is always named, so that no process default is needed or disturbed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests;
