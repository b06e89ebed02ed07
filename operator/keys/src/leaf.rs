//! Certificates of devices that are issued here.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData};
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::RegistrationId;
use crate::authority::{Authority, certificate_pem};

/// A device's own certificate, and its key; wiped when dropped, never printed.
#[derive(Clone)]
pub struct Leaf {
    certificate: String,
    key: Zeroizing<String>,
}

/// Why an authority cannot sign; never holds any part of a key.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IssueError {
    #[error("it holds no private key in PEM (PKCS#8, PKCS#1 or SEC 1, not encrypted)")]
    NoKey,
    #[error("its private key is not that of its certificate")]
    OtherKey,
    #[error("its subject cannot be repeated to the letter as the issuer of another certificate")]
    Subject,
    #[error("it cannot sign with its key")]
    Signing,
}

impl Leaf {
    /// Issues a certificate with a new key: the device registers with it as the id in its common name.
    ///
    /// # Errors
    /// When the key is not the authority's, or cannot sign.
    pub fn issue(
        authority: &Authority,
        key_pem: &str,
        id: &RegistrationId,
        (not_before, not_after): (Timestamp, Timestamp),
    ) -> Result<Self, IssueError> {
        let authority_key = KeyPair::from_pem(key_pem).map_err(|_| IssueError::NoKey)?;
        let (_, parsed) = X509Certificate::from_der(authority.der()).map_err(|_| IssueError::Subject)?;
        if authority_key.subject_public_key_info() != parsed.public_key().raw {
            return Err(IssueError::OtherKey);
        }
        let issuer = Issuer::from_ca_cert_der(&authority.der().into(), authority_key).map_err(|_| IssueError::Subject)?;
        let key = KeyPair::generate().map_err(|_| IssueError::Signing)?;
        let signed = params(id, not_before, not_after).signed_by(&key, &issuer).map_err(|_| IssueError::Signing)?;
        let (_, leaf) = X509Certificate::from_der(signed.der()).map_err(|_| IssueError::Signing)?;
        // A name with the same attribute twice would come out with one.
        if leaf.issuer().as_raw() != parsed.subject().as_raw() {
            return Err(IssueError::Subject);
        }
        Ok(Self { certificate: certificate_pem(signed.der()), key: Zeroizing::new(key.serialize_pem()) })
    }

    /// The certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key, in PEM (PKCS#8).
    pub fn expose_key(&self) -> &Zeroizing<String> {
        &self.key
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leaf([redacted])")
    }
}

/// Its serial number follows from its key, which is new and random.
fn params(id: &RegistrationId, not_before: Timestamp, not_after: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, id.as_str());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let time = |time: Timestamp| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.as_second().try_into().unwrap_or(0));
    (params.not_before, params.not_after) = (time(not_before), time(not_after));
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{first_certificate, tests::made, validity};

    fn life() -> (Timestamp, Timestamp) {
        ("2026-03-01T11:55:00Z".parse().expect("a time"), "2026-05-30T12:00:00Z".parse().expect("a time"))
    }

    fn id() -> RegistrationId {
        RegistrationId::parse("contoso-press-7").expect("an id")
    }

    fn issued(certificate: &str, key: &str) -> Result<Leaf, IssueError> {
        Leaf::issue(&Authority::from_pem(certificate).expect("an authority"), key, &id(), life())
    }

    #[test]
    fn a_leaf_says_whose_it_is_for_how_long_and_that_it_is_no_authority() {
        let (certificate, key) = made("east", |_| ());
        let leaf = issued(&certificate, &key).expect("issued");
        let (not_before, not_after) = life();
        let der = first_certificate(leaf.certificate()).expect("a certificate");
        let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
        assert_eq!(parsed.subject().to_string(), "CN=contoso-press-7");
        assert_eq!(validity(&parsed), Some((not_before, not_after)));
        assert!(!parsed.is_ca());
        let usage = parsed.extended_key_usage().expect("well formed").expect("there").value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any);
        assert!(parsed.key_usage().expect("well formed").expect("there").value.digital_signature());
    }

    #[test]
    fn a_leaf_is_signed_by_its_authority_and_by_no_other() {
        let ((certificate, key), (other, _)) = (made("east", |_| ()), made("east", |_| ()));
        let leaf = issued(&certificate, &key).expect("issued");
        let der = first_certificate(leaf.certificate()).expect("a certificate");
        let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
        let signed_by = |pem: &str| {
            let der = first_certificate(pem).expect("a certificate");
            let (_, authority) = X509Certificate::from_der(&der).expect("a certificate");
            parsed.verify_signature(Some(authority.public_key())).is_ok()
        };
        assert_eq!((signed_by(&certificate), signed_by(&other)), (true, false));
    }

    #[test]
    fn two_leaves_have_two_keys_and_two_serial_numbers() {
        let (certificate, key) = made("east", |_| ());
        let leaves = [issued(&certificate, &key).expect("issued"), issued(&certificate, &key).expect("issued")];
        assert_ne!(leaves[0].expose_key().as_str(), leaves[1].expose_key().as_str());
        let serials = leaves.map(|leaf| {
            let der = first_certificate(leaf.certificate()).expect("a certificate");
            X509Certificate::from_der(&der).expect("a certificate").1.raw_serial().to_vec()
        });
        assert_ne!(serials[0], serials[1]);
    }

    #[test]
    fn the_key_of_another_signs_nothing() {
        let ((certificate, _), (_, other)) = (made("east", |_| ()), made("east", |_| ()));
        assert_eq!(issued(&certificate, &other).err(), Some(IssueError::OtherKey));
        assert_eq!(issued(&certificate, "").err(), Some(IssueError::NoKey));
    }

    #[test]
    fn a_leaf_is_printed_without_its_key() {
        let (certificate, key) = made("east", |_| ());
        assert_eq!(format!("{:?}", issued(&certificate, &key).expect("issued")), "Leaf([redacted])");
    }
}
