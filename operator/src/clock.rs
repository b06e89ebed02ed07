//! The one clock. Decisions get its time as an argument.

pub mod simulated;
pub mod skew;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The time, and waiting for a time.
///
/// Outside of tests it is the machine's clock, which may be set while we run. A test may let it follow a simulator's, which is
/// ahead of the machine's by an offset that only grows, or set it.
#[derive(Clone, Debug)]
pub struct Clock {
    offset: Arc<watch::Receiver<SignedDuration>>,
    /// Whether the offset makes up for a machine's clock that is off.
    corrects: bool,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        let (_, offset) = watch::channel(SignedDuration::ZERO);
        Self::following(offset)
    }

    /// A clock ahead of the machine's by an offset that somebody else keeps.
    pub fn following(offset: watch::Receiver<SignedDuration>) -> Self {
        Self { offset: Arc::new(offset), corrects: false }
    }

    /// The machine's clock, corrected by an offset that somebody else keeps.
    fn corrected(offset: watch::Receiver<SignedDuration>) -> Self {
        Self { offset: Arc::new(offset), corrects: true }
    }

    /// How far the machine's clock is behind what was told to be the time; zero if it is right, or nobody tells.
    pub fn correction(&self) -> SignedDuration {
        if self.corrects { *self.offset.borrow() } else { SignedDuration::ZERO }
    }

    /// Waits until the correction is another one.
    pub async fn correction_changes(&self, before: SignedDuration) {
        let mut offset = (*self.offset).clone();
        loop {
            if self.corrects && *offset.borrow_and_update() != before {
                return;
            }
            if offset.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        machine().saturating_add(*self.offset.borrow()).unwrap_or(Timestamp::MAX)
    }

    /// Waits until a time is there, however it comes.
    pub async fn until(&self, when: Timestamp) {
        let mut offset = (*self.offset).clone();
        loop {
            offset.borrow_and_update();
            let left = when.duration_since(self.now());
            let Ok(left) = std::time::Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                moved = offset.changed() => if moved.is_err() { tokio::time::sleep(left).await },
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn machine() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_the_clock_jumps() {
        let (offset, seen) = watch::channel(SignedDuration::ZERO);
        let clock = Clock::following(seen);
        let tomorrow = clock.now() + SignedDuration::from_hours(24);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.until(tomorrow).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        offset.send(SignedDuration::from_hours(25)).expect("somebody listens");
        waiting.await.expect("it ends");
        assert!(clock.now() >= tomorrow);
    }
}
