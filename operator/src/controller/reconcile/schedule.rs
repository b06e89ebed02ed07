//! When an object is reconciled again.

use jiff::{SignedDuration, Timestamp};
use moorage_plan::{Seed, Standing, spread};

use crate::{
    controller::{kind::Kind, queue::Priority},
    object::ObjectKey,
};

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

/// At the time that the plan named, or when the drift period is over, spread over the last tenth of it.
pub fn next_look<K: Kind>(key: &ObjectKey, planned: Option<Timestamp>, standing: &Standing, now: Timestamp) -> (Timestamp, Priority) {
    let round = now.as_second().unsigned_abs() / K::DRIFT_PERIOD.as_secs().unsigned_abs().max(1);
    let period = K::DRIFT_PERIOD - spread(K::DRIFT_PERIOD / 10, seed(key), round);
    let at = now.saturating_add(period).unwrap_or(Timestamp::MAX);
    let priority = if *standing == Standing::Met { Priority::Resync } else { Priority::Changed };
    (planned.map_or(at, |planned| planned.min(at)), priority)
}

/// What an object's times are spread by: always the same, so that a restart does not bring objects together.
pub fn seed(key: &ObjectKey) -> Seed {
    Seed::of(&key.to_string())
}
