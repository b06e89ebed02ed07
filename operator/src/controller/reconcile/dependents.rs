//! Who still needs an object that is to go.

use moorage_crds::{KindName, with_kind};

use crate::{
    cache::objects::Objects,
    controller::kind::Kind,
    object::{Dependency, ObjectKey},
};

/// The objects that refer to one and have something to undo through it, as words; `None` if there are none.
pub fn users_to_wait_for(objects: &Objects, used: &ObjectKey) -> Option<String> {
    to_wait_for(objects, used, |_| true)
}

/// The same of one kind only.
pub fn users_of_kind(objects: &Objects, used: &ObjectKey, kind: KindName) -> Option<String> {
    to_wait_for(objects, used, |user| user.kind == kind)
}

fn to_wait_for(objects: &Objects, used: &ObjectKey, which: impl Fn(&ObjectKey) -> bool) -> Option<String> {
    let referrers = objects.referrers(&Dependency::Object(used.clone())).into_iter();
    let mut users: Vec<_> = referrers.filter(|user| which(user) && still_needs(objects, user)).collect();
    users.sort();
    let first = users.first()?;
    Some(if users.len() == 1 { first.to_string() } else { format!("{first} and {} more", users.len() - 1) })
}

fn still_needs(objects: &Objects, user: &ObjectKey) -> bool {
    with_kind!(user.kind, |K| objects.of::<K>().get(&user.name).is_some_and(|user| user.still_needs(objects)))
}
