//! Client certificates as the services check them: on the domain clock, and against what they were told to trust.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::engine::keys::hex;
use crate::engine::tls::provider;

/// Why a certificate opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("No certificate was sent.")]
    Missing,
    #[error("The certificate cannot be read.")]
    Unreadable,
    #[error("The certificate, or one above it, has expired.")]
    Expired,
    #[error("The certificate, or one above it, is not valid yet.")]
    NotYetValid,
    #[error("CA certificate not found.")]
    UnknownIssuer,
    #[error("A certificate in the chain may not sign others.")]
    NotAnAuthority,
    #[error("The certificate does not hold.")]
    Broken,
}

/// Checks that the first certificate leads, over those behind it, to one of the signers.
pub(crate) fn signed_by(chain: &[CertificateDer<'_>], signers: &[&[u8]], now: Timestamp) -> Result<(), Refusal> {
    let (leaf, above) = chain.split_first().ok_or(Refusal::Missing)?;
    let mut last = Refusal::UnknownIssuer;
    for signer in signers {
        match leads_to(leaf, above, signer, now) {
            Ok(()) => return Ok(()),
            Err(Refusal::UnknownIssuer) => {}
            Err(refusal) => last = refusal,
        }
    }
    Err(last)
}

/// Checks that the first certificate is one of these.
pub(crate) fn one_of(chain: &[CertificateDer<'_>], leaves: &[&[u8]], now: Timestamp) -> Result<(), Refusal> {
    let leaf = chain.first().ok_or(Refusal::Missing)?;
    in_time(leaf, now)?;
    if leaves.contains(&leaf.as_ref()) { Ok(()) } else { Err(Refusal::UnknownIssuer) }
}

fn leads_to(leaf: &CertificateDer<'_>, above: &[CertificateDer<'_>], signer: &[u8], now: Timestamp) -> Result<(), Refusal> {
    // A certificate that is trusted is not checked by the verifier itself.
    in_time(signer, now)?;
    if !parsed(signer)?.is_ca() {
        return Err(Refusal::NotAnAuthority);
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(signer)).map_err(|_| Refusal::Unreadable)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().map_err(|_| Refusal::Unreadable)?;
    let seconds = u64::try_from(now.as_second()).map_err(|_| Refusal::NotYetValid)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    verifier.verify_client_cert(leaf, above, now).map(|_| ()).map_err(|error| match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Refusal::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Refusal::NotYetValid,
            // Of the signer's name, and not its work.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => broken_chain(above, Refusal::UnknownIssuer),
            _ => broken_chain(above, Refusal::Broken),
        },
        _ => Refusal::Broken,
    })
}

/// A chain with a certificate in it that may not sign is told apart from one that is wrong in another way.
fn broken_chain(above: &[CertificateDer<'_>], otherwise: Refusal) -> Refusal {
    let signs = |certificate: &CertificateDer<'_>| parsed(certificate).is_ok_and(|certificate| certificate.is_ca());
    if above.iter().all(signs) { otherwise } else { Refusal::NotAnAuthority }
}

/// Checks a certificate's own times.
pub(crate) fn in_time(der: &[u8], now: Timestamp) -> Result<(), Refusal> {
    let validity = parsed(der)?.validity().clone();
    match now.as_second() {
        now if now < validity.not_before.timestamp() => Err(Refusal::NotYetValid),
        now if now > validity.not_after.timestamp() => Err(Refusal::Expired),
        _ => Ok(()),
    }
}

fn parsed(der: &[u8]) -> Result<X509Certificate<'_>, Refusal> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|_| Refusal::Unreadable)
}

/// The common name of the first certificate.
pub(crate) fn common_name(chain: &[CertificateDer<'_>]) -> Option<String> {
    let certificate = parsed(chain.first()?).ok()?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

/// The thumbprints by which a service may know a certificate: SHA-1, then SHA-256.
pub(crate) fn thumbprints(der: &[u8]) -> [String; 2] {
    [&digest::SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA256].map(|algorithm| hex(digest::digest(algorithm, der).as_ref()).to_uppercase())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
    use rustls::pki_types::CertificateDer;

    use super::{Refusal, common_name, one_of, signed_by, thumbprints};

    /// A certificate, and who signs with it.
    struct Made {
        der: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    fn params(name: &str, authority: bool, years: [i32; 2]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = if authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        [params.not_before, params.not_after] = years.map(|year| rcgen::date_time_ymd(year, 1, 1));
        params
    }

    fn root(name: &str) -> Made {
        let (key, params) = (KeyPair::generate().expect("a key"), params(name, true, [2020, 2040]));
        let der = params.self_signed(&key).expect("a certificate").der().clone();
        Made { der, issuer: Issuer::new(params, key) }
    }

    fn below(above: &Made, name: &str, authority: bool, years: [i32; 2]) -> Made {
        let (key, params) = (KeyPair::generate().expect("a key"), params(name, authority, years));
        let der = params.signed_by(&key, &above.issuer).expect("a certificate").der().clone();
        Made { der, issuer: Issuer::new(params, key) }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    const NOW: &str = "2026-06-01T00:00:00Z";

    #[test]
    fn a_certificate_holds_in_its_time_and_not_a_second_longer() {
        let root = root("root");
        let device = below(&root, "device", false, [2026, 2027]);
        let check = |time: Timestamp| signed_by(std::slice::from_ref(&device.der), &[&root.der], time);
        assert_eq!(check(at(NOW)), Ok(()));
        assert_eq!(check(at("2026-01-01T00:00:00Z")), Ok(()));
        assert_eq!(check(at("2026-01-01T00:00:00Z") - SignedDuration::from_secs(1)), Err(Refusal::NotYetValid));
        assert_eq!(check(at("2027-01-01T00:00:01Z")), Err(Refusal::Expired));
        assert_eq!(common_name(&[device.der]).as_deref(), Some("device"));
    }

    #[test]
    fn an_intermediate_has_to_come_along_or_to_be_the_signer() {
        let root = root("root");
        let middle = below(&root, "middle", true, [2020, 2040]);
        let device = below(&middle, "device", false, [2026, 2027]);
        let whole = [device.der.clone(), middle.der.clone()];
        assert_eq!(signed_by(&whole, &[&root.der], at(NOW)), Ok(()));
        assert_eq!(signed_by(&whole[..1], &[&root.der], at(NOW)), Err(Refusal::UnknownIssuer));
        assert_eq!(signed_by(&whole[..1], &[&middle.der], at(NOW)), Ok(()));
    }

    #[test]
    fn a_second_signer_is_as_good_as_the_first_and_another_is_none() {
        let (old, new, other) = (root("old"), root("new"), root("other"));
        let device = below(&new, "device", false, [2026, 2027]);
        assert_eq!(signed_by(std::slice::from_ref(&device.der), &[&old.der, &new.der], at(NOW)), Ok(()));
        assert_eq!(signed_by(std::slice::from_ref(&device.der), &[&old.der, &other.der], at(NOW)), Err(Refusal::UnknownIssuer));
        // Of the same name, and with another key.
        assert_eq!(signed_by(&[device.der], &[&self::root("new").der], at(NOW)), Err(Refusal::UnknownIssuer));
        assert_eq!(signed_by(&[], &[&new.der], at(NOW)), Err(Refusal::Missing));
    }

    #[test]
    fn a_device_cannot_sign_another_one() {
        let root = root("root");
        let device = below(&root, "device", false, [2020, 2040]);
        let forged = below(&device, "forged", false, [2026, 2027]);
        let chain = [forged.der.clone(), device.der.clone()];
        assert_eq!(signed_by(&chain, &[&root.der], at(NOW)), Err(Refusal::NotAnAuthority));
        assert_eq!(signed_by(&chain[..1], &[&device.der], at(NOW)), Err(Refusal::NotAnAuthority));
    }

    #[test]
    fn an_expired_signer_ends_all_that_it_signed() {
        let root = root("root");
        let middle = below(&root, "middle", true, [2020, 2027]);
        let device = below(&middle, "device", false, [2026, 2030]);
        let (chain, late) = ([device.der.clone(), middle.der.clone()], at("2028-01-01T00:00:00Z"));
        assert_eq!(signed_by(&chain, &[&root.der], late), Err(Refusal::Expired));
        assert_eq!(signed_by(&chain[..1], &[&middle.der], late), Err(Refusal::Expired));
    }

    #[test]
    fn a_devices_own_certificate_is_that_one_and_no_other_of_its_name() {
        let root = root("root");
        let [first, second] = [1, 2].map(|_| below(&root, "device", false, [2026, 2027]));
        assert_eq!(one_of(std::slice::from_ref(&first.der), &[&first.der], at(NOW)), Ok(()));
        assert_eq!(one_of(&[second.der], &[&first.der], at(NOW)), Err(Refusal::UnknownIssuer));
        assert_eq!(one_of(std::slice::from_ref(&first.der), &[&first.der], at("2028-01-01T00:00:00Z")), Err(Refusal::Expired));
    }

    #[test]
    fn thumbprints_are_upper_case_digits_of_both_hashes() {
        // Of the three bytes "abc", as FIPS 180 gives them.
        assert_eq!(thumbprints(b"abc")[0], "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert_eq!(thumbprints(b"abc")[1], "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
    }
}
