//! Whether what cert-manager has issued opens anything, and what the credential's Secret holds then.

use jiff::{SignedDuration, Timestamp};
use moorage_keys::{Authority, Chain, ChainError, Thumbprint};
use moorage_plan::{Lifetime, Reason, Why};

use crate::{
    cluster::SecretData,
    error::bounded,
    kinds::device_credential::{
        certificate::{
            cert_manager::{ObservedCertManager, Trust},
            certificate_digest,
        },
        outputs::entries::{AUTHORITY, CERTIFICATE, KEY},
    },
};

/// How far back an issuer may date a certificate.
pub const DATED_BACK: SignedDuration = SignedDuration::from_hours(1);

/// A content that opens the door.
#[derive(Clone, Debug)]
pub struct UsableCertificate {
    pub data: SecretData,
    pub digest: String,
    pub life: Lifetime,
    pub authority: Thumbprint,
}

#[cfg(test)]
impl UsableCertificate {
    /// What the credential's Secret is to hold.
    pub fn data(&self) -> &SecretData {
        &self.data
    }
}

/// What was issued, if anything was; or why it opens nothing.
pub fn fit(seen: &ObservedCertManager, now: Timestamp) -> Option<Result<UsableCertificate, Why>> {
    let data = &seen.delivered.as_ref()?.data;
    let entry = |name: &str| data.expose(name).filter(|text| !text.trim().is_empty());
    let certificate = entry(CERTIFICATE)?;
    Some(read(seen, certificate, entry(KEY).unwrap_or_default(), entry(AUTHORITY).unwrap_or_default(), now))
}

fn read(seen: &ObservedCertManager, certificate: &str, key: &str, beside: &str, now: Timestamp) -> Result<UsableCertificate, Why> {
    let at = &seen.order.at;
    let malformed = |flaw: ChainError| {
        Why::new(Reason::SecretMalformed, format!("Secret {at} is no use: {flaw}; delete it, and cert-manager makes it anew"))
    };
    let chain = Chain::from_pem(certificate, key).map_err(malformed)?;
    let (not_before, not_after) = chain.life();
    let unfit = |what: String| {
        Why::new(Reason::CertificateUnfit, format!("the certificate that {} issued opens nothing: {what}", seen.order.issuer))
    };
    let id = &seen.registration_info.registration_id;
    if !chain.is_of(id) {
        let what = format!(
            "its common name is {:?}, and the device registers as {id}; have the issuer leave the name as it is asked for",
            bounded(&chain.subject(), 128)
        );
        return Err(unfit(what));
    }
    if now < not_before || not_after <= now {
        return Err(unfit(format!("it holds from {not_before} to {not_after}, which is not now; {at} is renewed by cert-manager alone")));
    }
    if seen.longest.is_some_and(|longest| not_after.duration_since(not_before) > longest + DATED_BACK) {
        let note = format!(
            "the certificate that {} issued holds until {not_after}, longer than EnrollmentGroup {} grants (maxTokenTtl); have the issuer make none that hold longer",
            seen.order.issuer, seen.group
        );
        return Err(Why::new(Reason::NotGranted, note));
    }
    let presented;
    let authorities = match &seen.trust {
        Trust::In(accepted) => accepted,
        Trust::Unknown => {
            presented = chain.authorities(beside).map_err(malformed)?;
            &presented
        }
    };
    let authority = chain.vouched_for(authorities, now).map_err(|flaw| unfit(advice(seen, flaw)))?;
    Ok(content(seen, &chain, authority, Lifetime { not_before, not_after }))
}

fn advice(seen: &ObservedCertManager, flaw: ChainError) -> String {
    match (flaw, &seen.trust) {
        (ChainError::Unknown, Trust::In(_)) => format!(
            "no authority of EnrollmentGroup {} vouches for it; name the authority of {} there (signingCertificates), or another issuer in spec.certificate.issuerRef",
            seen.group, seen.order.issuer
        ),
        (ChainError::Unknown, Trust::Unknown) => {
            "no authority comes with it that vouches for it; name an issuer in spec.certificate.issuerRef that tells its authority"
                .to_owned()
        }
        (other, _) => format!("{other}; correct {}, or name another in spec.certificate.issuerRef", seen.order.issuer),
    }
}

fn content(seen: &ObservedCertManager, chain: &Chain, authority: &Authority, life: Lifetime) -> UsableCertificate {
    let data = seen.registration_info.content(&chain.certificate(authority), chain.expose_key(), &authority.pem());
    let digest = certificate_digest(&data).expect("a chain has a key").to_string();
    UsableCertificate { data, digest, life, authority: authority.thumbprint().clone() }
}
