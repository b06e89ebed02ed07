//! Read-your-writes: after a write, an object is not decided upon until the watches have shown that write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::object::{Dependency, ObjectKey};

/// How long a write may stay unseen before the object is looked at all the same.
///
/// A write is seen within milliseconds. When it is not, the watch is broken and comes back with a list of its own.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Writes that the watches have not shown yet.
#[derive(Debug, Default)]
pub struct Expectations {
    awaited: Mutex<HashMap<ObjectKey, Writes>>,
}

/// The writes of one object.
#[derive(Debug, Default)]
struct Writes {
    unseen: Vec<Awaited>,
    /// Whether a look at the object was put off because of them.
    held: bool,
}

#[derive(Debug, Clone)]
struct Awaited {
    thing: Dependency,
    version: String,
    until: Timestamp,
}

impl Expectations {
    /// After a write on behalf of `object`: do not decide upon it before `version` of `thing` was seen.
    pub fn expect(&self, object: &ObjectKey, thing: Dependency, version: String, now: Timestamp) {
        let until = now.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX);
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let unseen = &mut awaited.entry(object.clone()).or_default().unseen;
        unseen.retain(|other| other.thing != thing);
        unseen.push(Awaited { thing, version, until });
    }

    /// The same, unless the watch was faster than the answer; `seen` tells the version of a thing that the watches show now.
    pub fn expect_unless_seen(
        &self,
        object: &ObjectKey,
        thing: &Dependency,
        version: String,
        now: Timestamp,
        seen: impl Fn(&Dependency) -> Option<String>,
    ) {
        self.expect(object, thing.clone(), version, now);
        // Looked at after it was written down: what the watch shows in between is not missed.
        if let Some(version) = seen(thing) {
            self.saw(object, thing, &version);
        }
    }

    /// Until when the object has to wait for a write of its own to be seen; `None` if it need not.
    ///
    /// `seen` tells the version of a thing that the watches show now.
    pub fn wait_until(&self, object: &ObjectKey, now: Timestamp, seen: impl Fn(&Dependency) -> Option<String>) -> Option<Timestamp> {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let writes = awaited.get_mut(object)?;
        // One that is further off than that was awaited before the clock was set back.
        let longest = now.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX);
        writes.unseen.retain(|one| {
            (now < one.until && one.until <= longest) && !seen(&one.thing).is_some_and(|version| is_at_least(&version, &one.version))
        });
        let until = writes.unseen.iter().map(|one| one.until).max();
        writes.held = until.is_some();
        if until.is_none() {
            awaited.remove(object);
        }
        until
    }

    /// Takes note of a version that the watches have shown. True if that was the last that a look at the object was put off for.
    pub fn saw(&self, object: &ObjectKey, thing: &Dependency, version: &str) -> bool {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writes) = awaited.get_mut(object) else { return false };
        writes.unseen.retain(|one| one.thing != *thing || !is_at_least(version, &one.version));
        let (all_seen, held) = (writes.unseen.is_empty(), writes.held);
        if all_seen {
            awaited.remove(object);
        }
        all_seen && held
    }

    /// Whether every write was seen.
    pub fn is_empty(&self) -> bool {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &ObjectKey) {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
    }
}

/// Whether a version is the awaited one or a later one. Versions of one kind of thing are ordered numbers (Kubernetes API
/// concepts, "Resource versions"); one that is no number is only ever equal.
pub fn is_at_least(seen: &str, awaited: &str) -> bool {
    match (seen.parse::<u64>(), awaited.parse::<u64>()) {
        (Ok(seen), Ok(awaited)) => seen >= awaited,
        _ => seen == awaited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{KindName, NamespacedName};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    #[test]
    fn an_object_waits_until_its_write_is_seen_and_not_for_ever() {
        let freshness = Expectations::default();
        let object = ObjectKey::new(KindName::DeviceCredential, "contoso", "a");
        let secret = Dependency::Secret(NamespacedName::new("contoso", "a"));
        freshness.expect(&object, secret, "10".to_owned(), at(0));

        assert_eq!(freshness.wait_until(&object, at(1), |_| None), Some(at(30)));
        assert_eq!(freshness.wait_until(&object, at(1), |_| Some("9".to_owned())), Some(at(30)));
        assert_eq!(freshness.wait_until(&object, at(1), |_| Some("10".to_owned())), None);

        freshness.expect(&object, Dependency::Object(object.clone()), "11".to_owned(), at(0));
        assert_eq!(freshness.wait_until(&object, at(31), |_| None), None);

        freshness.expect(&object, Dependency::Object(object.clone()), "12".to_owned(), at(1_000));
        assert_eq!(freshness.wait_until(&object, at(500), |_| None), None, "the clock was set back");
    }

    #[test]
    fn a_look_that_was_put_off_is_due_with_the_last_write_that_is_seen_and_only_then() {
        let freshness = Expectations::default();
        let object = ObjectKey::new(KindName::DeviceCredential, "contoso", "a");
        let (own, secret) = (Dependency::Object(object.clone()), Dependency::Secret(NamespacedName::new("contoso", "a")));
        freshness.expect(&object, own.clone(), "10".to_owned(), at(0));
        assert!(!freshness.saw(&object, &own, "10"), "nothing was put off");

        freshness.expect(&object, own.clone(), "11".to_owned(), at(0));
        freshness.expect(&object, secret.clone(), "12".to_owned(), at(0));
        assert_eq!(freshness.wait_until(&object, at(1), |_| None), Some(at(30)));
        assert!(!freshness.saw(&object, &secret, "12"));
        assert!(!freshness.saw(&object, &own, "10"));
        assert!(freshness.saw(&object, &own, "11"));
        assert!(freshness.is_empty());
    }

    #[test]
    fn a_later_version_counts_as_seen_and_versions_compare_as_numbers() {
        assert!(is_at_least("100", "99"));
        assert!(!is_at_least("99", "100"));
        assert!(is_at_least("abc", "abc"));
        assert!(!is_at_least("abd", "abc"));
    }
}
