//! How far the machine's clock is from the clouds', by the `Date` of their replies.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{Clock, machine};

/// How far the machine's clock may be off: more than what a slow reply and whole seconds make of a clock that is right.
const TOLERATED: SignedDuration = SignedDuration::from_mins(1);
/// How far two replies may be apart that say the same.
const SAME: SignedDuration = SignedDuration::from_secs(30);
/// How many replies in a row must say the same before it is believed.
const AGREEING: u32 = 3;

/// Keeps a clock where the clouds' is, if the machine's is not.
#[derive(Debug)]
pub struct ClockCorrection {
    evidence: Mutex<Evidence>,
    offset: watch::Sender<SignedDuration>,
}

/// What replies have said.
#[derive(Debug, Default)]
struct Evidence {
    /// How far the clock is ahead of the machine's.
    offset: SignedDuration,
    /// What the last replies have said instead, and how many of them.
    instead: Option<(SignedDuration, u32)>,
}

impl ClockCorrection {
    /// A correction that has heard nothing yet, and the clock that it keeps.
    pub fn new() -> (Self, Clock) {
        let (offset, seen) = watch::channel(SignedDuration::ZERO);
        (Self { evidence: Mutex::default(), offset }, Clock::corrected(seen))
    }

    /// Hears the time of a reply that has just come.
    pub fn heard(&self, date: Timestamp) {
        let mut evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(offset) = evidence.take(date.duration_since(machine())) {
            self.offset.send_replace(offset);
        }
    }
}

impl Evidence {
    /// Takes in how far a reply's time was ahead of the machine's; the new offset, if there is to be another one.
    fn take(&mut self, ahead: SignedDuration) -> Option<SignedDuration> {
        let tolerated = if self.offset.is_zero() { TOLERATED } else { SAME };
        let wanted = if ahead.abs() <= tolerated { SignedDuration::ZERO } else { ahead };
        let says_the_same = |before: SignedDuration| (wanted - before).abs() <= SAME;
        if says_the_same(self.offset) {
            self.instead = None;
            return None;
        }
        let times = match self.instead {
            Some((before, times)) if says_the_same(before) => times + 1,
            _ => 1,
        };
        self.instead = Some((wanted, times));
        if times < AGREEING {
            return None;
        }
        (self.offset, self.instead) = (wanted, None);
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offsets(ahead: &[i64]) -> Vec<Option<i64>> {
        let mut evidence = Evidence::default();
        ahead.iter().map(|seconds| evidence.take(SignedDuration::from_secs(*seconds)).map(|offset| offset.as_secs())).collect()
    }

    #[test]
    fn a_clock_that_is_off_for_three_replies_in_a_row_is_corrected_and_one_that_is_right_again_is_left() {
        assert_eq!(offsets(&[0, 59, -59, 60, 3]), [None; 5]);
        assert_eq!(offsets(&[7200, 7201, 7200, 7199]), [None, None, Some(7200), None]);
        assert_eq!(offsets(&[-7200, -7200, -7201, 1, 0, 1]), [None, None, Some(-7201), None, None, Some(0)]);
        assert_eq!(offsets(&[7200, 7200, 0, 7200, 7200]), [None; 5], "one that was right in between");
        assert_eq!(offsets(&[7200, 99_000, 7200]), [None; 3], "they do not agree");
        assert_eq!(offsets(&[61, 61, 61, 50, 50, 50]), [None, None, Some(61), None, None, None], "it does not go to and fro");
    }

    proptest! {
        #[test]
        fn whatever_single_replies_say_a_clock_that_is_right_stays(lies in prop::collection::vec(any::<i32>(), 1..40)) {
            let heard: Vec<_> = lies.iter().flat_map(|lie| [i64::from(*lie), 0]).collect();
            prop_assert!(offsets(&heard).iter().all(Option::is_none));
        }
    }
}
