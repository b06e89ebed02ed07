//! Lines to services: how many calls are under way on each, and which lines are not used because nobody answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use moorage_keys::HostName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::azure::Clock;
use crate::breaker::{Breaker, Turned, Verdict};

/// How long a call waits for others on its line to end, while they do end.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// One line, and how it is to be used.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Who is at the other end, as errors and logs name it.
    pub(crate) name: Arc<str>,
    /// How many calls may be under way at once.
    pub(crate) width: usize,
    /// How many calls in a row without an answer shut it.
    pub(crate) threshold: usize,
    /// What the call is about, where two failures about the same count as one.
    pub(crate) about: Option<Arc<str>>,
}

/// Why a call may not be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// Whoever has this name did not answer, and is not asked before that time.
    Shut(Arc<str>, Timestamp),
    /// Too many calls are under way to whoever has this name.
    Busy(Arc<str>),
}

/// Every line that is in use or in doubt.
pub(crate) struct Lines {
    clock: Clock,
    known: Mutex<HashMap<Arc<str>, State>>,
}

struct State {
    breaker: Breaker,
    slots: Arc<Semaphore>,
    width: usize,
}

/// The right to send one call; without a verdict, the call counts as unanswered.
pub(crate) struct Passage<'a> {
    lines: &'a Lines,
    held: Vec<(Line, OwnedSemaphorePermit)>,
    verdict: Verdict,
}

impl Line {
    /// The line to a host that counts for itself.
    pub(crate) fn to_host(host: &HostName) -> Self {
        Self { name: host.as_str().into(), width: 8, threshold: 3, about: None }
    }
}

impl Lines {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// Whether a call would be let through on every one of these lines.
    pub(crate) fn check(&self, lines: &[Line]) -> Result<(), Held> {
        check(&self.lock(), lines, (self.clock)())
    }

    /// Lets a call through on all of these lines, or on none.
    pub(crate) async fn enter(&self, lines: Vec<Line>) -> Result<Passage<'_>, Held> {
        let mut permits = Vec::new();
        for line in &lines {
            permits.push(self.slot(line).await?);
        }
        let now = (self.clock)();
        let mut known = self.lock();
        check(&known, &lines, now)?;
        for line in &lines {
            known.entry(line.name.clone()).or_insert_with(|| State::new(line)).breaker.admitted();
        }
        drop(known);
        Ok(Passage { lines: self, held: lines.into_iter().zip(permits).collect(), verdict: Verdict::Missed })
    }

    /// The names at the ends of lines that are shut.
    pub(crate) fn shut(&self) -> Vec<Arc<str>> {
        self.lock().iter().filter(|(_, state)| state.breaker.is_shut()).map(|(name, _)| name.clone()).collect()
    }

    async fn slot(&self, line: &Line) -> Result<OwnedSemaphorePermit, Held> {
        let (slots, in_doubt) = {
            let mut known = self.lock();
            let state = known.entry(line.name.clone()).or_insert_with(|| State::new(line));
            (state.slots.clone(), !state.breaker.is_clear())
        };
        let busy = || Held::Busy(line.name.clone());
        match slots.clone().try_acquire_owned() {
            Ok(permit) => Ok(permit),
            // Those before us may be waiting for nothing.
            Err(_) if in_doubt => Err(busy()),
            Err(_) => match tokio::time::timeout(LONGEST_WAIT, slots.acquire_owned()).await {
                Ok(Ok(permit)) => Ok(permit),
                Ok(Err(_)) | Err(_) => Err(busy()),
            },
        }
    }

    fn ended(&self, line: &Line, permit: OwnedSemaphorePermit, verdict: Verdict) {
        drop(permit);
        let now = (self.clock)();
        let mut known = self.lock();
        let Some(state) = known.get_mut(&line.name) else { return };
        match state.breaker.ended(verdict, line.about.as_ref(), now) {
            Some(Turned::Shut) => tracing::warn!(host = %line.name, "It does not answer; calls to it are held back"),
            Some(Turned::Open) => tracing::info!(host = %line.name, "It answers again"),
            None => {}
        }
        if state.breaker.is_clear() && state.slots.available_permits() == state.width {
            known.remove(&line.name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, State>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(known: &HashMap<Arc<str>, State>, lines: &[Line], now: Timestamp) -> Result<(), Held> {
    lines.iter().try_for_each(|line| {
        let state = known.get(&line.name);
        state.map_or(Ok(()), |state| state.breaker.admits(now)).map_err(|until| Held::Shut(line.name.clone(), until))
    })
}

impl State {
    fn new(line: &Line) -> Self {
        Self { breaker: Breaker::new(line.threshold), slots: Arc::new(Semaphore::new(line.width)), width: line.width }
    }
}

impl Passage<'_> {
    /// Says how the call ended.
    pub(crate) fn end(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        for (line, permit) in self.held.drain(..) {
            self.lines.ended(&line, permit, self.verdict);
        }
    }
}

#[cfg(test)]
mod tests;
