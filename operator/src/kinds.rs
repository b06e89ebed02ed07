//! The kinds, each in a file of its own, and the one place that tells them apart.

mod cloud_account;
mod device_credential;
pub(crate) mod enrollment_group;
mod ownership;
mod provisioning_service;
mod resource_group;
mod service_document;
pub(crate) mod tenant_hub_group;

use jiff::{SignedDuration, Timestamp};
use moorage_crds::with_kind;

use crate::{
    env::Env,
    error::{Error, Halt},
    key::{KindName, ObjectKey, Thing},
    kind::Kind,
    pass::{self, Next},
    queue::Lane,
    store::Stores,
};

/// How often a long operation in the cloud is looked at.
const POLL: SignedDuration = SignedDuration::from_secs(2);

/// When a long operation is looked at again.
fn soon(now: Timestamp) -> Option<Timestamp> {
    now.saturating_add(POLL).ok()
}

/// How often it is looked whether people have done what only they can do.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// When something that waits for people is looked at again: each look takes requests from a budget that all tenants share.
fn patiently(now: Timestamp) -> Option<Timestamp> {
    now.saturating_add(PATIENCE).ok()
}

/// One look at one object, whatever its kind.
pub async fn pass(env: &Env, key: &ObjectKey, lane: Lane) -> Next {
    with_kind!(key.kind, |K| pass::pass::<K>(env, key, lane).await)
}

/// The objects that refer to one and have something to undo through it, as words; `None` if there are none.
fn users_to_wait_for(stores: &Stores, used: &ObjectKey) -> Option<String> {
    to_wait_for(stores, used, |_| true)
}

/// The same of devices only.
fn devices_to_wait_for(stores: &Stores, used: &ObjectKey) -> Option<String> {
    to_wait_for(stores, used, |user| user.kind == KindName::DeviceCredential)
}

fn to_wait_for(stores: &Stores, used: &ObjectKey, which: impl Fn(&ObjectKey) -> bool) -> Option<String> {
    let referrers = stores.referrers(&Thing::Object(used.clone())).into_iter();
    let mut users: Vec<_> = referrers.filter(|user| which(user) && still_needs(stores, user)).collect();
    users.sort();
    let first = users.first()?;
    Some(if users.len() == 1 { first.to_string() } else { format!("{first} and {} more", users.len() - 1) })
}

fn still_needs(stores: &Stores, user: &ObjectKey) -> bool {
    with_kind!(user.kind, |K| stores.of::<K>().get(&user.at).is_some_and(|user| user.still_needs(stores)))
}

/// The sentence that asks for a confirmation.
fn confirmation<K: Kind>(object: &K, loss: &str) -> String {
    let key = object.key();
    let kind = key.kind.as_str().to_lowercase();
    format!(
        "{loss}; if you mean it: kubectl annotate {kind} -n {} {} {}={}",
        key.at.namespace,
        key.at.name,
        moorage_crds::annotations::CONFIRM_DELETE,
        object.meta().uid.as_deref().unwrap_or_default()
    )
}

/// While acting, a dependency that is gone is a failure: the next look tells what is the case.
fn reached<T>(found: Result<T, Halt>) -> Result<T, Error> {
    found.map_err(|halt| match halt {
        Halt::Failed(error) => error,
        Halt::Standing(standing) => {
            let note = standing.why().map(|why| why.note.clone()).unwrap_or_default();
            Error::own(note, moorage_plan::Class::Conflict)
        }
        Halt::NotInMemory(_) => Error::own("a Secret that is needed is not in memory yet", moorage_plan::Class::Conflict),
    })
}

#[cfg(test)]
mod tests;
