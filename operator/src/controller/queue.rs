//! Which object is looked at next.
//!
//! Each key is in at most one place: waiting for a time, ready in a priority, or running. What is new or changed goes before what is
//! merely looked at again, but for every sixteenth look, and within a priority the tenants (namespaces) take turns, so that one with many objects does not hold up
//! the others. Nor does one whose looks take long: its turns come as seldom as they are dear, and whoever has workers gets another only
//! while enough are free for those who may come. The queue keeps no time of its own: it is driven by the clock that it is given, and told
//! what a look took.

mod turns;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    controller::queue::turns::{Accounts, TenantTurns},
    object::ObjectKey,
};

/// How urgent a look is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// New or changed, by a user or by something that it depends on.
    Changed,
    /// Only to see that nothing has drifted.
    Resync,
}

impl Priority {
    /// Both, most urgent first.
    pub const ALL: [Self; 2] = [Self::Changed, Self::Resync];

    /// The word under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Resync => "resync",
        }
    }
}

/// A clock that goes back by more than this was set; less is the machine's own discipline.
const SET_BACK: SignedDuration = SignedDuration::from_secs(10);
/// How often it is looked at the clock, which may have been set, while nothing is due.
const BETWEEN_GLANCES: Duration = Duration::from_mins(1);

/// The queue.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    moved: Notify,
    clock: Clock,
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<ObjectKey, Place>,
    rows: [TenantTurns; 2],
    accounts: Accounts,
    /// How many times as dear a look is at those that are large.
    weights: HashMap<ObjectKey, u32>,
    /// How many keys are ready in each priority.
    depths: [usize; 2],
    due: BTreeSet<(Timestamp, ObjectKey, Priority)>,
    /// Which look it is since the last that began with what is only looked at again.
    turn: u32,
    /// The latest time that was seen.
    latest: Timestamp,
    workers: Workers,
    closed: bool,
}

/// A tenant gets another worker only while it has fewer than so many times those that are free: alone, three quarters of all.
const SHARE: usize = 3;

/// Every so many looks begin with what is only looked at again: a credential that is to be renewed waits for no end of changes.
const RESYNC_TURN: u32 = 16;

/// Bytes of an object that weigh no more than those of any other. Each write of a large object has the API server read it, change it, store
/// it and send it to all who watch, whole.
const ORDINARY: usize = 16 << 10;

/// How many workers there are, and who has them.
#[derive(Debug, Default)]
struct Workers {
    /// As many as needed, if it was never said.
    all: Option<usize>,
    busy: usize,
    by_tenant: HashMap<Arc<str>, usize>,
}

impl Workers {
    fn may_serve(&self, tenant: &Arc<str>) -> bool {
        let free = self.all.map_or(usize::MAX, |all| all.saturating_sub(self.busy));
        self.by_tenant.get(tenant).is_none_or(|serving| *serving < free.saturating_mul(SHARE))
    }

    fn began(&mut self, tenant: &Arc<str>) {
        self.busy += 1;
        *self.by_tenant.entry(tenant.clone()).or_default() += 1;
    }

    fn ended(&mut self, tenant: &Arc<str>) {
        self.busy = self.busy.saturating_sub(1);
        if let Some(serving) = self.by_tenant.get_mut(tenant) {
            *serving -= 1;
            if *serving == 0 {
                self.by_tenant.remove(tenant);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Due(Timestamp, Priority),
    Ready(Priority),
    Running { again: Option<Priority> },
}

impl Queue {
    /// An empty queue on a clock.
    pub fn new(clock: Clock) -> Self {
        Self { state: Mutex::default(), moved: Notify::new(), clock }
    }

    /// Says how many workers take from the queue.
    pub fn staff(&self, workers: usize) {
        self.lock().workers.all = Some(workers);
    }

    /// Takes in how large an object is, in bytes: its tenant's turn comes later by what a look at it costs.
    pub fn weigh(&self, key: &ObjectKey, size: usize) {
        let mut state = self.lock();
        match u32::try_from(size / ORDINARY).unwrap_or(u32::MAX) {
            0 => drop(state.weights.remove(key)),
            more => drop(state.weights.insert(key.clone(), more.saturating_add(1))),
        }
    }

    /// Asks for a look now. A key that runs is looked at once more after it; one that waits moves up.
    pub fn push(&self, key: ObjectKey, priority: Priority) {
        let mut state = self.lock();
        match state.places.get(&key).copied() {
            Some(Place::Running { again }) => {
                let priority = again.map_or(priority, |other| other.min(priority));
                state.places.insert(key, Place::Running { again: Some(priority) });
                return;
            }
            Some(Place::Ready(at)) if at <= priority => return,
            Some(Place::Ready(at)) => state.depths[at as usize] -= 1,
            Some(Place::Due(when, at)) => {
                state.due.remove(&(when, key.clone(), at));
            }
            None => {}
        }
        state.ready(key, priority);
        drop(state);
        self.moved.notify_one();
    }

    /// The next key, when there is one. `None` once the queue is closed.
    pub async fn next(&self) -> Option<(ObjectKey, Priority)> {
        loop {
            let moved = self.moved.notified();
            let next_due = {
                let mut state = self.lock();
                if state.closed {
                    self.moved.notify_one();
                    return None;
                }
                state.wake(self.clock.now());
                if let Some(found) = state.take() {
                    if state.has_ready() {
                        self.moved.notify_one();
                    }
                    return Some(found);
                }
                state.due.first().map(|(when, ..)| *when)
            };
            match next_due {
                Some(when) => tokio::select! {
                    () = moved => {}
                    () = self.clock.until(when) => {}
                    () = tokio::time::sleep(BETWEEN_GLANCES) => {}
                },
                None => moved.await,
            }
        }
    }

    /// Says that a key that [`Queue::next`] gave is done with, how long that took, and when it wants to be looked at again.
    pub fn done(&self, key: ObjectKey, took: Duration, again: Option<(Timestamp, Priority)>) {
        let mut state = self.lock();
        let asked = match state.places.remove(&key) {
            Some(Place::Running { again }) => {
                state.workers.ended(&key.name.namespace);
                let weight = state.weights.get(&key).copied().unwrap_or(1);
                state.charge(&key.name.namespace, took.saturating_mul(weight));
                again
            }
            Some(Place::Due(..) | Place::Ready(_)) | None => None,
        };
        match (asked, again) {
            (Some(priority), _) => state.ready(key, priority),
            (None, Some((when, priority))) => {
                state.due.insert((when, key.clone(), priority));
                state.places.insert(key, Place::Due(when, priority));
            }
            (None, None) => {}
        }
        drop(state);
        self.moved.notify_one();
    }

    /// Forgets a key that no longer exists.
    pub fn forget(&self, key: &ObjectKey) {
        let mut state = self.lock();
        state.weights.remove(key);
        match state.places.get(key).copied() {
            Some(Place::Due(when, priority)) => {
                state.due.remove(&(when, key.clone(), priority));
            }
            Some(Place::Ready(priority)) => state.depths[priority as usize] -= 1,
            Some(Place::Running { .. }) | None => return,
        }
        state.places.remove(key);
    }

    /// Ends the queue: nothing more is handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_waiters();
        self.moved.notify_one();
    }

    /// How many keys are ready in a priority.
    pub fn depth(&self, priority: Priority) -> usize {
        self.lock().depths[priority as usize]
    }

    /// Whether nothing runs and nothing is due, and when the next thing will be.
    pub fn rest(&self) -> (bool, Option<Timestamp>) {
        let mut state = self.lock();
        if state.wake(self.clock.now()) {
            self.moved.notify_one();
        }
        let running = state.places.values().any(|place| matches!(place, Place::Running { .. }));
        (!running && !state.has_ready(), state.due.first().map(|(when, ..)| *when))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ready(&mut self, key: ObjectKey, priority: Priority) {
        self.places.insert(key.clone(), Place::Ready(priority));
        self.depths[priority as usize] += 1;
        self.rows[priority as usize].push(key, &mut self.accounts);
    }

    /// A look of a tenant has cost so much.
    fn charge(&mut self, tenant: &Arc<str>, cost: Duration) {
        self.accounts.settle(tenant, cost);
        for row in &mut self.rows {
            row.reorder(tenant, &self.accounts);
        }
        if self.workers.busy == 0 && !self.has_ready() {
            // Nobody waits for anybody.
            self.accounts = Accounts::default();
        }
    }

    fn has_ready(&self) -> bool {
        self.depths.iter().any(|depth| *depth > 0)
    }

    /// Readies what is due. When the clock was set back, what waits is set back with it, or it would wait for that much longer; then
    /// true.
    fn wake(&mut self, now: Timestamp) -> bool {
        let back = self.latest.duration_since(now);
        let is_set_back = back > SET_BACK;
        if is_set_back {
            tracing::warn!(by = %back, "the clock was set back");
            for (when, key, priority) in std::mem::take(&mut self.due) {
                let when = when.saturating_sub(back).unwrap_or(Timestamp::MIN);
                self.places.insert(key.clone(), Place::Due(when, priority));
                self.due.insert((when, key, priority));
            }
        }
        self.latest = if is_set_back { now } else { self.latest.max(now) };
        while self.due.first().is_some_and(|(when, ..)| *when <= now) {
            if let Some((_, key, priority)) = self.due.pop_first() {
                self.ready(key, priority);
            }
        }
        is_set_back
    }

    fn take(&mut self) -> Option<(ObjectKey, Priority)> {
        self.turn = (self.turn + 1) % RESYNC_TURN;
        let mut priorities = Priority::ALL;
        if self.turn == 0 {
            priorities.reverse();
        }
        priorities.into_iter().find_map(|priority| {
            // What has moved up or was forgotten meanwhile is left behind: to search for it then would take as long as the row is.
            let row = &mut self.rows[priority as usize];
            let mut pop = || row.pop(&mut self.accounts, |tenant| self.workers.may_serve(tenant));
            let key = std::iter::from_fn(&mut pop).find(|key| self.places.get(key) == Some(&Place::Ready(priority)))?;
            self.workers.began(&key.name.namespace);
            self.depths[priority as usize] -= 1;
            self.places.insert(key.clone(), Place::Running { again: None });
            Some((key, priority))
        })
    }
}

#[cfg(test)]
mod tests;
