//! Moving the clock in steps, each no longer than to the next thing that anyone has to do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::engine::clock::Clock;

/// How often a step looks whether a silent follower is to be forgotten.
const LOOK: Duration = Duration::from_millis(500);

/// Where to move the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    To(Timestamp),
    By(SignedDuration),
}

/// Why the clock stopped short of its target.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// A follower did not become idle within the real-time deadline.
    #[error("the clock stands at {at}: {follower} after {waited:?}")]
    Busy {
        /// The follower and what it is waited for.
        follower: String,
        /// The domain time that was reached.
        at: Timestamp,
        /// How long one step waited in real time.
        waited: Duration,
    },
    /// The target lies in the past; the clock never goes back.
    #[error("the clock stands at {at} and cannot go back to {to}")]
    Backwards {
        /// The time asked for.
        to: Timestamp,
        /// The domain time.
        at: Timestamp,
    },
}

impl Clock {
    /// Moves the clock; `settle` makes what is due happen and returns when the next of
    /// the simulator's own events is due.
    pub async fn advance(&self, target: Target, settle: impl Fn(Timestamp) -> Option<Timestamp>) -> Result<Timestamp, AdvanceError> {
        let _turn = self.turn.lock().await;
        let at = self.now();
        let target = match target {
            Target::To(time) => time,
            Target::By(span) => at + span,
        };
        if target < at {
            return Err(AdvanceError::Backwards { to: target, at });
        }
        self.ask_anew(|_| ());
        loop {
            self.settled().await?;
            let own = settle(self.now());
            if self.step(target, own) {
                settle(self.now());
                return self.settled().await;
            }
        }
    }

    /// Takes one step; true when it was the last.
    fn step(&self, target: Timestamp, own: Option<Timestamp>) -> bool {
        let mut last = false;
        self.ask_anew(|state| {
            let now = state.now();
            let next = [own, state.next_of_followers()].into_iter().flatten().filter(|next| *next > now).fold(target, Timestamp::min);
            last = next >= target;
            if next > now {
                state.offset += next.duration_since(now);
                state.stepped_to = Some(next);
            }
        });
        last
    }

    /// Changes the state and begins a round in which every follower has to report.
    fn ask_anew(&self, change: impl FnOnce(&mut crate::engine::clock::State)) {
        let mut state = self.lock();
        change(&mut state);
        state.round += 1;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until every follower is idle at the present time, and returns that time.
    async fn settled(&self) -> Result<Timestamp, AdvanceError> {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (unsettled, at) = {
                let mut state = self.lock();
                (state.unsettled(), state.now())
            };
            let Some(follower) = unsettled else {
                return Ok(at);
            };
            if tokio::time::Instant::now() >= deadline {
                return Err(AdvanceError::Busy { follower, at, waited: self.patience });
            }
            let _silent = tokio::time::timeout(LOOK, changed).await;
        }
    }
}
