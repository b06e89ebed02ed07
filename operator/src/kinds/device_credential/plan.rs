//! What becomes of a credential's Secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Plan, Reason, Seed};

use super::content::Content;
use super::disenrollment::Step;
use super::observe::{SeenSecret, Wanted, secret_of};
use super::reprovisioning;
use super::tokens::Lives;
use crate::{
    effects::Target,
    key::{KindName, Name},
    kind::{Act, Kind},
    secrets::owner_of,
};

/// What can be done for a credential.
#[derive(Debug)]
pub enum Action {
    /// Writes the Secret: a new one, or over the version that was seen.
    Write { at: Name, content: Box<Content>, revision: i64, over: Option<Arc<ObjectMeta>>, why: Reason },
    /// Deletes a Secret that was made for this credential under another name.
    Delete(Name),
    /// Bars the device, or lets it in again.
    Enrollment(Step),
    /// Has the device register anew.
    Reprovision(reprovisioning::Step),
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::Write { why, .. } => *why,
            Self::Delete(_) => Reason::DeleteSecret,
            Self::Enrollment(step) => step.reason(),
            Self::Reprovision(step) => step.reason(),
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Write { at, over: None, .. } => format!("Create Secret {at}"),
            Self::Write { at, revision, .. } => format!("Write revision {revision} to Secret {at}"),
            Self::Delete(at) => format!("Delete Secret {at}, which has another name now"),
            Self::Enrollment(step) => step.note(),
            Self::Reprovision(step) => step.note(),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Write { .. } | Self::Delete(_) => Target::Cluster,
            Self::Enrollment(step) => step.target(),
            Self::Reprovision(step) => step.target(),
        }
    }

    fn is_news(&self) -> bool {
        match self {
            Self::Write { over, .. } => over.is_some(),
            Self::Delete(_) => true,
            Self::Enrollment(step) => step.is_news(),
            Self::Reprovision(step) => step.is_news(),
        }
    }
}

/// The credential as its Secret's annotations describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) revision: i64,
    pub(super) lives: Lives,
}

pub(super) fn written(meta: &ObjectMeta) -> Written {
    let revision = annotation(meta, names::REVISION).and_then(|text| text.parse().ok());
    Written { revision: revision.unwrap_or(0), lives: Lives::written(meta) }
}

pub(super) fn seed(credential: &DeviceCredential) -> Seed {
    Seed::of(&credential.key().to_string())
}

pub(super) fn plan(credential: &DeviceCredential, seen: &Wanted, now: Timestamp) -> Plan<Action> {
    let at = secret_of(credential);
    let Some(secret) = &seen.secret else {
        let content = Box::new(seen.source.content(seen.renewals.begin(now)));
        let write = Action::Write { at, content, revision: 1, over: None, why: Reason::CreateSecret };
        return Plan::act(with_stale(vec![write], seen), Reason::CreateSecret, "The credential is being written");
    };
    if !is_ours(credential, &secret.meta) {
        let note = format!("Secret {at} belongs to somebody else and is left alone; delete it, or name another in spec.secret.name");
        return Plan::stuck(Reason::SecretNotOurs, note);
    }
    let before = written(&secret.meta);
    let lives = seen.renewals.go_on(before.lives, seed(credential), now);
    let content = Box::new(seen.source.content(lives));
    let as_wanted = describes(secret, &content) && is_owned_by(credential, &secret.meta);
    if as_wanted && seen.stale.is_empty() {
        let due = seen.renewals.due(lives, seed(credential));
        let plan = seen.asked.as_ref().map_or_else(Plan::met, |asked| reprovisioning::plan(asked, now).map(Action::Reprovision));
        return plan.by(due);
    }
    let actions = if as_wanted { Vec::new() } else { vec![rewrite(at, secret, content, before, now)] };
    // What the Secret holds is good until its token ends: a new revision is no outage.
    let usable = secret.intact && before.lives.last(now);
    Plan::act(with_stale(actions, seen), Reason::UpdateSecret, "The credential is being rewritten").usable(usable)
}

fn rewrite(at: Name, secret: &SeenSecret, content: Box<Content>, before: Written, now: Timestamp) -> Action {
    let same = annotation(&secret.meta, names::DIGEST) == Some(&content.digest.to_string());
    let revision = if same { before.revision.max(1) } else { before.revision + 1 };
    let renewed = secret.intact && content.lives.are_renewed(before.lives, whole_seconds(now));
    let why = if renewed { Reason::RenewToken } else { Reason::UpdateSecret };
    Action::Write { at, content, revision, over: Some(secret.meta.clone()), why }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn with_stale(mut actions: Vec<Action>, seen: &Wanted) -> Vec<Action> {
    actions.extend(seen.stale.iter().cloned().map(Action::Delete));
    actions
}

/// Ours if it says so, and no other object controls it. The uid does not count: a restore changes it.
fn is_ours(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    let key = credential.key();
    let mut owners = meta.owner_references.iter().flatten().filter(|owner| owner.controller == Some(true));
    owner_of(meta).as_ref() == Some(&key)
        && owners.all(|owner| owner.kind == KindName::DeviceCredential.as_str() && *owner.name == *key.at.name)
}

/// Whether the Secret goes when this very object goes; after a restore it names a uid that is no more.
fn is_owned_by(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    meta.owner_references.iter().flatten().any(|owner| Some(&owner.uid) == credential.meta().uid.as_ref())
}

/// Whether the Secret is as it would be written now.
fn describes(secret: &SeenSecret, content: &Content) -> bool {
    let wanted = annotations(content, written(&secret.meta).revision);
    secret.intact && wanted.iter().all(|(name, value)| annotation(&secret.meta, name) == Some(value)) && written(&secret.meta).revision > 0
}

fn annotation<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a String> {
    meta.annotations.as_ref()?.get(name)
}

/// What the Secret's annotations say of its content.
pub(super) fn annotations(content: &Content, revision: i64) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([
        (names::DIGEST.to_owned(), content.digest.to_string()),
        (names::REVISION.to_owned(), revision.to_string()),
        (names::SLOT.to_owned(), format!("{:?}", content.slot)),
    ]);
    annotations.extend(content.lives.annotations());
    annotations
}
