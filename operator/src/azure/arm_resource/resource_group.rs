//! The resource group in which an object's resources live: made if it is missing, removed only if we made it and it is empty.

use std::collections::BTreeMap;

use jiff::Timestamp;
use moorage_cloud::{Arm, ResourceGroup};
use moorage_plan::{Act, Plan, Reason};

use crate::{
    azure::{Context, Writer, arm_resource::ownership::OWNER_TAG, tags},
    controller::reconcile::schedule::soon,
    error::Error,
    ledger::entries::RESOURCE_GROUP,
    object::ObjectKey,
};

/// Whether a resource group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not there.
    Missing,
    /// It is being made or deleted.
    Moving,
    /// It is there.
    Settled,
}

/// A resource group as it was seen.
#[derive(Clone, Debug)]
pub struct ObservedGroup {
    /// Whether it is there.
    pub state: State,
    /// It carries our tag for this very object.
    pub ours: bool,
    /// Nothing is in it; asked with [`look_inside`], and only when it could be removed.
    pub empty: bool,
}

/// What can be done for a resource group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes it.
    Create {
        /// Its name.
        name: String,
        /// Where its own record is kept: an Azure location.
        location: String,
        /// The tags that its owner wants on it.
        tags: BTreeMap<String, String>,
    },
    /// Removes it.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Act for Change {
    fn reason(&self) -> Reason {
        match self {
            Self::Create { .. } => Reason::CreateResourceGroup,
            Self::Delete { .. } => Reason::DeleteResourceGroup,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Create { name, location, .. } => format!("Create resource group {name} in {location}"),
            Self::Delete { name } => format!("Delete resource group {name}, which is empty"),
        }
    }
}

/// Looks at a resource group.
///
/// # Errors
/// What the cloud says.
pub async fn observe(ctx: &Context, arm: &Arm, owner: &ObjectKey, name: &str) -> Result<ObservedGroup, Error> {
    let group = arm.resource_group(name).await.map_err(|error| failed(name, error))?;
    let ours = group.as_ref().is_some_and(|group| group.tag(OWNER_TAG) == Some(&ctx.owner_tag(owner)));
    let state = match group.as_ref().map(ResourceGroup::provisioning_state) {
        None => State::Missing,
        Some(None | Some("Succeeded")) => State::Settled,
        Some(Some(_)) => State::Moving,
    };
    Ok(ObservedGroup { state, ours, empty: false })
}

/// Looks whether nothing is in a group that could be removed. After what is in it was looked at: what was gone by then is in no list that
/// is read later, and a group that it still seemed to be in would stay for ever.
///
/// # Errors
/// What the cloud says.
pub async fn look_inside(arm: &Arm, name: &str, group: &mut ObservedGroup) -> Result<(), Error> {
    if group.ours {
        group.empty = arm.resource_group_is_empty(name).await.map_err(|error| failed(name, error))?;
    }
    Ok(())
}

fn failed(name: &str, error: moorage_cloud::Error) -> Error {
    Error::cloud(format!("failed to look at resource group {name}"), error)
}

/// The plan that brings a missing group about; `None` if it is there.
pub fn missing<A>(
    seen: &ObservedGroup,
    name: &str,
    (location, tags): (Option<&str>, &BTreeMap<String, String>),
    now: Timestamp,
    change: impl FnOnce(Change) -> A,
) -> Option<Plan<A>> {
    match (seen.state, location) {
        (State::Settled, _) => None,
        (State::Moving, _) => Some(Plan::wait(Reason::Provisioning, format!("resource group {name} is not settled yet"), soon(now))),
        (State::Missing, Some(location)) => {
            let note = format!("Resource group {name} is being created");
            let create = Change::Create { name: name.to_owned(), location: location.to_owned(), tags: tags.clone() };
            Some(Plan::act(vec![change(create)], Reason::CreateResourceGroup, note))
        }
        (State::Missing, None) => {
            let note = format!("resource group {name} does not exist; create it, or say in which location it is to be made");
            Some(Plan::stalled(Reason::DependencyMissing, note))
        }
    }
}

/// The plan that removes a group that we made and that nobody uses any more; `None` if there is nothing to remove.
pub fn leftover<A>(seen: &ObservedGroup, name: &str, now: Timestamp, change: impl FnOnce(Change) -> A) -> Option<Plan<A>> {
    if !(seen.ours && seen.empty) {
        return None;
    }
    let note = format!("resource group {name}, which is empty, is being deleted");
    match seen.state {
        State::Missing => None,
        State::Moving => Some(Plan::wait(Reason::Provisioning, note, soon(now))),
        State::Settled => Some(Plan::act(vec![change(Change::Delete { name: name.to_owned() })], Reason::DeleteResourceGroup, note)),
    }
}

/// Makes a change.
///
/// # Errors
/// What the cloud or the API server says.
pub async fn perform(writer: &Writer<'_>, arm: &Arm, owner: &ObjectKey, change: &Change) -> Result<(), Error> {
    match change {
        Change::Create { name, location, tags } => create(writer, arm, owner, name, location, tags).await,
        Change::Delete { name } => delete(writer, arm, owner, name).await,
    }
}

/// Makes the group; first it is written down, for people who look for what is left: whose it is says its tag.
async fn create(
    writer: &Writer<'_>,
    arm: &Arm,
    owner: &ObjectKey,
    name: &str,
    location: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    if writer.ledger.of(owner).get(RESOURCE_GROUP).is_none_or(|noted| noted != name) {
        writer.record_for(owner, &[(RESOURCE_GROUP.to_owned(), Some(name.to_owned()))]).await?;
    }
    let failed = |error| Error::cloud(format!("failed to create resource group {name}"), error);
    // A PUT replaces the tags of what is there, and what is there may have been overlooked.
    if arm.resource_group(name).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    let group = tags::over(tags, ResourceGroup::new(location), ResourceGroup::with_tag);
    let group = group.with_tag(OWNER_TAG, &writer.owner_tag(owner));
    let put = arm.put_resource_group(writer.access(), name, &group).await;
    put.map(drop).map_err(|error| Error::cloud(format!("failed to create resource group {name}"), error))
}

/// Removes the group if it is still ours and still empty: what was seen may be a moment old.
async fn delete(writer: &Writer<'_>, arm: &Arm, owner: &ObjectKey, name: &str) -> Result<(), Error> {
    let mut seen = observe(writer, arm, owner, name).await?;
    look_inside(arm, name, &mut seen).await?;
    if !(seen.state == State::Settled && seen.ours && seen.empty) {
        return Ok(());
    }
    arm.delete_resource_group(writer.access(), name)
        .await
        .map_err(|error| Error::cloud(format!("failed to delete resource group {name}"), error))
}

#[cfg(test)]
mod tests;
