//! Certificate authorities, as far as devices' certificates are issued and checked with them.

use std::fmt;

use jiff::Timestamp;
use pem::{EncodeConfig, LineEnding, Pem};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The SHA-256 of a certificate, by which services and people recognise it, or of another content; the same in any case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Whether a service means this certificate.
    pub fn is(&self, told: &str) -> bool {
        self.to_string().eq_ignore_ascii_case(told)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// The certificate of an authority that signs the certificates of devices; nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    der: Vec<u8>,
    subject: String,
    is_root: bool,
    thumbprint: Thumbprint,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a text is not the certificate of an authority.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthorityError {
    #[error("it holds no certificate in PEM")]
    NotPem,
    #[error("its first certificate is malformed")]
    Malformed,
    #[error("its first certificate is not that of an authority (basicConstraints lacks CA:TRUE)")]
    NotAnAuthority,
    #[error("its first certificate may not sign others (keyUsage lacks keyCertSign)")]
    MayNotSign,
}

/// Most certificates that are read of one text. Whoever may write a Secret chooses how many are in it, and each costs those that are read
/// with it.
pub(crate) const MOST_CERTIFICATES: usize = 9;
/// The longest text of certificates that is read, in bytes.
pub(crate) const LONGEST_TEXT: usize = 128 << 10;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// There are more certificates than are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The bytes of the first certificate of a chain in PEM; those behind it are not looked at.
pub(crate) fn first_certificate(text: &str) -> Option<Vec<u8>> {
    let block = text.get(text.find(BEGIN)?..)?;
    let end = block.find(END)? + END.len();
    (end <= LONGEST_TEXT).then(|| pem::parse(&block[..end]).ok()).flatten().map(Pem::into_contents)
}

/// The bytes of the certificates of a text in PEM; none if it is no PEM. They are counted before anything is read.
pub(crate) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, TooMany> {
    if text.len() > LONGEST_TEXT || text.matches(BEGIN).count() > MOST_CERTIFICATES {
        return Err(TooMany);
    }
    let blocks = pem::parse_many(text).unwrap_or_default();
    Ok(blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE").map(Pem::into_contents).collect())
}

/// A certificate as files have it.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    pem::encode_config(&Pem::new("CERTIFICATE", der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// From when until when a certificate holds.
pub(crate) fn validity(certificate: &X509Certificate<'_>) -> Option<(Timestamp, Timestamp)> {
    let time = |seconds| Timestamp::from_second(seconds).ok();
    let validity = certificate.validity();
    Some((time(validity.not_before.timestamp())?, time(validity.not_after.timestamp())?))
}

/// The longest name that is told.
const LONGEST_NAME: usize = 256;

/// A name as it can be told in one line, whatever a certificate calls itself.
pub(crate) fn told(name: &str) -> String {
    let mut line: String = name.chars().take(LONGEST_NAME).map(|character| if character.is_control() { ' ' } else { character }).collect();
    if name.chars().nth(LONGEST_NAME).is_some() {
        line.push('…');
    }
    line
}

impl Authority {
    /// Reads the first certificate of a chain in PEM, as `tls.crt` of a Secret has it.
    ///
    /// # Errors
    /// When there is none, or it may not sign certificates.
    pub fn from_pem(text: &str) -> Result<Self, AuthorityError> {
        Self::from_der(first_certificate(text).ok_or(AuthorityError::NotPem)?)
    }

    /// Reads a certificate in DER.
    pub(crate) fn from_der(der: Vec<u8>) -> Result<Self, AuthorityError> {
        let malformed = AuthorityError::Malformed;
        let (rest, certificate) = X509Certificate::from_der(&der).map_err(|_| malformed)?;
        let constraints = certificate.basic_constraints().map_err(|_| malformed)?;
        if !constraints.is_some_and(|constraints| constraints.value.ca) {
            return Err(AuthorityError::NotAnAuthority);
        }
        // One that says nothing of its use may be used for anything (RFC 5280, 4.2.1.3).
        let usage = certificate.key_usage().map_err(|_| malformed)?;
        if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
            return Err(AuthorityError::MayNotSign);
        }
        let (not_before, not_after) = validity(&certificate).ok_or(malformed)?;
        let subject = told(&certificate.subject().to_string());
        let is_root = certificate.subject().as_raw() == certificate.issuer().as_raw();
        rest.is_empty().then_some(()).ok_or(malformed)?;
        Ok(Self { subject, is_root, thumbprint: Thumbprint::of(&der), not_before, not_after, der })
    }

    /// The certificate alone, in PEM.
    pub fn pem(&self) -> String {
        certificate_pem(&self.der)
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whom it names, in one line and not without end, such as `CN=Contoso device authority`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether it vouches for itself; another has to be shown with what it signed.
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// What it is recognised by.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// From when it holds.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when it holds.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};

    use super::*;

    /// A self-signed certificate and its key, in PEM.
    pub(crate) fn made(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Contoso");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2027, 1, 1));
        change(&mut params);
        (params.self_signed(&key).expect("it signs itself").pem(), key.serialize_pem())
    }

    #[test]
    fn the_first_certificate_of_a_chain_is_the_authority() {
        let (east, west) = (made("east", |_| ()).0, made("west", |_| ()).0);
        let read = Authority::from_pem(&format!("subject=east\n{east}{west}")).expect("an authority");
        assert_eq!(read.subject(), "O=Contoso, CN=east");
        let life = ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"].map(|text| text.parse::<Timestamp>().expect("a time"));
        assert!(read.is_root());
        assert_eq!([read.not_before(), read.not_after()], life);
        assert_eq!(read.pem().trim(), east.replace("\r\n", "\n").trim());
        assert_eq!(Authority::from_pem(&read.pem()), Ok(read));
    }

    #[test]
    fn a_thumbprint_is_the_sha256_of_the_der_in_any_case() {
        // `printf abc | sha256sum`
        let thumbprint = Thumbprint::of(b"abc");
        assert_eq!(thumbprint.to_string(), "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
        assert!(thumbprint.is("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        assert!(!thumbprint.is("ba7816bf"));
    }

    #[test]
    fn a_name_is_told_in_one_line_that_ends() {
        let named = |name: &str| Authority::from_pem(&made(name, |_| ()).0).expect("an authority").subject().to_owned();
        assert_eq!(named("east\nnotAfter: never"), "O=Contoso, CN=east notAfter: never");
        assert_eq!(named(&"e".repeat(300)), format!("O=Contoso, CN={}…", "e".repeat(256 - "O=Contoso, CN=".len())));
    }

    #[test]
    fn what_may_not_sign_certificates_is_refused_by_its_flaw() {
        let leaf = made("leaf", |params| params.is_ca = IsCa::ExplicitNoCa).0;
        assert_eq!(Authority::from_pem(&leaf), Err(AuthorityError::NotAnAuthority));
        let silent = made("silent", |params| params.is_ca = IsCa::NoCa).0;
        assert_eq!(Authority::from_pem(&silent), Err(AuthorityError::NotAnAuthority));
        let signs_lists = made("lists", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]).0;
        assert_eq!(Authority::from_pem(&signs_lists), Err(AuthorityError::MayNotSign));
        let (_, key) = made("key", |_| ());
        for text in ["", "hello", &key] {
            assert_eq!(Authority::from_pem(text), Err(AuthorityError::NotPem), "{text}");
        }
        let broken = certificate_pem(b"no certificate");
        assert_eq!(Authority::from_pem(&broken), Err(AuthorityError::Malformed));
        // Nothing said of its use: it may be used for anything.
        let any_use = made("any", |params| params.key_usages.clear()).0;
        assert_eq!(Authority::from_pem(&any_use).map(|read| read.subject().to_owned()), Ok("O=Contoso, CN=any".to_owned()));
    }
}
