//! Bulkheads: how many calls are under way to each of those who are called, and to whom none goes because nobody answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::flow::breaker::{Breaker, Change};
use crate::flow::clock::Clock;
use crate::flow::rejected::Rejected;
use crate::flow::verdict::Verdict;

/// How long a call waits for others to end, while they do end.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// One bulkhead, and how it is to be used.
#[derive(Debug, Clone)]
pub(crate) struct Bulkhead {
    /// Who is at the other end, as errors and logs name it.
    pub(crate) name: Arc<str>,
    /// How many calls may be under way at once.
    pub(crate) width: usize,
    /// How many calls in a row without an answer open its breaker.
    pub(crate) threshold: usize,
    /// What the call is about, where two failures about the same count as one.
    pub(crate) about: Option<Arc<str>>,
}

/// Every bulkhead that is in use or in doubt.
pub(crate) struct Bulkheads {
    clock: Clock,
    known: Mutex<HashMap<Arc<str>, State>>,
}

struct State {
    breaker: Breaker,
    slots: Arc<Semaphore>,
    width: usize,
}

/// Forgets, when it is dropped, those of some bulkheads that nobody is in and that are in no doubt.
struct ForgetIdle<'a> {
    bulkheads: &'a Bulkheads,
    names: Vec<Arc<str>>,
}

/// The right to send one call; without a verdict, the call counts as unanswered.
pub(crate) struct Permit<'a> {
    bulkheads: &'a Bulkheads,
    places: Vec<(Bulkhead, OwnedSemaphorePermit)>,
    verdict: Verdict,
}

impl Bulkhead {
    /// The bulkhead of a host that counts for itself.
    pub(crate) fn of_host(host: &str) -> Self {
        Self { name: host.into(), width: 8, threshold: 3, about: None }
    }
}

impl Bulkheads {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// Whether a call would be let through on every one of these bulkheads.
    pub(crate) fn check(&self, bulkheads: &[Bulkhead]) -> Result<(), Rejected> {
        check(&self.lock(), bulkheads, (self.clock)())
    }

    /// Lets a call through on all of these bulkheads, or on none.
    pub(crate) async fn enter(&self, bulkheads: Vec<Bulkhead>) -> Result<Permit<'_>, Rejected> {
        // Dropped after the permits, also when the wait for one is given up.
        let _forgotten = ForgetIdle { bulkheads: self, names: bulkheads.iter().map(|bulkhead| bulkhead.name.clone()).collect() };
        let mut permits = Vec::new();
        for bulkhead in &bulkheads {
            permits.push(self.slot(bulkhead).await?);
        }
        let now = (self.clock)();
        let mut known = self.lock();
        check(&known, &bulkheads, now)?;
        for bulkhead in &bulkheads {
            known.entry(bulkhead.name.clone()).or_insert_with(|| State::new(bulkhead)).breaker.admitted();
        }
        drop(known);
        Ok(Permit { bulkheads: self, places: bulkheads.into_iter().zip(permits).collect(), verdict: Verdict::Missed })
    }

    /// The names of those who do not answer.
    pub(crate) fn not_answering(&self) -> Vec<Arc<str>> {
        self.lock().iter().filter(|(_, state)| state.breaker.is_open()).map(|(name, _)| name.clone()).collect()
    }

    async fn slot(&self, bulkhead: &Bulkhead) -> Result<OwnedSemaphorePermit, Rejected> {
        let (slots, in_doubt) = {
            let mut known = self.lock();
            let state = known.entry(bulkhead.name.clone()).or_insert_with(|| State::new(bulkhead));
            (state.slots.clone(), !state.breaker.is_clear())
        };
        let busy = || Rejected::BulkheadFull { name: bulkhead.name.clone() };
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

    fn ended(&self, bulkhead: &Bulkhead, permit: OwnedSemaphorePermit, verdict: Verdict) {
        drop(permit);
        let now = (self.clock)();
        let mut known = self.lock();
        let Some(state) = known.get_mut(&bulkhead.name) else { return };
        match state.breaker.ended(verdict, bulkhead.about.as_ref(), now) {
            Some(Change::Opened) => tracing::warn!(host = %bulkhead.name, "It does not answer; calls to it are held back"),
            Some(Change::Closed) => tracing::info!(host = %bulkhead.name, "It answers again"),
            None => {}
        }
        if state.is_idle() {
            known.remove(&bulkhead.name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, State>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(known: &HashMap<Arc<str>, State>, bulkheads: &[Bulkhead], now: Timestamp) -> Result<(), Rejected> {
    bulkheads.iter().try_for_each(|bulkhead| {
        let state = known.get(&bulkhead.name);
        let until = |until: Timestamp| Rejected::NotAnswering { name: bulkhead.name.clone(), wait: until.duration_since(now) };
        state.map_or(Ok(()), |state| state.breaker.admits(now)).map_err(until)
    })
}

impl State {
    fn new(bulkhead: &Bulkhead) -> Self {
        Self { breaker: Breaker::new(bulkhead.threshold), slots: Arc::new(Semaphore::new(bulkhead.width)), width: bulkhead.width }
    }

    fn is_idle(&self) -> bool {
        self.breaker.is_clear() && self.slots.available_permits() == self.width
    }
}

impl Drop for ForgetIdle<'_> {
    fn drop(&mut self) {
        let mut known = self.bulkheads.lock();
        for name in &self.names {
            if known.get(name).is_some_and(State::is_idle) {
                known.remove(name);
            }
        }
    }
}

impl Permit<'_> {
    /// Says how the call ended.
    pub(crate) fn end(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        for (bulkhead, permit) in self.places.drain(..) {
            self.bulkheads.ended(&bulkhead, permit, self.verdict);
        }
    }
}

#[cfg(test)]
mod tests;
