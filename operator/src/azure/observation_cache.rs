//! What was seen of single things in a cloud: who looks again soon need not ask again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::object::ObjectKey;

/// How long a look holds: less than the drift period of credentials, less what their passes are spread by.
const AGE: SignedDuration = SignedDuration::from_hours(5);

/// The last look on behalf of each object. Losing one costs a look, nothing else.
#[derive(Debug)]
pub struct ObservationCache<T>(Mutex<HashMap<ObjectKey, Look<T>>>);

#[derive(Debug)]
struct Look<T> {
    at: Timestamp,
    /// What was looked at, in which state it was expected.
    of: String,
    seen: T,
}

impl<T> Default for ObservationCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> ObservationCache<T> {
    /// What was seen, if it is the same that is looked for now, and not long ago.
    pub fn fresh(&self, owner: &ObjectKey, of: &str, now: Timestamp) -> Option<T> {
        let looks = self.lock();
        let look = looks.get(owner).filter(|look| look.of == of && look.at <= now && now.duration_since(look.at) < AGE);
        look.map(|look| look.seen.clone())
    }

    /// Keeps a look in place of the last.
    pub fn keep(&self, owner: &ObjectKey, of: String, seen: T, now: Timestamp) {
        self.lock().insert(owner.clone(), Look { at: now, of, seen });
    }

    /// Forgets what was seen for an object.
    pub fn forget(&self, owner: &ObjectKey) {
        self.lock().remove(owner);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Look<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::KindName;

    #[test]
    fn a_look_holds_for_five_hours_and_only_for_what_was_looked_at() {
        let (looks, owner) = (ObservationCache::default(), ObjectKey::new(KindName::DeviceCredential, "contoso", "a"));
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        looks.keep(&owner, "this".to_owned(), 7, at(10));
        assert_eq!([9, 10, 309, 310].map(|minute| looks.fresh(&owner, "this", at(minute))), [None, Some(7), Some(7), None]);
        assert_eq!(looks.fresh(&owner, "that", at(10)), None);
        looks.forget(&owner);
        assert_eq!(looks.fresh(&owner, "this", at(10)), None);
    }
}
