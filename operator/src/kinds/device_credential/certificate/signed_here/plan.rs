//! What becomes of the Secret with a device's certificate.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::DeviceCredential;
use moorage_plan::{Act, Lifetime, Plan, Reason, Target};

use crate::{
    kinds::device_credential::{
        certificate::{
            annotations::certificate_annotations_of,
            lifetime,
            signed_here::{CertificateSource, ObservedSignedHere},
        },
        plan::{Action, seed, with_stale},
        reprovision::plan_reprovision,
        secret::checks::{Checks, Expected, Flaw, Holds, left_alone},
        subject::secret_of,
    },
    object::NamespacedName,
};

/// What can be done for a certificate.
#[derive(Debug)]
pub enum SigningStep {
    /// Issues a certificate and writes it: in a new Secret, or over the version that was seen.
    Issue { at: NamespacedName, source: CertificateSource, life: Lifetime, revision: i64, over: Option<Arc<ObjectMeta>>, why: Reason },
    /// Writes what is beside the certificate, which stays.
    Rewrite { at: NamespacedName, source: CertificateSource, life: Lifetime, revision: i64, over: Arc<ObjectMeta> },
    /// Deletes a Secret of another type, to be made again: a type cannot change.
    Replace { at: NamespacedName },
}

impl Act for SigningStep {
    fn reason(&self) -> Reason {
        match self {
            Self::Issue { why, .. } => *why,
            Self::Rewrite { .. } => Reason::UpdateSecret,
            Self::Replace { .. } => Reason::DeleteSecret,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Issue { at, life, over: None, .. } => format!("Create Secret {at} with a certificate until {}", life.not_after),
            Self::Issue { at, life, revision, .. } => {
                format!("Write revision {revision} to Secret {at} with a certificate until {}", life.not_after)
            }
            Self::Rewrite { at, revision, .. } => format!("Write revision {revision} to Secret {at} around its certificate"),
            Self::Replace { at } => format!("Delete Secret {at}, whose type cannot change, to make it again"),
        }
    }

    fn target(&self) -> Target {
        Target::Cluster
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Issue { over: None, .. })
    }
}

/// What becomes of a Secret with a certificate: first whether it may be written at all, then what there is of it.
pub fn plan_signed_here(credential: &DeviceCredential, seen: &ObservedSignedHere, now: Timestamp) -> Plan<Action> {
    let (at, source, renewal) = (secret_of(credential), &seen.source, seen.renewal);
    if source.authority.not_after() <= now {
        let note = format!("the authority of Secret {} has ended and signs nothing any more; renew it", source.issuer);
        return Plan::stalled(Reason::CertificateExpired, note);
    }
    let issue = |at, revision, over, why| {
        let life = lifetime::begin(renewal, &source.authority, now);
        Action::Certificate(SigningStep::Issue { at, source: source.clone(), life, revision, over, why })
    };
    let act = |actions, why, note: &str| Plan::act(with_stale(credential, actions, &seen.seen.stale), why, note);
    let Some(secret) = &seen.seen.secret else {
        let actions = vec![issue(at, 1, None, Reason::CreateSecret)];
        return act(actions, Reason::CreateSecret, "The certificate is being issued");
    };
    let checks = Checks { credential, secret, holds: Holds::Certificate };
    match checks.of_place() {
        Err(Flaw::WrongType) => {
            let actions = vec![Action::Certificate(SigningStep::Replace { at })];
            return act(actions, Reason::DeleteSecret, "The Secret is being made again for a certificate");
        }
        Err(_) => return left_alone(&at),
        Ok(()) => {}
    }
    let before = certificate_annotations_of(&secret.meta);
    let signed = before.authority.is_some_and(|authority| source.authority.thumbprint().is(authority));
    let kept = before.life.filter(|life| signed && lifetime::keeps(renewal, &source.authority, *life, seed(credential), now));
    let says_so = before.fingerprint == Some(source.registration_info.fingerprint().as_str());
    let expected = Expected { renewal_due: kept.is_none(), says_so, stale: &seen.seen.stale };
    // Until it ends, a certificate opens the door: also one of an authority that another takes over from.
    let usable = secret.intact && before.life.is_some_and(|life| now < life.not_after);
    let next = before.revision + 1;
    match (checks.of_content(&expected), kept) {
        (Ok(()), Some(kept)) => {
            let plan = seen.seen.asked.as_ref().map_or_else(Plan::met, |asked| plan_reprovision(asked, now).map(Action::Reprovision));
            plan.by(lifetime::due(renewal, &source.authority, kept, seed(credential)).or(Some(kept.not_after)))
        }
        (Err(Flaw::Stale), _) => act(Vec::new(), Reason::UpdateSecret, "The credential is being rewritten").usable(usable),
        (Err(Flaw::ContentDiffers), Some(life)) => {
            let rewrite = SigningStep::Rewrite { at, source: source.clone(), life, revision: next, over: secret.meta.clone() };
            act(vec![Action::Certificate(rewrite)], Reason::UpdateSecret, "The credential is being rewritten").usable(usable)
        }
        (flaw, _) => {
            let why = if flaw == Err(Flaw::Tampered) { Reason::UpdateSecret } else { Reason::RenewCertificate };
            act(vec![issue(at, next, Some(secret.meta.clone()), why)], why, "The certificate is being issued anew").usable(usable)
        }
    }
}
