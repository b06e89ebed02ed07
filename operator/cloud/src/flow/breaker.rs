//! Whether calls to somebody are still worth their while, decided from the answers that came.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::flow::verdict::Verdict;

/// The first pause after which one call is let through again.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The longest one.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// Whether calls to somebody who does not answer are still worth their while.
///
/// It decides from the answers that came and the time that it is given, and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// So many calls in a row without an answer open it.
    threshold: usize,
    missed: usize,
    /// What those calls were about, where a second failure about the same says nothing new.
    about: BTreeSet<Arc<str>>,
    /// None while it is closed, and calls go through.
    open: Option<Open>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    pause: SignedDuration,
    until: Timestamp,
    /// Half open: a call was let through to see, and has not ended.
    probing: bool,
}

/// What changed for everyone by the end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Calls are held back from now on.
    Opened,
    /// Calls go through again.
    Closed,
}

impl Breaker {
    /// A closed breaker, which so many calls in a row without an answer open.
    pub(crate) fn new(threshold: usize) -> Self {
        Self { threshold, missed: 0, about: BTreeSet::new(), open: None }
    }

    /// Whether nothing speaks against calling.
    pub(crate) fn is_clear(&self) -> bool {
        self.missed == 0 && self.open.is_none()
    }

    /// Whether calls are held back.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a call may be let through; if not, until when there is no use in asking.
    pub(crate) fn admits(&self, now: Timestamp) -> Result<(), Timestamp> {
        match &self.open {
            Some(open) if open.probing => Err(now.max(open.until).saturating_add(FIRST_PAUSE).unwrap_or(Timestamp::MAX)),
            // A time that is further away than any pause is from before the clock was set back.
            Some(open) if now < open.until && open.until.duration_since(now) <= LONGEST_PAUSE => Err(open.until),
            None | Some(_) => Ok(()),
        }
    }

    /// Takes note that a call was let through, as a probe if it is open.
    pub(crate) fn admitted(&mut self) {
        if let Some(open) = &mut self.open {
            open.probing = true;
        }
    }

    /// Takes note of how a call ended that was let through.
    pub(crate) fn ended(&mut self, verdict: Verdict, about: Option<&Arc<str>>, now: Timestamp) -> Option<Change> {
        match verdict {
            Verdict::Answered | Verdict::Throttled(_) => self.answered(),
            Verdict::Missed => self.unanswered(about, now),
            Verdict::Unknown => {
                if let Some(open) = &mut self.open {
                    open.probing = false;
                }
                None
            }
        }
    }

    fn answered(&mut self) -> Option<Change> {
        self.missed = 0;
        self.about.clear();
        self.open.take().map(|_| Change::Closed)
    }

    fn unanswered(&mut self, about: Option<&Arc<str>>, now: Timestamp) -> Option<Change> {
        let until = |pause| now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        match &mut self.open {
            // Calls that were sent before it opened end after it did, and say nothing new.
            Some(open) if !open.probing => None,
            Some(open) => {
                let pause = open.pause.saturating_mul(2).min(LONGEST_PAUSE);
                *open = Open { pause, until: until(pause), probing: false };
                None
            }
            None => {
                if about.is_none_or(|about| self.about.insert(about.clone())) {
                    self.missed += 1;
                }
                let enough = self.missed >= self.threshold;
                self.open = enough.then(|| Open { pause: FIRST_PAUSE, until: until(FIRST_PAUSE), probing: false });
                enough.then_some(Change::Opened)
            }
        }
    }
}

#[cfg(test)]
mod tests;
