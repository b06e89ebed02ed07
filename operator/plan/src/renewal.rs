//! When something that ends is renewed.

use jiff::{SignedDuration, Timestamp};

use crate::{Seed, spread};

/// From when until when something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// How long something should live, and when in that life it is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Whole lifetime.
    pub ttl: SignedDuration,
    /// Share of the lifetime after which it is renewed, in percent.
    pub at_percent: i32,
}

impl Renewal {
    /// Shortest lifetime of a token: one must survive an operator's restart and a clock that is a little off.
    pub const SHORTEST: SignedDuration = SignedDuration::from_mins(10);

    /// A life that begins now. Whole seconds, because that is what a token can say.
    pub fn begin(&self, now: Timestamp) -> Lifetime {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Lifetime { not_before: now, not_after: now.saturating_add(self.ttl).unwrap_or(Timestamp::MAX) }
    }

    /// When a life is renewed: after its share, spread over a tenth of the lifetime, so that what was made together is not renewed together.
    ///
    /// The answer follows from the life as it is written down, so that an operator that restarts does not renew early.
    pub fn due(&self, life: Lifetime, seed: Seed) -> Timestamp {
        let ttl = life.not_after.duration_since(life.not_before);
        let share = ttl.saturating_mul(self.at_percent) / 100;
        let early = spread(ttl / 10, seed, life.not_before.as_second().unsigned_abs());
        life.not_before.saturating_add(share - early.min(share)).unwrap_or(Timestamp::MAX)
    }

    /// Whether a life can be kept: not yet due, and not longer than it may be by now.
    pub fn keeps(&self, life: Lifetime, seed: Seed, now: Timestamp) -> bool {
        let asked = life.not_after.duration_since(life.not_before) == self.ttl;
        // A clock that went back must not leave a token that begins in the future for ever.
        let begun = life.not_before.duration_since(now) <= SignedDuration::from_mins(5);
        asked && begun && now < self.due(life, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Renewal = Renewal { ttl: SignedDuration::from_hours(24), at_percent: 50 };

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_token_is_kept_until_its_share_of_life_is_over_and_not_longer() {
        let life = DAY.begin(at("2026-01-01T00:00:00.7Z"));
        assert_eq!(life, Lifetime { not_before: at("2026-01-01T00:00:00Z"), not_after: at("2026-01-02T00:00:00Z") });
        assert_eq!(DAY.due(life, Seed::ZERO), at("2026-01-01T12:00:00Z"));
        assert!(DAY.keeps(life, Seed::ZERO, at("2026-01-01T11:59:59Z")));
        assert!(!DAY.keeps(life, Seed::ZERO, at("2026-01-01T12:00:00Z")));
    }

    #[test]
    fn tokens_made_together_are_renewed_over_a_tenth_of_their_life_and_never_late() {
        let life = DAY.begin(at("2026-01-01T00:00:00Z"));
        let due: Vec<_> = (0..200).map(|n| DAY.due(life, Seed::of(&format!("device-{n}")))).collect();
        let (first, last) = (*due.iter().min().expect("some"), *due.iter().max().expect("some"));
        assert!(last <= at("2026-01-01T12:00:00Z"), "{last}");
        assert!(first >= at("2026-01-01T09:36:00Z"), "{first}");
        assert!(last.duration_since(first) > SignedDuration::from_hours(2));
    }

    #[test]
    fn a_token_of_another_lifetime_than_asked_is_renewed_at_once() {
        let life = DAY.begin(at("2026-01-01T00:00:00Z"));
        let shorter = Renewal { ttl: SignedDuration::from_hours(1), ..DAY };
        assert!(!shorter.keeps(life, Seed::ZERO, at("2026-01-01T00:00:01Z")));
    }

    #[test]
    fn a_token_from_the_future_is_renewed() {
        let life = DAY.begin(at("2026-01-03T00:00:00Z"));
        assert!(!DAY.keeps(life, Seed::ZERO, at("2026-01-01T00:00:00Z")));
    }
}
