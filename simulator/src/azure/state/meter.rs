//! How often something may be done in a while.

use jiff::{SignedDuration, Timestamp};

/// Counts calls in windows of a fixed length.
#[derive(Default, Clone)]
pub(crate) struct Meter {
    window: Option<Timestamp>,
    calls: u32,
}

impl Meter {
    /// Counts one call; `Err` gives the time until the window is over.
    pub fn count(&mut self, now: Timestamp, length: SignedDuration, most: u32) -> Result<(), SignedDuration> {
        let over = self.window.is_none_or(|start| now >= start + length);
        if over {
            self.window = Some(now);
            self.calls = 0;
        }
        let start = self.window.unwrap_or(now);
        if self.calls >= most {
            return Err((start + length).duration_since(now));
        }
        self.calls += 1;
        Ok(())
    }
}
