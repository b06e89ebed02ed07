//! What becomes of a credential's Secret.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Act, Goal, Plan, Reason, Seed, Target};

use crate::{
    kinds::device_credential::{
        assignment::hub_login,
        certificate::{
            cert_manager::{
                certificate_name_of,
                plan::{CertManagerStep, plan_cert_manager},
            },
            signed_here::plan::{SigningStep, plan_signed_here},
        },
        enrollment::{
            disenroll::{EnrollmentStep, disenroll},
            reenroll::reenroll,
        },
        hub_identity::leaving::{IdentityStep, leave},
        keys::{
            Keys, ObservedKeys,
            generated::{Decision, KeyStep},
        },
        observe::{Observed, ObservedWithKeys},
        outputs::secret_content::{Content, Login, Origin, Source},
        reprovision::{ReprovisionStep, plan_reprovision},
        secret::{
            annotations::{annotation, key_annotations_of},
            checks::{Checks, Expected, Flaw, Holds, is_same_login, is_usable, left_alone, says_so},
            read::ObservedSecret,
        },
        subject::secret_of,
    },
    object::{Keyed, NamespacedName},
};

/// Decides, by what was seen.
pub fn plan(credential: &DeviceCredential, seen: &Observed, goal: Goal, now: Timestamp) -> Plan<Action> {
    match (goal, seen) {
        // The Secret goes with its owner; nothing else was made.
        (_, Observed::Nothing) | (Goal::Absent, Observed::Keys(_) | Observed::SignedHere(_) | Observed::CertManager(_)) => Plan::met(),
        (Goal::Absent, Observed::Enrollment(seen)) => disenroll(seen, now).map(Action::Enrollment),
        (Goal::Present, Observed::Enrollment(seen)) => reenroll(seen).map(Action::Enrollment),
        (_, Observed::Identity(seen)) => leave(seen).map(Action::Leave),
        (Goal::Present, Observed::Keys(seen)) => plan_keys(credential, seen, now),
        (Goal::Present, Observed::SignedHere(seen)) => plan_signed_here(credential, seen, now),
        (Goal::Present, Observed::CertManager(seen)) => plan_cert_manager(credential, seen, now),
    }
}

/// What can be done for a credential.
#[derive(Debug)]
pub enum Action {
    /// Writes the Secret: a new one, or over the version that was seen.
    Write { at: NamespacedName, content: Box<Content>, revision: i64, over: Option<Arc<ObjectMeta>>, why: Reason },
    /// Deletes a Secret that was made for this credential under another name.
    Delete(NamespacedName),
    /// Disenrolls the device, or lets it register again.
    Enrollment(EnrollmentStep),
    /// Has the device register anew.
    Reprovision(ReprovisionStep),
    /// Brings generated keys to the cloud.
    Keys(KeyStep),
    /// Parts with a device that was created in a hub.
    Leave(IdentityStep),
    /// Brings about a certificate of the device's own.
    Certificate(SigningStep),
    /// Has cert-manager issue one.
    Order(CertManagerStep),
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::Write { why, .. } => *why,
            Self::Delete(_) => Reason::DeleteSecret,
            Self::Enrollment(step) => step.reason(),
            Self::Reprovision(step) => step.reason(),
            Self::Keys(step) => step.reason(),
            Self::Leave(step) => step.reason(),
            Self::Certificate(step) => step.reason(),
            Self::Order(step) => step.reason(),
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Write { at, over: None, .. } => format!("Create Secret {at}"),
            Self::Write { at, revision, .. } => format!("Write revision {revision} to Secret {at}"),
            Self::Delete(at) => format!("Delete Secret {at}, which has another name now"),
            Self::Enrollment(step) => step.note(),
            Self::Reprovision(step) => step.note(),
            Self::Keys(step) => step.note(),
            Self::Leave(step) => step.note(),
            Self::Certificate(step) => step.note(),
            Self::Order(step) => step.note(),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Write { .. } | Self::Delete(_) => Target::Cluster,
            Self::Enrollment(step) => step.target(),
            Self::Reprovision(step) => step.target(),
            Self::Keys(step) => step.target(),
            Self::Leave(step) => step.target(),
            Self::Certificate(step) => step.target(),
            Self::Order(step) => step.target(),
        }
    }

    fn is_news(&self) -> bool {
        match self {
            Self::Write { over, .. } => over.is_some(),
            Self::Delete(_) => true,
            Self::Enrollment(step) => step.is_news(),
            Self::Reprovision(step) => step.is_news(),
            Self::Keys(step) => step.is_news(),
            Self::Leave(step) => step.is_news(),
            Self::Certificate(step) => step.is_news(),
            Self::Order(step) => step.is_news(),
        }
    }
}

/// Spreads what credentials do over time.
pub fn seed(credential: &DeviceCredential) -> Seed {
    Seed::of(&credential.key().to_string())
}

/// What becomes of a Secret with keys: first whether it may be written at all, then the keys, then what is made with them, and last
/// what there is of it.
pub fn plan_keys(credential: &DeviceCredential, seen: &ObservedWithKeys, now: Timestamp) -> Plan<Action> {
    let at = secret_of(credential);
    let checks = seen.secret.as_ref().map(|secret| Checks { credential, secret, holds: Holds::Keys });
    match checks.map(|checks| checks.of_place()) {
        Some(Err(Flaw::WrongType)) => {
            let actions = vec![Action::Certificate(SigningStep::Replace { at })];
            return Plan::act(
                with_stale(credential, actions, &seen.stale),
                Reason::DeleteSecret,
                "The Secret is being made again for keys",
            );
        }
        Some(Err(_)) => return left_alone(&at),
        Some(Ok(())) | None => {}
    }
    let (keys, first) = match keys_of(seen, &at, now) {
        Ok(keys) => keys,
        Err(plan) => return plan,
    };
    let (login, withheld) = match login(credential, seen, &keys) {
        Ok(login) => (login, None),
        Err(withheld) => (None, Some(withheld)),
    };
    let renewals = seen.renewals.with_hub(login.is_some());
    let before = checks.map(|checks| key_annotations_of(&checks.secret.meta).lives).unwrap_or_default();
    let lives = renewals.go_on(&before, seed(credential), now);
    let (connection_string, names) = (credential.spec.connection_string, credential.spec.secret.keys.clone());
    let source = Source { origin: seen.origin.clone(), keys, login, connection_string, names };
    let content = Box::new(source.content(lives.clone()));
    let mut actions: Vec<_> = first.into_iter().map(Action::Keys).collect();
    let Some(checks) = checks else {
        actions.push(Action::Write { at, content, revision: 1, over: None, why: Reason::CreateSecret });
        return Plan::act(with_stale(credential, actions, &seen.stale), Reason::CreateSecret, "The credential is being written");
    };
    let secret = checks.secret;
    let renewal_due = lives != before && lives.are_renewed(&before, whole_seconds(now));
    let expected = Expected { renewal_due, says_so: says_so(secret, &content), stale: &seen.stale };
    let why = match checks.of_content(&expected) {
        Ok(()) if actions.is_empty() => {
            let due = renewals.due(&lives, seed(credential));
            return at_rest(seen, withheld, now).by(due).by(seen.assigned.as_ref().map(|assigned| assigned.next));
        }
        Ok(()) | Err(Flaw::Stale) => None,
        Err(Flaw::RenewalDue) => Some(Reason::RenewToken),
        Err(_) => Some(Reason::UpdateSecret),
    };
    // What the Secret holds is good until its token ends: a new revision is no outage.
    let usable = is_usable(secret, now) && withheld.is_none() && (why.is_none() || is_same_login(secret, &content));
    actions.extend(why.map(|why| rewrite(at, secret, content, why)));
    Plan::act(with_stale(credential, actions, &seen.stale), Reason::UpdateSecret, "The credential is being rewritten").usable(usable)
}

/// The keys that the device is given, and what is done first so that the cloud knows them; or what is done until there are any.
fn keys_of(seen: &ObservedWithKeys, at: &NamespacedName, now: Timestamp) -> Result<(Keys, Vec<KeyStep>), Plan<Action>> {
    match &seen.keys {
        ObservedKeys::Derived(keys) => Ok((keys.clone(), Vec::new())),
        ObservedKeys::Generated(generated, made_for) => match generated.decide(at, seen.secret.as_ref().map(|secret| &secret.meta)) {
            Decision::NotYet(plan) => {
                // What the device holds is good until the cloud has the new keys.
                let usable = !plan.actions.is_empty() && seen.secret.as_ref().is_some_and(|secret| is_usable(secret, now));
                Err(plan.map(Action::Keys).usable(usable))
            }
            Decision::Use { keys, first } => Ok((Keys::generated(keys, *made_for), first)),
        },
    }
}

/// What is left to do for a credential whose Secret holds all that it can hold now.
fn at_rest(seen: &ObservedWithKeys, withheld: Option<Plan<Action>>, now: Timestamp) -> Plan<Action> {
    match (&seen.asked, withheld) {
        (Some(asked), _) => plan_reprovision(asked, now).map(Action::Reprovision),
        (None, Some(withheld)) => withheld,
        (None, None) => Plan::met(),
    }
}

/// What the device logs in to its hub with, if anything of it is asked for; or why there is nothing of the kind.
pub fn login(credential: &DeviceCredential, seen: &ObservedWithKeys, keys: &Keys) -> Result<Option<Login>, Plan<Action>> {
    match (&seen.origin, &seen.assigned) {
        (Origin::Hub { hub, device }, _) => Ok(Some(Login { hub: hub.clone(), device: device.clone(), slot: keys.slot })),
        (Origin::Service { .. }, Some(assigned)) => hub_login(credential, assigned, keys, &seen.group).map(Some),
        (Origin::Service { .. }, None) => Ok(None),
    }
}

fn rewrite(at: NamespacedName, secret: &ObservedSecret, content: Box<Content>, why: Reason) -> Action {
    let before = key_annotations_of(&secret.meta);
    let same = annotation(&secret.meta, names::DIGEST) == Some(&content.digest.to_string());
    let revision = if same { before.revision.max(1) } else { before.revision + 1 };
    Action::Write { at, content, revision, over: Some(secret.meta.clone()), why }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The actions, and after them what becomes of Secrets that are not wanted any more.
pub fn with_stale(credential: &DeviceCredential, mut actions: Vec<Action>, stale: &[NamespacedName]) -> Vec<Action> {
    let order = certificate_name_of(credential);
    actions.extend(
        stale
            .iter()
            .cloned()
            .map(|at| if at == order { Action::Order(CertManagerStep::DeleteCertificate { at }) } else { Action::Delete(at) }),
    );
    actions
}
