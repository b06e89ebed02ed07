//! What kinds of failure there are, and the one table that says when to try again.

use jiff::SignedDuration;

use crate::{Reason, Seed, spread};

/// What kind of failure it was; decides when to try again, and nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The request is wrong as it stands: trying again changes nothing.
    Invalid,
    /// The identity is not (yet) allowed: Azure takes minutes to honour a new role.
    Denied,
    /// Somebody else was faster, or the resource is busy.
    Conflict,
    /// The other side says that there were too many requests; the wait that it asked for, if any.
    Throttled(Option<SignedDuration>),
    /// Our own limit holds the request back, and nothing was sent; how long until there is room.
    RateLimited(SignedDuration),
    /// No usable answer.
    Unavailable,
}

impl Class {
    /// The word under which it is shown.
    pub fn reason(self) -> Reason {
        match self {
            Self::Invalid => Reason::Invalid,
            Self::Denied => Reason::Denied,
            Self::Conflict => Reason::Conflict,
            Self::Throttled(_) => Reason::Throttled,
            Self::RateLimited(_) => Reason::RateLimited,
            Self::Unavailable => Reason::Unavailable,
        }
    }
}

/// How long to wait before attempt number `attempt` + 1, where `attempt` failures came in a row (from 1).
///
/// The whole retry policy. Doubles from a first wait to a longest one, spread by up to a fifth so that objects that failed
/// together do not return together; the spread comes from `seed`, so that the answer is always the same for the same object.
pub fn retry_in(class: Class, attempt: u32, seed: Seed) -> SignedDuration {
    let (first, longest) = match class {
        Class::Invalid => (SignedDuration::from_mins(5), SignedDuration::from_hours(1)),
        Class::Denied => (SignedDuration::from_secs(15), SignedDuration::from_mins(5)),
        Class::Conflict => (SignedDuration::from_millis(500), SignedDuration::from_secs(30)),
        Class::Throttled(_) | Class::RateLimited(_) => (SignedDuration::from_secs(2), SignedDuration::from_mins(5)),
        Class::Unavailable => (SignedDuration::from_secs(1), SignedDuration::from_mins(2)),
    };
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(longest);
    let wait = doubled + spread(doubled / 5, seed, u64::from(attempt));
    match class {
        Class::Throttled(Some(asked)) | Class::RateLimited(asked) => {
            asked.max(SignedDuration::ZERO) + spread(first, seed, u64::from(attempt))
        }
        Class::Invalid | Class::Denied | Class::Conflict | Class::Throttled(None) | Class::Unavailable => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Seed = Seed::ZERO;

    fn waits(class: Class, attempts: &[u32]) -> Vec<SignedDuration> {
        attempts.iter().map(|&attempt| retry_in(class, attempt, STILL)).collect()
    }

    #[test]
    fn the_retry_table_is_as_documented() {
        let secs = SignedDuration::from_secs;
        assert_eq!(waits(Class::Invalid, &[1, 2, 9]), [secs(300), secs(600), secs(3600)]);
        assert_eq!(waits(Class::Denied, &[1, 2, 9]), [secs(15), secs(30), secs(300)]);
        assert_eq!(waits(Class::Conflict, &[1, 2, 9]), [SignedDuration::from_millis(500), secs(1), secs(30)]);
        assert_eq!(waits(Class::Throttled(None), &[1, 2, 9]), [secs(2), secs(4), secs(300)]);
        assert_eq!(waits(Class::RateLimited(secs(3)), &[1, 2, 9]), [secs(3), secs(3), secs(3)]);
        assert_eq!(waits(Class::Unavailable, &[1, 2, 9]), [secs(1), secs(2), secs(120)]);
    }

    #[test]
    fn a_wait_that_the_cloud_asked_for_is_kept_and_never_shortened() {
        for attempt in 1..5 {
            let wait = retry_in(Class::Throttled(Some(SignedDuration::from_secs(40))), attempt, Seed::of("a"));
            assert!(wait >= SignedDuration::from_secs(40) && wait <= SignedDuration::from_secs(42), "{wait}");
        }
    }

    #[test]
    fn what_the_cloud_holds_back_and_what_we_do_have_reasons_of_their_own() {
        let wait = SignedDuration::from_secs(3);
        assert_eq!([Class::Throttled(Some(wait)), Class::Throttled(None)].map(Class::reason), [Reason::Throttled; 2]);
        assert_eq!(Class::RateLimited(wait).reason(), Reason::RateLimited);
    }

    #[test]
    fn two_objects_that_fail_together_do_not_come_back_together() {
        let of = |name: &str| retry_in(Class::Unavailable, 5, Seed::of(name));
        assert_ne!(of("contoso/a"), of("contoso/b"));
        assert_eq!(of("contoso/a"), of("contoso/a"));
    }

    #[test]
    fn any_number_of_failures_has_a_finite_wait() {
        assert_eq!(retry_in(Class::Unavailable, u32::MAX, STILL), SignedDuration::from_mins(2));
        assert_eq!(retry_in(Class::Unavailable, 0, STILL), SignedDuration::from_secs(1));
    }
}
