//! Which object is looked at next.
//!
//! Each key is in at most one place: waiting for a time, ready in a lane, or running. What is new or changed goes before what is
//! merely looked at again, and within a lane the tenants (namespaces) take turns, so that one with many objects does not hold up
//! the others. The queue keeps no time of its own: it is driven by the clock that it is given.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{clock::Clock, key::ObjectKey};

/// How urgent a look is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// New or changed, by a user or by something that it depends on.
    New,
    /// Only to see that nothing has drifted.
    Refresh,
}

impl Lane {
    /// Both, most urgent first.
    pub const ALL: [Self; 2] = [Self::New, Self::Refresh];

    /// The word under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Refresh => "refresh",
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
    lanes: [Turns; 2],
    /// How many keys are ready in each lane.
    depths: [usize; 2],
    due: BTreeSet<(Timestamp, ObjectKey, Lane)>,
    /// The latest time that was seen.
    latest: Timestamp,
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Due(Timestamp, Lane),
    Ready(Lane),
    Running { again: Option<Lane> },
}

/// Keys by tenant, the tenants in turn.
#[derive(Debug, Default)]
struct Turns {
    order: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<ObjectKey>>,
}

impl Turns {
    /// A key may be in a row more than once: only its place says whether it is still wanted there.
    fn push(&mut self, key: ObjectKey) {
        let tenant = key.at.namespace.clone();
        let row = self.waiting.entry(tenant.clone()).or_default();
        if row.is_empty() {
            self.order.push_back(tenant);
        }
        row.push_back(key);
    }

    fn pop(&mut self) -> Option<ObjectKey> {
        let tenant = self.order.pop_front()?;
        let row = self.waiting.get_mut(&tenant)?;
        let key = row.pop_front();
        if row.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.order.push_back(tenant);
        }
        key
    }
}

impl Queue {
    /// An empty queue on a clock.
    pub fn new(clock: Clock) -> Self {
        Self { state: Mutex::default(), moved: Notify::new(), clock }
    }

    /// Asks for a look now. A key that runs is looked at once more after it; one that waits moves up.
    pub fn push(&self, key: ObjectKey, lane: Lane) {
        let mut state = self.lock();
        match state.places.get(&key).copied() {
            Some(Place::Running { again }) => {
                let lane = again.map_or(lane, |other| other.min(lane));
                state.places.insert(key, Place::Running { again: Some(lane) });
                return;
            }
            Some(Place::Ready(at)) if at <= lane => return,
            Some(Place::Ready(at)) => state.depths[at as usize] -= 1,
            Some(Place::Due(when, at)) => {
                state.due.remove(&(when, key.clone(), at));
            }
            None => {}
        }
        state.ready(key, lane);
        drop(state);
        self.moved.notify_one();
    }

    /// The next key, when there is one. `None` once the queue is closed.
    pub async fn next(&self) -> Option<(ObjectKey, Lane)> {
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

    /// Says that a key that [`Queue::next`] gave is done with, and when it wants to be looked at again.
    pub fn done(&self, key: ObjectKey, again: Option<(Timestamp, Lane)>) {
        let mut state = self.lock();
        let asked = match state.places.remove(&key) {
            Some(Place::Running { again }) => again,
            Some(Place::Due(..) | Place::Ready(_)) | None => None,
        };
        match (asked, again) {
            (Some(lane), _) => state.ready(key, lane),
            (None, Some((when, lane))) => {
                state.due.insert((when, key.clone(), lane));
                state.places.insert(key, Place::Due(when, lane));
            }
            (None, None) => {}
        }
        drop(state);
        self.moved.notify_one();
    }

    /// Forgets a key that no longer exists.
    pub fn forget(&self, key: &ObjectKey) {
        let mut state = self.lock();
        match state.places.get(key).copied() {
            Some(Place::Due(when, lane)) => {
                state.due.remove(&(when, key.clone(), lane));
            }
            Some(Place::Ready(lane)) => state.depths[lane as usize] -= 1,
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

    /// How many keys are ready in a lane.
    pub fn depth(&self, lane: Lane) -> usize {
        self.lock().depths[lane as usize]
    }

    /// Whether nothing runs and nothing is due, and when the next thing will be.
    pub fn rest(&self) -> (bool, Option<Timestamp>) {
        let mut state = self.lock();
        state.wake(self.clock.now());
        let running = state.places.values().any(|place| matches!(place, Place::Running { .. }));
        (!running && !state.has_ready(), state.due.first().map(|(when, ..)| *when))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ready(&mut self, key: ObjectKey, lane: Lane) {
        self.places.insert(key.clone(), Place::Ready(lane));
        self.depths[lane as usize] += 1;
        self.lanes[lane as usize].push(key);
    }

    fn has_ready(&self) -> bool {
        self.depths.iter().any(|depth| *depth > 0)
    }

    /// Readies what is due. When the clock was set back, what waits is set back with it, or it would wait for that much longer.
    fn wake(&mut self, now: Timestamp) {
        let back = self.latest.duration_since(now);
        if back > SET_BACK {
            tracing::warn!(by = %back, "the clock was set back");
            let due = std::mem::take(&mut self.due);
            for (when, key, lane) in due {
                let when = when.saturating_sub(back).unwrap_or(Timestamp::MIN);
                self.places.insert(key.clone(), Place::Due(when, lane));
                self.due.insert((when, key, lane));
            }
        }
        self.latest = if back > SET_BACK { now } else { self.latest.max(now) };
        while self.due.first().is_some_and(|(when, ..)| *when <= now) {
            if let Some((_, key, lane)) = self.due.pop_first() {
                self.ready(key, lane);
            }
        }
    }

    fn take(&mut self) -> Option<(ObjectKey, Lane)> {
        Lane::ALL.into_iter().find_map(|lane| {
            // What has moved up or was forgotten meanwhile is left behind: to search for it then would take as long as the row is.
            let key =
                std::iter::from_fn(|| self.lanes[lane as usize].pop()).find(|key| self.places.get(key) == Some(&Place::Ready(lane)))?;
            self.depths[lane as usize] -= 1;
            self.places.insert(key.clone(), Place::Running { again: None });
            Some((key, lane))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::key::KindName;

    fn key(namespace: &str, name: &str) -> ObjectKey {
        ObjectKey::new(KindName::DeviceCredential, namespace, name)
    }

    async fn names(queue: &Queue, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            let (key, _) = queue.next().await.expect("open");
            names.push(key.at.to_string());
            queue.done(key, None);
        }
        names
    }

    #[tokio::test]
    async fn what_is_new_goes_before_what_is_looked_at_again() {
        let queue = Queue::new(Clock::system());
        queue.push(key("a", "old"), Lane::Refresh);
        queue.push(key("a", "new"), Lane::New);
        assert_eq!(names(&queue, 2).await, ["a/new", "a/old"]);
    }

    #[tokio::test]
    async fn a_tenant_with_many_objects_does_not_hold_up_another() {
        let queue = Queue::new(Clock::system());
        for n in 0..3 {
            queue.push(key("noisy", &n.to_string()), Lane::New);
        }
        queue.push(key("quiet", "0"), Lane::New);
        assert_eq!(names(&queue, 4).await, ["noisy/0", "quiet/0", "noisy/1", "noisy/2"]);
    }

    #[tokio::test]
    async fn a_key_is_never_handed_out_twice_at_the_same_time_and_no_push_is_lost() {
        let queue = Queue::new(Clock::system());
        queue.push(key("a", "x"), Lane::New);
        let (running, _) = queue.next().await.expect("open");
        queue.push(key("a", "x"), Lane::New);
        queue.push(key("a", "x"), Lane::Refresh);
        assert_eq!(queue.depth(Lane::New), 0);
        queue.done(running, None);
        assert_eq!(queue.next().await, Some((key("a", "x"), Lane::New)));
    }

    #[tokio::test]
    async fn a_refresh_that_becomes_urgent_moves_up_and_stays_single() {
        let queue = Queue::new(Clock::system());
        queue.push(key("a", "x"), Lane::Refresh);
        queue.push(key("a", "x"), Lane::New);
        assert_eq!((queue.depth(Lane::New), queue.depth(Lane::Refresh)), (1, 0));
    }

    #[tokio::test]
    async fn what_moved_up_or_was_forgotten_is_not_handed_out_from_where_it_was() {
        let queue = Queue::new(Clock::system());
        for name in ["moved", "forgotten", "left"] {
            queue.push(key("a", name), Lane::Refresh);
        }
        queue.push(key("a", "moved"), Lane::New);
        queue.forget(&key("a", "forgotten"));
        assert_eq!((queue.depth(Lane::New), queue.depth(Lane::Refresh)), (1, 1));
        assert_eq!(names(&queue, 2).await, ["a/moved", "a/left"]);
        assert_eq!(queue.rest(), (true, None));
    }

    #[tokio::test]
    async fn the_clock_alone_decides_when_a_key_is_due() {
        let (offset, seen) = watch::channel(SignedDuration::ZERO);
        let clock = Clock::following(seen);
        let queue = Arc::new(Queue::new(clock.clone()));
        queue.push(key("a", "x"), Lane::New);
        let (running, _) = queue.next().await.expect("open");
        let tomorrow = clock.now() + SignedDuration::from_hours(24);
        queue.done(running, Some((tomorrow, Lane::Refresh)));
        assert_eq!(queue.rest(), (true, Some(tomorrow)));

        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.next().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        offset.send(SignedDuration::from_hours(25)).expect("somebody listens");
        assert_eq!(waiting.await.expect("ends"), Some((key("a", "x"), Lane::Refresh)));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_nothing_wait_for_longer() {
        let (offset, seen) = watch::channel(SignedDuration::from_hours(72));
        let clock = Clock::following(seen);
        let queue = Queue::new(clock.clone());
        queue.push(key("a", "x"), Lane::New);
        let (running, _) = queue.next().await.expect("open");
        let soon = clock.now() + SignedDuration::from_mins(2);
        queue.done(running, Some((soon, Lane::Refresh)));
        assert_eq!(queue.rest(), (true, Some(soon)));

        offset.send(SignedDuration::ZERO).expect("somebody listens");
        let (_, due) = queue.rest();
        let left = due.expect("it is due").duration_since(clock.now());
        assert!(left > SignedDuration::from_secs(110) && left <= SignedDuration::from_mins(2), "{left}");
        offset.send(SignedDuration::from_mins(3)).expect("somebody listens");
        assert_eq!(queue.next().await, Some((key("a", "x"), Lane::Refresh)));
    }

    #[tokio::test]
    async fn closing_wakes_everyone_who_waits() {
        let queue = Arc::new(Queue::new(Clock::system()));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.next().await })
            })
            .collect();
        tokio::task::yield_now().await;
        queue.close();
        for one in waiting {
            assert_eq!(one.await.expect("ends"), None);
        }
    }
}
