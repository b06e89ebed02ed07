//! What becomes of a certificate that cert-manager issues.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use moorage_crds::DeviceCredential;
use moorage_plan::{Act, Plan, Reason, Standing, Target};
use serde_json::Value;

use crate::{
    cluster::{Certificate, Found},
    controller::reconcile::schedule::{patiently, soon},
    kinds::device_credential::{
        certificate::{
            annotations::{certificate_annotations, certificate_annotations_of},
            cert_manager::{
                ObservedCertManager, Trust,
                document::{Progress, is_made_for, owners, progress},
                issued::{DATED_BACK, UsableCertificate, fit},
            },
            is_of_a_certificate,
        },
        plan::{Action, with_stale},
        reprovision::plan_reprovision,
        secret::{
            annotations::annotation,
            checks::{Checks, Expected, Flaw, Holds, left_alone},
        },
        subject::secret_of,
    },
    object::NamespacedName,
};

/// What can be done for such a certificate.
#[derive(Debug)]
pub enum CertManagerStep {
    /// Makes the Secret that cert-manager fills: empty, and ours.
    CreateSecret { at: NamespacedName },
    /// Asks cert-manager, or asks otherwise.
    ApplyCertificate { at: NamespacedName, issuer: String, document: Value, anew: bool },
    /// Has that Secret go with the Certificate.
    SetOwner { at: NamespacedName, owners: Vec<OwnerReference>, over: Arc<ObjectMeta> },
    /// Writes what was issued into the credential's Secret: a new one, or over the version that was seen.
    WriteSecret {
        at: NamespacedName,
        fit: Box<UsableCertificate>,
        said: Box<SecretAnnotations>,
        over: Option<Arc<ObjectMeta>>,
        why: Reason,
    },
    /// Deletes the credential's Secret of another type, to be made again: a type cannot change.
    DeleteSecret { at: NamespacedName },
    /// Takes back what was asked for, and all that came of it.
    DeleteCertificate { at: NamespacedName },
}

/// What a Secret's annotations are to say.
pub type SecretAnnotations = std::collections::BTreeMap<String, String>;

impl Act for CertManagerStep {
    fn reason(&self) -> Reason {
        match self {
            Self::CreateSecret { .. } => Reason::CreateSecret,
            Self::ApplyCertificate { .. } => Reason::OrderCertificate,
            Self::SetOwner { .. } => Reason::UpdateSecret,
            Self::WriteSecret { why, .. } => *why,
            Self::DeleteSecret { .. } | Self::DeleteCertificate { .. } => Reason::DeleteSecret,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::CreateSecret { at } => format!("Create Secret {at} for cert-manager to put the certificate into"),
            Self::ApplyCertificate { at, issuer, anew: false, .. } => format!("Order Certificate {at} of {issuer}"),
            Self::ApplyCertificate { at, issuer, .. } => format!("Change Certificate {at}, which is ordered of {issuer}"),
            Self::SetOwner { at, .. } => format!("Tie Secret {at} to its Certificate, with which it goes"),
            Self::WriteSecret { at, fit, over: None, .. } => format!("Create Secret {at} with a certificate until {}", fit.life.not_after),
            Self::WriteSecret { at, fit, .. } => format!("Write Secret {at} with a certificate until {}", fit.life.not_after),
            Self::DeleteSecret { at } => format!("Delete Secret {at}, whose type cannot change, to make it again"),
            Self::DeleteCertificate { at } => format!("Delete Certificate {at} and its Secret: cert-manager is not asked any more"),
        }
    }

    fn target(&self) -> Target {
        Target::Cluster
    }

    fn is_news(&self) -> bool {
        match self {
            Self::CreateSecret { .. }
            | Self::SetOwner { .. }
            | Self::ApplyCertificate { anew: false, .. }
            | Self::WriteSecret { over: None, .. } => false,
            Self::ApplyCertificate { .. } | Self::WriteSecret { .. } | Self::DeleteSecret { .. } | Self::DeleteCertificate { .. } => true,
        }
    }
}

/// What becomes of a Secret with a certificate of cert-manager: first the Certificate, then what there is of it.
pub fn plan_cert_manager(credential: &DeviceCredential, seen: &ObservedCertManager, now: Timestamp) -> Plan<Action> {
    let at = secret_of(credential);
    if checks_of(credential, seen).is_some_and(|checks| checks.ours().is_err()) {
        return left_alone(&at);
    }
    let usable = serves(seen, now);
    match bring_about(credential, seen) {
        Err(plan) => plan.map(Action::Order).usable(usable).by(patiently(now)),
        Ok(certificate) => received(credential, seen, certificate, usable, now),
    }
}

/// Brings the order about: the Secret first, then the Certificate, then the tie between the two. Gives the Certificate once all is in place.
fn bring_about<'a>(credential: &DeviceCredential, seen: &'a ObservedCertManager) -> Result<&'a Certificate, Plan<CertManagerStep>> {
    let at = &seen.order.at;
    let act = |step: CertManagerStep, note: &str| {
        let reason = step.reason();
        Err(Plan::act(vec![step], reason, note))
    };
    let place = |over: Option<&ObjectMeta>| {
        let document = seen.order.document(credential, over);
        CertManagerStep::ApplyCertificate { at: at.clone(), issuer: seen.order.issuer.clone(), document, anew: over.is_some() }
    };
    let theirs = |what: &str| {
        format!(
            "{what} {at} belongs to somebody else and is left alone; delete it: the certificate that {} issues is to be there",
            seen.order.issuer
        )
    };
    let certificate = match &seen.found {
        Found::NotInstalled => {
            let note = "spec.certificate.issuerRef asks cert-manager for the certificate, and this cluster does not have it; install cert-manager, or leave issuerRef out to have the group's authority sign";
            return Err(Plan::stalled(Reason::DependencyMissing, note));
        }
        Found::Nothing => None,
        Found::Certificate(certificate) if is_made_for(credential, &certificate.metadata) => Some(&**certificate),
        Found::Certificate(_) => return Err(Plan::stalled(Reason::AlreadyExists, theirs("Certificate"))),
    };
    let Some(delivered) = &seen.delivered else {
        return act(CertManagerStep::CreateSecret { at: at.clone() }, "The certificate is being ordered");
    };
    if !is_made_for(credential, &delivered.meta) {
        return Err(Plan::stalled(Reason::SecretNotOurs, theirs("Secret")));
    }
    let Some(certificate) = certificate else {
        return act(place(None), "The certificate is being ordered");
    };
    if !seen.order.is_as_desired(credential, certificate) {
        return act(place(Some(&certificate.metadata)), "The certificate is being ordered anew");
    }
    match owners(credential, certificate, &delivered.meta) {
        Some(owners) => {
            act(CertManagerStep::SetOwner { at: at.clone(), owners, over: delivered.meta.clone() }, "The certificate is being ordered")
        }
        None => Ok(certificate),
    }
}

/// Hands on what was issued, and tells where the order stands.
fn received(
    credential: &DeviceCredential,
    seen: &ObservedCertManager,
    certificate: &Certificate,
    usable: bool,
    now: Timestamp,
) -> Plan<Action> {
    let issued = fit(seen, now);
    if let Some(Ok(fit)) = &issued
        && let Some((step, note)) = hand_on(credential, seen, fit, usable)
    {
        let reason = step.reason();
        let actions = with_stale(credential, vec![Action::Order(step)], &seen.seen.stale);
        return Plan::act(actions, reason, note).usable(usable);
    }
    if !seen.seen.stale.is_empty() && usable {
        return Plan::act(with_stale(credential, Vec::new(), &seen.seen.stale), Reason::DeleteSecret, "The credential is being rewritten")
            .usable(usable);
    }
    let order = &seen.order;
    let plan = match (progress(certificate), issued) {
        (Progress::Failed(told), _) => Plan::stalled(
            Reason::CertificateRefused,
            format!(
                "cert-manager did not issue Certificate {}: {told}; correct {}, or name another in spec.certificate.issuerRef; it is tried again by itself",
                order.at, order.issuer
            ),
        ),
        (Progress::Waiting(told), Some(Ok(_))) => wait(seen, &told, soon(now)),
        (Progress::Waiting(told), _) => wait(seen, &told, None),
        (Progress::Done, None) => wait(seen, "its Secret is empty", None),
        (Progress::Done, Some(Err(why))) => Plan { standing: Standing::Stalled(why), ..Plan::met() },
        (Progress::Done, Some(Ok(_))) => return at_rest(seen, certificate, now),
    };
    plan.usable(usable).by(patiently(now))
}

fn wait(seen: &ObservedCertManager, told: &str, when: Option<Timestamp>) -> Plan<Action> {
    Plan::wait(Reason::AwaitingCertificate, format!("cert-manager has not issued Certificate {} yet: {told}", seen.order.at), when)
}

/// The credential's Secret holds what was issued. When that is to be renewed, and is not, somebody wants to know.
fn at_rest(seen: &ObservedCertManager, certificate: &Certificate, now: Timestamp) -> Plan<Action> {
    let plan = seen.seen.asked.as_ref().map_or_else(Plan::met, |asked| plan_reprovision(asked, now).map(Action::Reprovision));
    let due = certificate.status.renewal_time;
    plan.by(due.filter(|due| now < *due).or_else(|| due.and_then(|_| patiently(now)))).by(life_of(seen).map(|life| life.not_after))
}

fn life_of(seen: &ObservedCertManager) -> Option<moorage_plan::Lifetime> {
    certificate_annotations_of(&seen.seen.secret.as_ref()?.meta).life
}

/// Whether what the credential's Secret holds opens the door now.
fn serves(seen: &ObservedCertManager, now: Timestamp) -> bool {
    let Some(secret) = seen.seen.secret.as_ref().filter(|secret| secret.intact && is_of_a_certificate(&secret.meta)) else { return false };
    let before = certificate_annotations_of(&secret.meta);
    let is_accepted = match &seen.trust {
        Trust::In(accepted) => accepted.iter().any(|authority| before.authority.is_some_and(|told| authority.thumbprint().is(told))),
        Trust::Unknown => true,
    };
    is_accepted && before.life.is_some_and(|life| now < life.not_after)
}

/// What is to be done so that the credential's Secret holds this; `None` if it does, or has something newer.
fn hand_on(
    credential: &DeviceCredential,
    seen: &ObservedCertManager,
    fit: &UsableCertificate,
    usable: bool,
) -> Option<(CertManagerStep, &'static str)> {
    let at = secret_of(credential);
    let said = |revision| Box::new(certificate_annotations(&seen.registration_info, &fit.authority, fit.life, &fit.digest, revision));
    let write =
        |revision, over, why| CertManagerStep::WriteSecret { at: at.clone(), fit: Box::new(fit.clone()), said: said(revision), over, why };
    let Some(checks) = checks_of(credential, seen) else {
        return Some((write(1, None, Reason::CreateSecret), "The credential is being written"));
    };
    if checks.of_type().is_err() {
        return Some((CertManagerStep::DeleteSecret { at }, "The Secret is being made again for a certificate"));
    }
    let meta = &checks.secret.meta;
    let before = certificate_annotations_of(meta);
    let says_so = said(before.revision).iter().all(|(name, value)| annotation(meta, name) == Some(value));
    // What is stale goes when there is nothing else to do.
    let flaw = checks.of_content(&Expected { renewal_due: before.life != Some(fit.life), says_so, stale: &[] }).err()?;
    let is_older = before.life.is_some_and(|life| fit.life.not_before + DATED_BACK < life.not_before);
    if usable && is_older && before.fingerprint == Some(seen.registration_info.fingerprint().as_str()) {
        return None;
    }
    let why = if flaw == Flaw::RenewalDue { Reason::RenewCertificate } else { Reason::UpdateSecret };
    Some((write(before.revision + 1, Some(meta.clone()), why), "The credential is being rewritten"))
}

fn checks_of<'a>(credential: &'a DeviceCredential, seen: &'a ObservedCertManager) -> Option<Checks<'a>> {
    seen.seen.secret.as_ref().map(|secret| Checks { credential, secret, holds: Holds::Certificate })
}
