//! The life of a resource of Azure's resource manager, whatever its kind: claimed, made, adopted, waited for, deleted.
//!
//! Pure, but for the halves beside it that look and write (`observe`, `perform`). Each function gives the part of a plan that the
//! resource needs now, or says that nothing of it stands in the way of what the kind itself decides.

pub mod observe;
pub mod ownership;
pub mod perform;
pub mod resource_group;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use moorage_crds::Adoption;
use moorage_plan::{Plan, Reason};

use crate::{
    azure::arm_resource::{
        ownership::{Whose, name_taken, refusal},
        resource_group::{Change, ObservedGroup},
    },
    controller::reconcile::schedule::soon,
    ledger::entries::{ADOPTED, CLAIMED, MADE},
};

/// When it is looked again for a resource that is not shown.
const UNSEEN: SignedDuration = SignedDuration::from_secs(20);

/// What every resource tells of itself.
pub trait Document {
    /// Where the resource manager is with it.
    fn provisioning_state(&self) -> Option<&str>;

    /// Where its own service is with it, for those that say so.
    fn own_state(&self) -> Option<&str> {
        None
    }

    /// Whether it tells all that it tells once it can be used.
    fn is_complete(&self) -> bool {
        true
    }

    /// The value of a tag.
    fn tag(&self, name: &str) -> Option<&str>;

    /// The same, known to be one that we made, or not to be: only that is rewritten in an older api-version.
    #[must_use]
    fn made_by_us(self, is_ours: bool) -> Self;
}

/// Where a resource is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase<'a> {
    /// It takes changes, and can be used.
    Active,
    /// Azure failed to set it up.
    Failed,
    /// A long operation runs, and this is its name.
    Moving(&'a str),
}

/// Where a resource is in its life.
pub fn phase<D: Document>(document: &D) -> Phase<'_> {
    match (document.provisioning_state(), document.own_state()) {
        // Of one that is active only a change has failed. It works as before, and the change is made again.
        (Some("Failed" | "Canceled"), own) if own != Some("Active") || !document.is_complete() => Phase::Failed,
        (Some("Succeeded" | "Failed" | "Canceled") | None, Some("Active") | None) if document.is_complete() => Phase::Active,
        (state, _) => Phase::Moving(state.unwrap_or("being set up")),
    }
}

/// Whether a resource takes changes, and can be used.
pub fn is_active<D: Document>(document: &D) -> bool {
    phase(document) == Phase::Active
}

fn is_going<D: Document>(document: &D) -> bool {
    [document.provisioning_state(), document.own_state()].contains(&Some("Deleting"))
}

/// What was seen of a resource.
#[derive(Clone, Debug)]
pub struct ObservedResource<D> {
    /// It, if it is there.
    pub document: Option<D>,
    /// Whether somebody in the world has its name, although it is not seen; asked only before it could be created, or while it may
    /// be. A PUT without an `ETag` replaces what is there, and what is there may not be seen for a moment.
    pub name_is_taken: bool,
    /// Whose it is.
    pub whose: Whose,
    /// What the ledger says of it.
    pub record: Option<String>,
}

impl<D> ObservedResource<D> {
    /// The document of what is there and is this object's.
    pub fn own(&self) -> Option<&D> {
        self.document.as_ref().filter(|_| !matches!(self.whose, Whose::Theirs(_)))
    }

    /// Whether it was in place, and is busy, or is not shown although its name is taken: what was known of it holds.
    pub fn is_unsettled(&self) -> bool
    where
        D: Document,
    {
        self.was_in_place()
            && match &self.document {
                Some(document) => self.own().is_some() && !is_active(document),
                None => self.name_is_taken,
            }
    }

    /// Whether it was seen in place once, so that its absence is a loss.
    pub fn was_in_place(&self) -> bool {
        matches!(self.record.as_deref(), Some(MADE | ADOPTED))
    }
}

/// A resource as texts call it: "IoT hub contoso-east", in a resource group.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// What it is, and its name.
    pub what: &'a str,
    /// The resource group that it is in.
    pub group: &'a str,
}

impl Named<'_> {
    /// How a sentence about it begins.
    fn title(&self) -> String {
        let mut letters = self.what.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }
}

/// A resource that is to be there.
pub struct Desired<'a> {
    /// What it is called.
    pub named: Named<'a>,
    /// Where its resource group is made, if it may be.
    pub location: Option<&'a str>,
    /// The tags that its owner wants on that.
    pub tags: &'a BTreeMap<String, String>,
    /// Whether an existing one is taken over.
    pub adoption: Adoption,
    /// How far its account lets that be done.
    pub granted: Adoption,
    /// The word for its creation.
    pub creation: Reason,
    /// Asks for leave to make it anew after it was lost; `None` once that was given.
    pub vanished: Option<String>,
    /// What stands against its creation or adoption, such as a quota.
    pub refused: Option<Plan<Step>>,
}

/// What can be done for a resource in the course of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes or removes its resource group.
    Group(Change),
    /// Writes down what it is to us, or strikes out what is known of it.
    Record(Option<&'static str>),
    /// Makes it.
    Create,
    /// Deletes it.
    Delete,
}

/// What is to be done before anything else may be decided about a resource that is to be there; `Ok` if it is there, is this
/// object's, and is settled.
///
/// # Errors
/// That plan.
pub fn present<'a, D: Document>(
    desired: Desired<'_>,
    group: &ObservedGroup,
    seen: &'a ObservedResource<D>,
    now: Timestamp,
) -> Result<&'a D, Plan<Step>> {
    let Named { what, .. } = desired.named;
    let Some(document) = &seen.document else { return Err(create(desired, group, seen, now)) };
    if let Whose::Theirs(maker) = seen.whose {
        let adopt = || Plan::act(vec![Step::Record(Some(ADOPTED))], Reason::RecordClaim, format!("{what} is being adopted"));
        return Err(refusal(what, maker, desired.adoption, desired.granted).or(desired.refused).unwrap_or_else(adopt));
    }
    match phase(document) {
        Phase::Active => Ok(document),
        phase => Err(unsettled(what, phase, now)),
    }
}

/// The plan of whoever needs a resource that is not settled.
pub fn unsettled<A>(what: &str, phase: Phase<'_>, now: Timestamp) -> Plan<A> {
    match phase {
        Phase::Active => Plan::met(),
        Phase::Failed => Plan::stalled(
            Reason::Invalid,
            format!("Azure failed to set {what} up; see why in its activity log, and repeat there what failed"),
        ),
        Phase::Moving(state) => Plan::wait(Reason::Provisioning, format!("{what} is {state}"), soon(now)),
    }
}

/// The plan of whoever had a resource that is not shown, although its name is taken: it is not known to be lost.
fn unseen<A>(named: Named<'_>, now: Timestamp) -> Plan<A> {
    let Named { what, group } = named;
    let note = format!(
        "{what} is not shown in resource group {group}, and its name is still taken: Azure may not show it at the moment, or somebody has moved it; \
         nothing that rests on it is changed"
    );
    Plan::wait(Reason::Vanished, note, now.saturating_add(UNSEEN).ok())
}

fn create<D>(desired: Desired<'_>, group: &ObservedGroup, seen: &ObservedResource<D>, now: Timestamp) -> Plan<Step> {
    let Named { group: place, .. } = desired.named;
    if let Some(ask) = desired.vanished.filter(|_| seen.was_in_place()) {
        return if seen.name_is_taken { unseen(desired.named, now) } else { Plan::stalled(Reason::Vanished, ask) };
    }
    if let Some(plan) = overlooked(desired.named, seen, now) {
        return plan;
    }
    if let Some(refused) = desired.refused {
        return refused;
    }
    if let Some(plan) = resource_group::missing(group, place, (desired.location, desired.tags), now, Step::Group) {
        return plan;
    }
    // One that is no longer wanted before it is in place must be found again.
    let claim = (seen.record.as_deref() != Some(CLAIMED)).then_some(Step::Record(Some(CLAIMED)));
    let note = format!("{} is being created", desired.named.title());
    Plan::act(claim.into_iter().chain([Step::Create]).collect(), desired.creation, note)
}

/// Writes down that a resource of ours is in place, so that its absence is a loss from now on; `None` if that is known.
pub fn in_place<D>(named: Named<'_>, seen: &ObservedResource<D>) -> Option<Plan<Step>> {
    let is_new = seen.whose == Whose::Ours && seen.record.as_deref() != Some(MADE);
    is_new.then(|| Plan::act(vec![Step::Record(Some(MADE))], Reason::RecordClaim, format!("{} is in place", named.title())))
}

/// What stands in the way of a deletion, in the order in which it is asked.
pub struct Obstacles<A> {
    /// Who uses it: asked first, for nobody is to confirm what cannot be done.
    pub in_use: Option<Plan<A>>,
    /// Whether Azure takes no deletion while an operation runs.
    pub settles_first: bool,
    /// The sentence that asks for a confirmation; `None` if there is one, or if nothing is lost.
    pub unconfirmed: Option<String>,
    /// What is to be undone, once the deletion is certain.
    pub undo: Option<Plan<A>>,
}

/// Waits for a resource that was asked for and is not seen, so that it is not left behind; `None` if there is none.
pub fn overlooked<A, D>(named: Named<'_>, seen: &ObservedResource<D>, now: Timestamp) -> Option<Plan<A>> {
    seen.name_is_taken.then(|| name_taken(named.what, named.group, seen.record.as_deref(), now))
}

/// The plan that deletes a resource; `None` if there is none of ours. `deletion` is the word for it.
pub fn absent<A, D: Document>(
    named: Named<'_>,
    seen: &ObservedResource<D>,
    obstacles: Obstacles<A>,
    deletion: Reason,
    now: Timestamp,
    step: impl Fn(Step) -> A,
) -> Option<Plan<A>> {
    let what = named.what;
    if let Some(plan) = overlooked(named, seen, now) {
        return Some(plan);
    }
    let document = seen.document.as_ref().filter(|_| seen.whose == Whose::Ours)?;
    if let Some(users) = obstacles.in_use {
        return Some(users);
    }
    if is_going(document) {
        return Some(Plan::wait(Reason::Provisioning, format!("{what} is being deleted"), soon(now)));
    }
    // One that Azure failed to set up can be deleted, and nothing else.
    if let moving @ Phase::Moving(_) = phase(document)
        && obstacles.settles_first
    {
        return Some(unsettled(what, moving, now));
    }
    if let Some(ask) = obstacles.unconfirmed {
        return Some(Plan::wait(Reason::AwaitingConfirmation, ask, None));
    }
    let delete = || Plan::act(vec![step(Step::Delete)], deletion, format!("{} is being deleted", named.title()));
    Some(obstacles.undo.unwrap_or_else(delete))
}

/// What is left to do when the resources are gone: their group, if it is ours and empty, and then what the ledger says.
pub fn leave_group<A>(group: &ObservedGroup, name: &str, is_noted: bool, now: Timestamp, step: impl Fn(Step) -> A) -> Plan<A> {
    if let Some(plan) = resource_group::leftover(group, name, now, |change| step(Step::Group(change))) {
        return plan;
    }
    if is_noted {
        return Plan::act(vec![step(Step::Record(None))], Reason::DropClaim, "The ledger is being cleared");
    }
    Plan::met()
}

#[cfg(test)]
mod tests;
