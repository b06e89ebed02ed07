//! What is remembered of an object from one reconciliation to the next; losing it costs a look, nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::object::ObjectKey;

/// How often each object was tried, and with what result.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<ObjectKey, Attempt>>);

#[derive(Clone, Debug, Default)]
struct Attempt {
    failures: u32,
    rounds: u32,
    /// Since when it waits for its turn.
    waits_since: Option<Timestamp>,
    own_status: OwnStatus,
    repetition: Repetition,
}

/// The last status patch of our own.
#[derive(Clone, Debug, Default)]
enum OwnStatus {
    #[default]
    None,
    /// Under way; the watch may show what it makes before its reply is read.
    BeingWritten { shown: Option<String> },
    /// The version that it made.
    Written(String),
}

/// Actions that succeeded and have to be done again: the world does not show them yet, or somebody undoes them.
#[derive(Clone, Debug, Default)]
struct Repetition {
    last: Option<u64>,
    times: u32,
    not_before: Option<Timestamp>,
}

impl Repetition {
    /// Until when to wait before the same actions as last time are performed again; `None` if these are others, or it is time.
    fn wait(&mut self, actions: u64, now: Timestamp, pause: impl Fn(u32) -> SignedDuration) -> Option<Timestamp> {
        if self.last != Some(actions) {
            *self = Self { last: Some(actions), ..Self::default() };
            return None;
        }
        let until = *self.not_before.get_or_insert_with(|| {
            self.times = self.times.saturating_add(1);
            now.saturating_add(pause(self.times)).unwrap_or(Timestamp::MAX)
        });
        if now < until {
            return Some(until);
        }
        self.not_before = None;
        None
    }
}

impl Attempts {
    /// Counts a failure and gives how many came in a row.
    pub fn failed(&self, object: &ObjectKey) -> u32 {
        self.remember(object, |attempt| {
            (attempt.waits_since, attempt.repetition) = (None, Repetition::default());
            attempt.failures = attempt.failures.saturating_add(1);
            attempt.failures
        })
    }

    /// Counts a reconciliation that acted and gives how many came in a row.
    pub fn acted(&self, object: &ObjectKey) -> u32 {
        self.remember(object, |attempt| {
            (attempt.failures, attempt.waits_since) = (0, None);
            attempt.rounds = attempt.rounds.saturating_add(1);
            attempt.rounds
        })
    }

    /// Until when an object waits that would do again what it did last, with a pause that grows with the number of times.
    pub fn repeats(&self, object: &ObjectKey, actions: u64, now: Timestamp, pause: impl Fn(u32) -> SignedDuration) -> Option<Timestamp> {
        self.remember(object, |attempt| attempt.repetition.wait(actions, now, pause))
    }

    /// Notes that an object waits for its turn, and says since when it does.
    pub fn waits_since(&self, object: &ObjectKey, now: Timestamp) -> Timestamp {
        self.remember(object, |attempt| *attempt.waits_since.get_or_insert(now))
    }

    /// Ends every row, and waiting.
    pub fn settled(&self, object: &ObjectKey) {
        self.remember(object, |attempt| {
            (attempt.failures, attempt.rounds, attempt.waits_since) = (0, 0, None);
            attempt.repetition = Repetition::default();
        });
    }

    /// Notes that a status patch of our own begins.
    pub fn status_write_begins(&self, object: &ObjectKey) {
        self.remember(object, |attempt| attempt.own_status = OwnStatus::BeingWritten { shown: None });
    }

    /// Notes the version that it made, `None` if it made none that is known, and says whether the watch has shown another meanwhile:
    /// nobody was woken by that.
    pub fn status_write_ends(&self, object: &ObjectKey, version: Option<&str>) -> bool {
        self.remember(object, |attempt| {
            let ended = version.map_or(OwnStatus::None, |version| OwnStatus::Written(version.to_owned()));
            match std::mem::replace(&mut attempt.own_status, ended) {
                OwnStatus::BeingWritten { shown: Some(shown) } => version != Some(&*shown),
                OwnStatus::BeingWritten { shown: None } | OwnStatus::None | OwnStatus::Written(_) => false,
            }
        })
    }

    /// Whether a version that the watch shows is the one that our own status patch made, or may be: such an event is no news.
    pub fn is_own_status_write(&self, object: &ObjectKey, version: &str) -> bool {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match attempts.get_mut(object).map(|attempt| &mut attempt.own_status) {
            Some(OwnStatus::BeingWritten { shown }) => {
                *shown = Some(version.to_owned());
                true
            }
            Some(OwnStatus::Written(own)) => own == version,
            Some(OwnStatus::None) | None => false,
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
    }

    fn remember<T>(&self, object: &ObjectKey, change: impl FnOnce(&mut Attempt) -> T) -> T {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = attempts.get_mut(object) {
            return change(attempt);
        }
        change(attempts.entry(object.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_of_our_own_status_is_no_news_whether_it_comes_before_the_reply_or_after_it() {
        let (attempts, object) = (Attempts::default(), ObjectKey::new(moorage_crds::KindName::CloudAccount, "a", "b"));
        attempts.status_write_begins(&object);
        assert!(!attempts.status_write_ends(&object, Some("7")));
        assert!(attempts.is_own_status_write(&object, "7") && !attempts.is_own_status_write(&object, "8"));

        attempts.status_write_begins(&object);
        assert!(attempts.is_own_status_write(&object, "9"));
        assert!(!attempts.status_write_ends(&object, Some("9")));
        assert!(attempts.is_own_status_write(&object, "9"));

        // Somebody else's change, which may be the reason for which ours was refused.
        for version in [Some("11"), None] {
            attempts.status_write_begins(&object);
            assert!(attempts.is_own_status_write(&object, "10"));
            assert!(attempts.status_write_ends(&object, version));
            assert!(!attempts.is_own_status_write(&object, "10"));
        }
    }

    #[test]
    fn what_was_done_is_done_again_only_after_a_pause_that_grows_and_what_is_new_at_once() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("in range");
        let pause = |times: u32| SignedDuration::from_secs(i64::from(times) * 10);
        let mut repetition = Repetition::default();
        let mut waits = |actions, now| repetition.wait(actions, at(now), pause);
        assert_eq!(waits(1, 0), None);
        assert_eq!((waits(1, 0), waits(1, 9), waits(1, 10)), (Some(at(10)), Some(at(10)), None));
        assert_eq!((waits(1, 10), waits(1, 30)), (Some(at(30)), None));
        assert_eq!((waits(2, 30), waits(1, 30)), (None, None));
    }
}
