//! What a cloud counts, as it was counted last: a count takes a call, and may be a while old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How old a count may become: a drift period, less what passes are spread by.
const AGE: SignedDuration = SignedDuration::from_mins(25);

/// Something that is counted, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Enrollment groups with symmetric keys, of the provisioning service at this place.
    EnrollmentGroups(String),
    /// Devices of the hub at this place.
    Devices(String),
    /// Paid hubs of this subscription.
    Hubs(String),
}

/// How many there are, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many there are.
    pub used: i64,
    /// How many there may be.
    pub limit: i64,
}

/// The last count of each thing.
#[derive(Debug, Default)]
pub struct Counts(Mutex<HashMap<What, Counted>>);

#[derive(Debug, Default)]
struct Counted {
    changes: Changes,
    last: Option<(Timestamp, Count)>,
}

/// How often a thing was changed by us when a count began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes(u64);

impl Counts {
    /// The last count, unless it is too old.
    pub fn fresh(&self, what: &What, now: Timestamp) -> Option<Count> {
        self.lock().get(what)?.last.filter(|(at, _)| is_fresh(*at, now)).map(|(_, count)| count)
    }

    /// The last count, however old it is.
    pub fn last(&self, what: &What) -> Option<Count> {
        self.lock().get(what)?.last.map(|(_, count)| count)
    }

    /// Before the cloud is asked to count.
    pub fn begin(&self, what: &What) -> Changes {
        self.lock().get(what).map(|counted| counted.changes).unwrap_or_default()
    }

    /// Keeps a count, unless what is counted changed since it began.
    pub fn keep(&self, what: What, began: Changes, count: Count, now: Timestamp) {
        let mut all = self.lock();
        let counted = all.entry(what).or_default();
        if counted.changes == began {
            counted.last = Some((now, count));
        }
    }

    /// After something was made or removed: forgets the count, and one that is under way.
    pub fn forget(&self, what: &What) {
        let mut all = self.lock();
        let counted = all.entry(what.clone()).or_default();
        *counted = Counted { changes: Changes(counted.changes.0 + 1), last: None };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<What, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    /// As a status tells it: two digits of it, rounded down, so that a count which always moves a little causes no writes.
    pub fn headroom(self) -> moorage_crds::Headroom {
        let whole = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        moorage_crds::Headroom { used: whole(coarse(self.used)), limit: whole(self.limit) }
    }

    /// How many more there may be.
    pub fn left(self) -> i64 {
        (self.limit - self.used).max(0)
    }
}

fn is_fresh(counted: Timestamp, now: Timestamp) -> bool {
    now.duration_since(counted) < AGE
}

/// The first two digits, rounded down.
fn coarse(number: i64) -> i64 {
    let mut step = 1;
    while number / step >= 100 {
        step *= 10;
    }
    number / step * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_count_is_told_in_two_digits_and_a_small_one_as_it_is() {
        let told = [0, 7, 99, 100, 109, 110, 999, 12_345, 1_000_000].map(coarse);
        assert_eq!(told, [0, 7, 99, 100, 100, 110, 990, 12_000, 1_000_000]);
    }

    #[test]
    fn a_count_is_fresh_for_less_than_a_drift_period() {
        let (counts, what) = (Counts::default(), What::Devices("hub".to_owned()));
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let count = Count { used: 3, limit: 500 };
        counts.keep(what.clone(), counts.begin(&what), count, at(0));
        assert_eq!([24, 25].map(|minutes| counts.fresh(&what, at(minutes))), [Some(count), None]);
        assert_eq!(counts.last(&what), Some(count));
        counts.forget(&what);
        assert_eq!((counts.fresh(&what, at(0)), counts.last(&what)), (None, None));
    }

    #[test]
    fn a_count_that_began_before_a_change_is_not_kept() {
        let (counts, what, now) = (Counts::default(), What::EnrollmentGroups("service".to_owned()), Timestamp::UNIX_EPOCH);
        let (before, after) = (Count { used: 0, limit: 100 }, Count { used: 1, limit: 100 });
        let began = counts.begin(&what);
        counts.forget(&what);
        counts.keep(what.clone(), began, before, now);
        assert_eq!(counts.fresh(&what, now), None);
        counts.keep(what.clone(), counts.begin(&what), after, now);
        assert_eq!(counts.fresh(&what, now), Some(after));
    }
}
