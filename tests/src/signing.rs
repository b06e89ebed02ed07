//! Authorities that sign devices' certificates, as a company makes its own.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// An authority's certificate and key, in PEM.
///
/// # Errors
/// What is changed makes no certificate.
pub fn authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((authority_of(name, &key, change)?, key.serialize_pem()))
}

/// The certificate of an authority that has a key already, in PEM.
///
/// # Errors
/// What is changed makes no certificate.
pub fn authority_of(name: &str, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> anyhow::Result<String> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2025, 1, 1), rcgen::date_time_ymd(2045, 1, 1));
    change(&mut params);
    Ok(params.self_signed(key)?.pem())
}
