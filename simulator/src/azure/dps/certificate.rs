//! A certificate as it was uploaded, what the service tells of it, and the authorities whose certificates it keeps.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

use crate::engine::keys;

/// A certificate, read once.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub der: Vec<u8>,
    pub subject: String,
    pub issuer: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// In upper-case hexadecimal digits, as the thumbprints.
    pub serial: String,
    pub version: u32,
}

impl Certificate {
    /// Reads PEM, or the base64 of PEM or DER; `None` when there is no whole certificate in it.
    pub fn read(text: &str) -> Option<Self> {
        Self::from_pem(text.as_bytes()).or_else(|| {
            let bytes = keys::decode(&text.split_whitespace().collect::<String>())?;
            Self::from_pem(&bytes).or_else(|| Self::of(bytes))
        })
    }

    fn from_pem(bytes: &[u8]) -> Option<Self> {
        CertificateDer::from_pem_slice(bytes).ok().and_then(|der| Self::of(der.to_vec()))
    }

    fn of(der: Vec<u8>) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(&der).ok()?;
        let time = |seconds| Timestamp::from_second(seconds).ok();
        let (subject, issuer) = (name(parsed.subject()), name(parsed.issuer()));
        let (not_before, not_after) = (time(parsed.validity().not_before.timestamp())?, time(parsed.validity().not_after.timestamp())?);
        let serial = keys::hex(parsed.raw_serial()).to_uppercase();
        let version = parsed.version().0 + 1;
        rest.is_empty().then_some(())?;
        Some(Self { der, subject, issuer, not_before, not_after, serial, version })
    }

    /// Whether that authority has signed it, and it holds at that time.
    pub fn signed_by(&self, authority: &Self, now: Timestamp) -> bool {
        self.leads_to(authority, now).is_ok_and(|verified| verified)
    }

    fn leads_to(&self, authority: &Self, now: Timestamp) -> Result<bool, VerifierBuilderError> {
        let mut roots = RootCertStore::empty();
        let known = roots.add(CertificateDer::from(authority.der.as_slice())).is_ok();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build()?;
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        Ok(known && verifier.verify_client_cert(&CertificateDer::from(self.der.as_slice()), &[], now).is_ok())
    }

    /// The SHA-1 of the DER, by which IoT Hub knows a device's certificate.
    pub fn sha1(&self) -> String {
        keys::hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref()).to_uppercase()
    }

    /// The SHA-256 of the DER.
    pub fn sha256(&self) -> String {
        keys::hex(digest::digest(&digest::SHA256, &self.der).as_ref()).to_uppercase()
    }

    /// `X509CertificateInfo` of the service API.
    pub fn info(&self) -> Value {
        json!({
            "subjectName": self.subject,
            "sha1Thumbprint": self.sha1(),
            "sha256Thumbprint": self.sha256(),
            "issuerName": self.issuer,
            "notBeforeUtc": self.not_before,
            "notAfterUtc": self.not_after,
            "serialNumber": self.serial,
            "version": self.version,
        })
    }

    /// The value of the subject's common name.
    pub fn common_name(&self) -> Option<&str> {
        self.subject.split(", ").find_map(|part| part.strip_prefix("CN="))
    }
}

/// A name with its most specific part first, as .NET prints it.
fn name(name: &X509Name<'_>) -> String {
    let written = name.to_string();
    let mut parts: Vec<&str> = written.split(", ").collect();
    parts.reverse();
    parts.join(", ")
}

/// An authority's certificate, to which enrollment groups refer by its name.
#[derive(Clone)]
pub(crate) struct KnownAuthority {
    pub name: String,
    pub certificate: Certificate,
    /// Whether somebody has shown that they hold its key, or said so.
    pub verified: bool,
    /// The common name that a certificate must have to show it, once that was asked for.
    pub code: Option<String>,
    pub etag: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}
