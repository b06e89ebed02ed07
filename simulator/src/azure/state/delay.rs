//! How long things take, and how late they are seen, where the profile is not instant.

use jiff::{SignedDuration, Timestamp};

use crate::azure::options::Profile;
use crate::azure::state::Azure;

/// How long after a GET sees something a list or a query sees it.
const LISTED_LATER: SignedDuration = SignedDuration::from_secs(2);

impl Azure {
    /// How much longer than its latency something takes: 0.2 to 2 s, or nothing.
    pub(crate) fn delay(&mut self) -> SignedDuration {
        match self.options.profile {
            Profile::Instant => SignedDuration::ZERO,
            Profile::AzureLike => {
                self.delays += 1;
                // From the other end than the fault plan draws from.
                let share = self.keyring.fraction(u64::MAX - self.delays);
                SignedDuration::from_secs_f64(share.mul_add(1.8, 0.2))
            }
        }
    }

    /// When a GET first sees what is made now.
    pub(crate) fn visible_from(&mut self, now: Timestamp) -> Timestamp {
        now + self.options.variants.read_after_create.max(self.delay())
    }

    /// Whether a list of the resource manager has what a GET sees from then on.
    pub(crate) fn lists(&self, visible_from: Timestamp, now: Timestamp) -> bool {
        match self.options.profile {
            Profile::Instant => visible_from <= now,
            Profile::AzureLike => visible_from + LISTED_LATER <= now,
        }
    }

    /// Whether a query of the provisioning service has what a GET sees from then on.
    pub(crate) fn queries(&self, visible_from: Timestamp, now: Timestamp) -> bool {
        match self.options.profile {
            Profile::Instant => true,
            Profile::AzureLike => visible_from + LISTED_LATER <= now,
        }
    }
}
