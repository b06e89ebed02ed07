//! The one clock. Decisions get its time as an argument.

pub mod simulated;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The time, and waiting for a time.
///
/// Outside of tests it is the machine's clock, which may be set while we run. A test may let it follow a simulator's, which is
/// ahead of the machine's by an offset that only grows, or set it.
#[derive(Clone, Debug)]
pub struct Clock(Arc<watch::Receiver<SignedDuration>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        let (_, offset) = watch::channel(SignedDuration::ZERO);
        Self(Arc::new(offset))
    }

    /// A clock ahead of the machine's by an offset that somebody else keeps.
    pub fn following(offset: watch::Receiver<SignedDuration>) -> Self {
        Self(Arc::new(offset))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        machine().saturating_add(*self.0.borrow()).unwrap_or(Timestamp::MAX)
    }

    /// Waits until a time is there, however it comes.
    pub async fn until(&self, when: Timestamp) {
        let mut offset = (*self.0).clone();
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
