//! Who still needs an object that is to go.

use moorage_crds::{KindName, with_kind};
use moorage_plan::{Goal, Standing};

use crate::{
    controller::{context::Caches, kind::Kind},
    object::{Dependency, ObjectKey},
};

/// The objects that refer to one and have something to undo through it, as words; `None` if there are none.
///
/// A finalizer proves nothing, for whoever owns an object can write one: only an object counts that was granted what it refers to.
pub fn users_to_wait_for(caches: &Caches, used: &ObjectKey) -> Option<String> {
    to_wait_for(caches, used, |_| true)
}

/// The same of one kind only.
pub fn users_of_kind(caches: &Caches, used: &ObjectKey, kind: KindName) -> Option<String> {
    to_wait_for(caches, used, |user| user.kind == kind)
}

fn to_wait_for(caches: &Caches, used: &ObjectKey, which: impl Fn(&ObjectKey) -> bool) -> Option<String> {
    let referrers = caches.objects.referrers(&Dependency::Object(used.clone())).into_iter();
    let mut users: Vec<_> = referrers.filter(|user| which(user) && still_needs(caches, user, used)).collect();
    users.sort();
    let first = users.first()?;
    Some(if users.len() == 1 { first.to_string() } else { format!("{first} and {} more", users.len() - 1) })
}

fn still_needs(caches: &Caches, user: &ObjectKey, dependency: &ObjectKey) -> bool {
    with_kind!(user.kind, |K| caches.objects.of::<K>().get(&user.name).is_some_and(|user| {
        let is_refused = || matches!(user.admit(caches, Goal::Absent), Err(Standing::Stalled(_)));
        user.still_needs(caches, dependency) && !is_refused()
    }))
}
