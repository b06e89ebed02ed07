//! The domain clock: the real time plus an offset that only grows.

pub(crate) mod advance;
pub(crate) mod followers;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::engine::clock::followers::Followers;

/// The one clock of everything that is simulated, apart from TLS and token lifetimes.
pub(crate) struct Clock {
    state: Mutex<State>,
    /// Rung when the offset, a report or the round changed.
    changed: Notify,
    /// Held by the one advance that is under way.
    turn: tokio::sync::Mutex<()>,
    /// How long one step waits in real time for every follower.
    patience: Duration,
}

#[derive(Default)]
struct State {
    offset: SignedDuration,
    /// The latest time that was told, so that a real clock set back is not felt.
    latest: Option<Timestamp>,
    /// The domain time at which the offset last grew.
    stepped_to: Option<Timestamp>,
    /// Counts the moments at which every follower has to report anew.
    round: u64,
    followers: Followers,
}

/// The time of the machine, on which TLS and tokens stay.
#[expect(clippy::disallowed_methods, reason = "the simulator is what gives everyone else their clock")]
pub(crate) fn real_now() -> Timestamp {
    Timestamp::now()
}

impl State {
    fn now(&mut self) -> Timestamp {
        let told = real_now() + self.offset;
        let now = self.latest.map_or(told, |latest| latest.max(told));
        self.latest = Some(now);
        now
    }
}

/// What a follower, or anyone, is told of the clock.
pub(crate) struct Reading {
    pub now: Timestamp,
    pub offset: SignedDuration,
}

impl Clock {
    /// A clock at the real time.
    pub fn new(patience: Duration) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), turn: tokio::sync::Mutex::default(), patience }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while the clock is held")
    }

    /// The domain time.
    pub fn now(&self) -> Timestamp {
        self.lock().now()
    }

    /// The domain time with the offset that it is made of.
    pub fn read(&self) -> Reading {
        let mut state = self.lock();
        Reading { now: state.now(), offset: state.offset }
    }

    /// The followers as JSON, for `GET /sim/clock`.
    pub fn followers(&self) -> serde_json::Value {
        self.lock().followers.shown()
    }
}
