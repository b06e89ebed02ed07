//! A certificate as the annotations of its Secret describe it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations as names;
use moorage_keys::Thumbprint;
use moorage_plan::Lifetime;

use crate::kinds::device_credential::certificate::registration_info::RegistrationInfo;

/// What the annotations say.
pub struct CertificateAnnotations<'a> {
    pub revision: i64,
    pub life: Option<Lifetime>,
    pub authority: Option<&'a str>,
    pub fingerprint: Option<&'a str>,
}

/// What the annotations of a Secret with a certificate say.
pub fn certificate_annotations_of(meta: &ObjectMeta) -> CertificateAnnotations<'_> {
    let read = |name: &str| meta.annotations.as_ref()?.get(name).map(String::as_str);
    let time = |name: &str| read(name)?.parse::<Timestamp>().ok();
    let life = time(names::CERTIFICATE_NOT_BEFORE).zip(time(names::CERTIFICATE_NOT_AFTER));
    CertificateAnnotations {
        revision: read(names::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0),
        life: life.map(|(not_before, not_after)| Lifetime { not_before, not_after }),
        authority: read(names::CERTIFICATE_AUTHORITY),
        fingerprint: read(names::CERTIFICATE_USE),
    }
}

/// What the annotations are to say.
pub fn certificate_annotations(
    registration_info: &RegistrationInfo,
    authority: &Thumbprint,
    life: Lifetime,
    digest: &str,
    revision: i64,
) -> BTreeMap<String, String> {
    BTreeMap::from([
        (names::DIGEST.to_owned(), digest.to_owned()),
        (names::REVISION.to_owned(), revision.to_string()),
        (names::CERTIFICATE_NOT_BEFORE.to_owned(), life.not_before.to_string()),
        (names::CERTIFICATE_NOT_AFTER.to_owned(), life.not_after.to_string()),
        (names::CERTIFICATE_AUTHORITY.to_owned(), authority.to_string()),
        (names::CERTIFICATE_USE.to_owned(), registration_info.fingerprint()),
    ])
}
