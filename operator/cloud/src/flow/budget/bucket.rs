//! A token bucket that shares itself between those who pay from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::flow::limits::Limit;

/// How long a call counts as recent use: after this time a third of it still does.
const MEMORY_SECONDS: f64 = 60.0;
/// Less recent use than this, in calls, is none.
const FORGOTTEN: f64 = 0.5;
/// How many seconds of calls to come are promised at most: nobody waits longer with a call in hand.
const PROMISED_SECONDS: f64 = 2.0;

/// A token bucket that several pay from, and that shares itself between those who do.
///
/// A call costs a token, and the bucket may go below nothing: then the call waits for the token that it was promised. How far
/// down a payer may go depends on what it used of late, beside the others:
///
/// - nothing, or it is alone: until two seconds of calls are promised;
/// - up to its part: until less is, down to one second;
/// - more than its part: down to the half of the bucket.
///
/// So the rate is used in full whoever asks, and nobody who asks for less than its part finds the bucket drained. A look that
/// takes several calls is slowed down rather than broken off.
pub(super) struct Bucket {
    limit: Limit,
    tokens: f64,
    filled: Timestamp,
    closed_until: Option<Timestamp>,
    /// Recent use by payer, in calls.
    used: BTreeMap<Arc<str>, f64>,
}

/// Why there is no token, and in how long to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is none, or none for this payer.
    UsedUp(SignedDuration),
    /// The service asked for a pause.
    Closed(SignedDuration),
}

impl Bucket {
    pub(super) fn full(limit: Limit, now: Timestamp) -> Self {
        Self { limit, tokens: f64::from(limit.burst.max(1)), filled: now, closed_until: None, used: BTreeMap::new() }
    }

    /// Takes a token: says in how long the call may be sent.
    pub(super) fn take(&mut self, payer: &Arc<str>, now: Timestamp) -> Result<SignedDuration, Refused> {
        if let Some(open) = self.closed_until.filter(|open| *open > now) {
            return Err(Refused::Closed(open.duration_since(now)));
        }
        self.fill(now);
        let rest = self.tokens - 1.0;
        let floor = self.floor(payer);
        if rest < floor {
            return Err(Refused::UsedUp(self.time_of(floor - rest)));
        }
        self.tokens = rest;
        *self.used.entry(payer.clone()).or_default() += 1.0;
        Ok(self.time_of(-rest))
    }

    pub(super) fn close(&mut self, wait: SignedDuration, now: Timestamp) {
        self.closed_until = now.checked_add(wait).ok();
    }

    pub(super) fn set(&mut self, limit: Limit, now: Timestamp) {
        if self.limit != limit {
            *self = Self { closed_until: self.closed_until, ..Self::full(limit, now) };
        }
    }

    /// Whether it is as a new one would be.
    pub(super) fn is_forgotten(&mut self, documented: Limit, now: Timestamp) -> bool {
        self.fill(now);
        let open = self.closed_until.is_none_or(|open| open <= now);
        open && self.limit == documented && self.used.is_empty() && self.tokens >= self.burst()
    }

    /// The part of the burst that is left, from 0 to 1.
    pub(super) fn left(&mut self, now: Timestamp) -> f64 {
        self.fill(now);
        let open = self.closed_until.is_none_or(|open| open <= now);
        if open { (self.tokens / self.burst()).max(0.0) } else { 0.0 }
    }

    /// How many tokens a payer has to leave in the bucket.
    fn floor(&self, payer: &Arc<str>) -> f64 {
        let promised = -self.limit.per_second() * PROMISED_SECONDS;
        let mine = self.used.get(payer).copied().unwrap_or_default();
        let others = self.used.len() - usize::from(self.used.contains_key(payer));
        if others == 0 {
            return promised;
        }
        let payers = u32::try_from(others + 1).unwrap_or(u32::MAX);
        let part = self.used.values().sum::<f64>() / f64::from(payers);
        // The first calls of a look are not yet more than a part.
        let leeway = self.burst() / 10.0;
        let share = mine / (part + leeway);
        if share <= 1.0 { promised * (1.0 - share / 2.0) } else { self.burst() / 2.0 }
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.filled).as_secs_f64();
        if passed > 0.0 {
            self.tokens = (self.tokens + passed * self.limit.per_second()).min(self.burst());
            let kept = (-passed / MEMORY_SECONDS).exp();
            self.used.retain(|_, used| {
                *used *= kept;
                *used >= FORGOTTEN
            });
        }
        self.filled = now;
    }

    fn burst(&self) -> f64 {
        f64::from(self.limit.burst.max(1))
    }

    /// How long so many tokens take to come.
    fn time_of(&self, tokens: f64) -> SignedDuration {
        let seconds = tokens.max(0.0) / self.limit.per_second();
        SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::from_secs(60))
    }
}

#[cfg(test)]
mod tests;
