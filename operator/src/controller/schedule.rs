//! When an object is looked at again.

use jiff::{SignedDuration, Timestamp};

/// How often a long operation in the cloud is looked at.
const POLL: SignedDuration = SignedDuration::from_secs(2);

/// How often it is looked whether people have done what only they can do.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// When a long operation is looked at again.
pub fn soon(now: Timestamp) -> Option<Timestamp> {
    now.saturating_add(POLL).ok()
}

/// When something that waits for people is looked at again: each look takes requests from a budget that all tenants share.
pub fn patiently(now: Timestamp) -> Option<Timestamp> {
    now.saturating_add(PATIENCE).ok()
}
