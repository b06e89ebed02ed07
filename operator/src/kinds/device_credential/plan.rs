//! What becomes of a credential's Secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Act, Plan, Reason, Seed, Target};

use super::assigned;
use super::content::{Content, Keys, Login, Origin, Source};
use super::custody::{self, Decision};
use super::disenrollment::EnrollmentStep;
use super::leaf::{self, order};
use super::observe::{SeenKeys, SeenWithKeys, secret_of};
use super::secret::SeenSecret;
use super::tokens::Lives;
use super::{identity, reprovisioning};
use crate::{
    cache::secrets::owner_of,
    object::{Keyed, KindName, NamespacedName},
};

/// What can be done for a credential.
#[derive(Debug)]
pub enum Action {
    /// Writes the Secret: a new one, or over the version that was seen.
    Write { at: NamespacedName, content: Box<Content>, revision: i64, over: Option<Arc<ObjectMeta>>, why: Reason },
    /// Deletes a Secret that was made for this credential under another name.
    Delete(NamespacedName),
    /// Bars the device, or lets it in again.
    Enrollment(EnrollmentStep),
    /// Has the device register anew.
    Reprovision(reprovisioning::ReprovisionStep),
    /// Brings generated keys to the cloud.
    Keys(custody::KeyStep),
    /// Parts with a device that was created in a hub.
    Leave(identity::IdentityStep),
    /// Brings about a certificate of the device's own.
    Certificate(leaf::SigningStep),
    /// Has cert-manager issue one.
    Order(order::CertManagerStep),
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

/// The credential as its Secret's annotations describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyAnnotations {
    pub(super) revision: i64,
    pub(super) lives: Lives,
}

pub(super) fn key_annotations_of(meta: &ObjectMeta) -> KeyAnnotations {
    let revision = annotation(meta, names::REVISION).and_then(|text| text.parse().ok());
    KeyAnnotations { revision: revision.unwrap_or(0), lives: Lives::written(meta) }
}

pub(super) fn seed(credential: &DeviceCredential) -> Seed {
    Seed::of(&credential.key().to_string())
}

pub(super) fn plan(credential: &DeviceCredential, seen: &SeenWithKeys, now: Timestamp) -> Plan<Action> {
    let at = secret_of(credential);
    let over = seen.secret.as_ref().map(|secret| &secret.meta);
    if over.is_some_and(|meta| !is_ours(credential, meta)) {
        let note = format!("Secret {at} belongs to somebody else and is left alone; delete it, or name another in spec.secret.name");
        return Plan::stalled(Reason::SecretNotOurs, note);
    }
    if over.is_some_and(|meta| leaf::is_of_a_certificate(meta)) {
        let actions = vec![Action::Certificate(leaf::SigningStep::Replace { at })];
        return Plan::act(with_stale(credential, actions, &seen.stale), Reason::DeleteSecret, "The Secret is being made again for keys");
    }
    let (keys, first) = match &seen.keys {
        SeenKeys::Derived(keys) => (keys.clone(), Vec::new()),
        SeenKeys::Generated(custody, made_for) => match custody.decide(&at, over) {
            Decision::NotYet(plan) => {
                // What the device holds is good until the cloud has the new keys.
                let usable = !plan.actions.is_empty() && seen.secret.as_ref().is_some_and(|secret| serves(secret, now));
                return plan.map(Action::Keys).usable(usable);
            }
            Decision::Use { keys, first } => (Keys::generated(keys, *made_for), first),
        },
    };
    let (login, withheld) = match login(credential, seen, &keys) {
        Ok(login) => (login, None),
        Err(withheld) => (None, Some(withheld)),
    };
    let renewals = seen.renewals.with_hub(login.is_some());
    let before = over.map(|meta| key_annotations_of(meta));
    let lives = renewals.go_on(before.map(|before| before.lives).unwrap_or_default(), seed(credential), now);
    let (connection_string, names) = (credential.spec.connection_string, credential.spec.secret.keys.clone());
    let source = Source { origin: seen.origin.clone(), keys, login, connection_string, names };
    let content = Box::new(source.content(lives));
    let mut actions: Vec<_> = first.into_iter().map(Action::Keys).collect();
    let Some(secret) = &seen.secret else {
        actions.push(Action::Write { at, content, revision: 1, over: None, why: Reason::CreateSecret });
        return Plan::act(with_stale(credential, actions, &seen.stale), Reason::CreateSecret, "The credential is being written");
    };
    if !(describes(secret, &content) && is_owned_by(credential, &secret.meta)) {
        let usable = serves(secret, now) && withheld.is_none() && is_same_login(secret, &content);
        actions.push(rewrite(at, secret, content, now));
        // What the Secret holds is good until its token ends: a new revision is no outage.
        return Plan::act(with_stale(credential, actions, &seen.stale), Reason::UpdateSecret, "The credential is being rewritten")
            .usable(usable);
    }
    if actions.is_empty() && seen.stale.is_empty() {
        let due = renewals.due(lives, seed(credential));
        return at_rest(seen, withheld, now).by(due).by(seen.assigned.as_ref().map(|assigned| assigned.next));
    }
    let usable = serves(secret, now) && withheld.is_none();
    Plan::act(with_stale(credential, actions, &seen.stale), Reason::UpdateSecret, "The credential is being rewritten").usable(usable)
}

/// What is left to do for a credential whose Secret holds all that it can hold now.
fn at_rest(seen: &SeenWithKeys, withheld: Option<Plan<Action>>, now: Timestamp) -> Plan<Action> {
    match (&seen.asked, withheld) {
        (Some(asked), _) => reprovisioning::plan(asked, now).map(Action::Reprovision),
        (None, Some(withheld)) => withheld,
        (None, None) => Plan::met(),
    }
}

/// What the device logs in to its hub with, if anything of it is asked for; or why there is nothing of the kind.
fn login(credential: &DeviceCredential, seen: &SeenWithKeys, keys: &Keys) -> Result<Option<Login>, Plan<Action>> {
    match (&seen.origin, &seen.assigned) {
        (Origin::Hub { hub, device }, _) => Ok(Some(Login { hub: hub.clone(), device: device.clone(), slot: keys.slot })),
        (Origin::Service { .. }, Some(assigned)) => assigned::login(credential, assigned, keys, &seen.group).map(Some),
        (Origin::Service { .. }, None) => Ok(None),
    }
}

/// Whether what a Secret holds can be used now.
fn serves(secret: &SeenSecret, now: Timestamp) -> bool {
    let before = key_annotations_of(&secret.meta);
    secret.intact && before.revision > 0 && before.lives.last(now)
}

/// Whether the connection string and the token that a Secret holds are still good.
fn is_same_login(secret: &SeenSecret, content: &Content) -> bool {
    annotation(&secret.meta, names::HUB_LOGIN) == content.login.as_ref()
}

fn rewrite(at: NamespacedName, secret: &SeenSecret, content: Box<Content>, now: Timestamp) -> Action {
    let before = key_annotations_of(&secret.meta);
    let same = annotation(&secret.meta, names::DIGEST) == Some(&content.digest.to_string());
    let revision = if same { before.revision.max(1) } else { before.revision + 1 };
    let renewed = secret.intact && content.lives.are_renewed(before.lives, whole_seconds(now));
    let why = if renewed { Reason::RenewToken } else { Reason::UpdateSecret };
    Action::Write { at, content, revision, over: Some(secret.meta.clone()), why }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The actions, and after them what becomes of Secrets that are not wanted any more.
pub(super) fn with_stale(credential: &DeviceCredential, mut actions: Vec<Action>, stale: &[NamespacedName]) -> Vec<Action> {
    let order = order::name_of(credential);
    actions.extend(
        stale
            .iter()
            .cloned()
            .map(|at| if at == order { Action::Order(order::CertManagerStep::DeleteCertificate { at }) } else { Action::Delete(at) }),
    );
    actions
}

/// Ours if it says so, and no other object controls it. The uid does not count: a restore changes it.
pub(super) fn is_ours(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    let key = credential.key();
    let mut owners = meta.owner_references.iter().flatten().filter(|owner| owner.controller == Some(true));
    owner_of(meta).as_ref() == Some(&key)
        && owners.all(|owner| owner.kind == KindName::DeviceCredential.as_str() && *owner.name == *key.name.name)
}

/// Whether the Secret goes when this very object goes; after a restore it names a uid that is no more.
pub(super) fn is_owned_by(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    meta.owner_references.iter().flatten().any(|owner| Some(&owner.uid) == credential.meta().uid.as_ref())
}

/// Whether the Secret is as it would be written now.
fn describes(secret: &SeenSecret, content: &Content) -> bool {
    let wanted = annotations(content, key_annotations_of(&secret.meta).revision);
    secret.intact
        && wanted.iter().all(|(name, value)| annotation(&secret.meta, name) == Some(value))
        && key_annotations_of(&secret.meta).revision > 0
}

pub(super) fn annotation<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a String> {
    meta.annotations.as_ref()?.get(name)
}

/// Whether an annotation is one that says something of the content, and not of every content.
pub(super) fn comes_and_goes(name: &str) -> bool {
    Lives::are_told_by(name) || [names::KEYS_OF, names::HUB_LOGIN].contains(&name)
}

/// What the Secret's annotations say of its content.
pub(super) fn annotations(content: &Content, revision: i64) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([
        (names::DIGEST.to_owned(), content.digest.to_string()),
        (names::REVISION.to_owned(), revision.to_string()),
        (names::SLOT.to_owned(), format!("{:?}", content.slot)),
    ]);
    annotations.extend(content.lives.annotations());
    annotations.extend(content.made_for.map(|made_for| (names::KEYS_OF.to_owned(), format!("{made_for:?}"))));
    annotations.extend(content.login.clone().map(|login| (names::HUB_LOGIN.to_owned(), login)));
    annotations
}
