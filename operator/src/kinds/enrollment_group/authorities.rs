//! Who signs the certificates of a group's devices: authorities whose Secrets are in the group's namespace, or that the
//! provisioning service knows by name.

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::{EnrollmentGroup as Document, Pair, Signers};
use moorage_crds::{AuthorityStatus, EnrollmentGroup, Slot};
use moorage_keys::{Authority, AuthorityError};
use moorage_plan::{Reason, Why};

use crate::{
    azure::{
        Context,
        enrollment_group::{authority_secrets_of, issuer_of, name_of},
    },
    error::ObserveError,
    object::NamespacedName,
};

/// Entry of the certificate, or of a chain that begins with it.
const CERTIFICATE: &str = "tls.crt";
/// Entry of the key.
const KEY: &str = "tls.key";
const FIELD: &str = "spec.attestation.x509.signingCertificates";
/// How long before an authority ends that is told, at most; or in the last tenth of its life, if that is shorter.
const NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whether the key of that authority is in the cluster.
pub(super) async fn issues(ctx: &Context, group: &EnrollmentGroup) -> Result<bool, ObserveError> {
    let Some(at) = issuer_of(group) else { return Ok(false) };
    let data = ctx.secrets.source(&at).await?;
    Ok(data.is_some_and(|data| data.expose(KEY).is_some_and(|key| !key.trim().is_empty())))
}

/// Who signs, as the spec and its Secrets say; `None` for a group of keys.
///
/// # Errors
/// Halts if an authority's Secret is not there, or its certificate cannot sign others.
pub(super) async fn signers(ctx: &Context, group: &EnrollmentGroup) -> Result<Option<Signers>, ObserveError> {
    let Some(x509) = &group.spec.attestation.x509 else { return Ok(None) };
    match (&x509.signing_certificates, &x509.ca_references) {
        (Some(pair), None) => {
            let primary = authority(ctx, &name_of(group, &pair.primary)).await?;
            let secondary = match &pair.secondary {
                Some(secret) => Some(authority(ctx, &name_of(group, secret)).await?),
                None => None,
            };
            Ok(Some(Signers::Certificates(Pair { primary, secondary })))
        }
        (None, Some(names)) => Ok(Some(Signers::References(Pair { primary: names.primary.clone(), secondary: names.secondary.clone() }))),
        _ => {
            Err(ObserveError::stalled(Reason::Invalid, "give exactly one of signingCertificates and caReferences in spec.attestation.x509"))
        }
    }
}

async fn authority(ctx: &Context, at: &NamespacedName) -> Result<Authority, ObserveError> {
    let data = ctx.secrets.source(at).await?.ok_or_else(|| {
        let note = format!(
            "Secret {at} does not exist; create it with the authority's certificate: kubectl create secret tls, or cert-manager, or name another in {FIELD}"
        );
        ObserveError::stalled(Reason::DependencyMissing, note)
    })?;
    let Some(text) = data.expose(CERTIFICATE) else {
        return Err(ObserveError::stalled(
            Reason::SecretMalformed,
            format!("Secret {at} has no {CERTIFICATE}; put the authority's certificate there"),
        ));
    };
    Authority::from_pem(text).map_err(|error| unfit(at, error))
}

fn unfit(at: &NamespacedName, error: AuthorityError) -> ObserveError {
    let note = |what: &str| format!("{CERTIFICATE} of Secret {at} is no use: {error}; {what}");
    match error {
        AuthorityError::NotPem | AuthorityError::Malformed => {
            ObserveError::stalled(Reason::SecretMalformed, note("put the authority's certificate there, in PEM"))
        }
        AuthorityError::NotAnAuthority => ObserveError::stalled(
            Reason::NotAnAuthority,
            note("put the certificate of who signs the devices' certificates there (cert-manager: isCA: true)"),
        ),
        AuthorityError::MayNotSign => {
            ObserveError::stalled(Reason::NotAnAuthority, note("have it issued anew with that usage (cert-manager: usages: [cert sign])"))
        }
    }
}

/// What is to be told of authorities that end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// One has ended.
    pub(super) over: Option<Why>,
    /// One is about to.
    pub(super) soon: Option<Why>,
    /// When there is more to tell.
    pub(super) next: Option<Timestamp>,
}

/// Looks at when a group's authorities end.
pub(super) fn ending(group: &EnrollmentGroup, signers: &Signers, now: Timestamp) -> Ending {
    let Signers::Certificates(pair) = signers else { return Ending::default() };
    let mut ending = Ending::default();
    for (authority, (at, slot)) in pair.iter().zip(authority_secrets_of(group).iter().zip(["primary", "secondary"])) {
        let (end, notice) = (authority.not_after(), notice(authority));
        let (subject, day) = (authority.subject(), end.strftime("%Y-%m-%d"));
        if end <= now {
            let what = match slot {
                "primary" => "renew it, or name the Secret of another",
                _ => "take it out of there",
            };
            let note = format!("the authority {subject} of Secret {at} ended on {day} ({FIELD}.{slot}); {what}");
            ending.over.get_or_insert(Why::new(Reason::CertificateExpired, note));
        } else if notice <= now {
            let note = format!(
                "the authority {subject} of Secret {at} ends on {day}, and devices that it signed cannot register from then on; let another take over ({FIELD})"
            );
            ending.soon.get_or_insert(Why::new(Reason::CertificateExpiring, note));
        }
        ending.next = [notice, end].into_iter().chain(ending.next).filter(|when| *when > now).min();
    }
    ending
}

fn notice(authority: &Authority) -> Timestamp {
    let life = authority.not_after().duration_since(authority.not_before());
    authority.not_after().saturating_sub(NOTICE.min(life / 10)).unwrap_or(authority.not_after())
}

/// The authorities that the provisioning service accepts, as they are told.
pub(super) fn status(document: &Document, signers: &Signers, issues: bool) -> Vec<AuthorityStatus> {
    const SLOTS: [Slot; 2] = [Slot::Primary, Slot::Secondary];
    match signers {
        Signers::Certificates(pair) => {
            let accepted = pair.iter().zip(SLOTS).filter(|(authority, _)| document.accepts(authority));
            accepted.map(|(authority, slot)| of_certificate(authority, slot, issues && slot == Slot::Primary)).collect()
        }
        Signers::References(pair) if document.has_signers(signers) => {
            pair.iter().zip(SLOTS).map(|(name, slot)| of_reference(name, slot)).collect()
        }
        Signers::References(_) => Vec::new(),
    }
}

fn of_certificate(authority: &Authority, slot: Slot, issues: bool) -> AuthorityStatus {
    AuthorityStatus {
        slot,
        reference: None,
        subject: Some(authority.subject().to_owned()),
        thumbprint: Some(authority.thumbprint().to_string()),
        not_after: Some(authority.not_after()),
        issues,
    }
}

fn of_reference(name: &str, slot: Slot) -> AuthorityStatus {
    AuthorityStatus { slot, reference: Some(name.to_owned()), subject: None, thumbprint: None, not_after: None, issues: false }
}
