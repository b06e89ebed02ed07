//! What is left of each service's quota, and whose turn it is to use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::azure::Clock;
use crate::quota::{Headroom, Limit, Quota};

mod bucket;

use bucket::Bucket;

/// The budgets of every host and subscription, driven by the operator's clock.
pub(crate) struct Budgets {
    clock: Clock,
    buckets: Mutex<BTreeMap<(Arc<str>, Quota), Bucket>>,
}

impl Budgets {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, buckets: Mutex::default() }
    }

    /// Takes one call out of a budget for a payer: says in how long it may be sent, or else when to ask again.
    pub(crate) fn take(&self, scope: &Arc<str>, quota: Quota, payer: &Arc<str>) -> Result<SignedDuration, SignedDuration> {
        self.with(scope, quota, |bucket, now| bucket.take(payer, now))
    }

    /// Closes a budget for as long as the service asked.
    pub(crate) fn close(&self, scope: &Arc<str>, quota: Quota, wait: SignedDuration) {
        self.with(scope, quota, |bucket, now| bucket.close(wait, now));
    }

    pub(crate) fn set(&self, scope: &Arc<str>, quota: Quota, limit: Limit) {
        self.with(scope, quota, |bucket, now| bucket.set(limit, now));
    }

    pub(crate) fn headroom(&self) -> Vec<Headroom> {
        let now = (self.clock)();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody used for a while may be of a host that is gone, and is full by now.
        buckets.retain(|(_, quota), bucket| !bucket.is_forgotten(quota.documented(), now));
        buckets
            .iter_mut()
            .map(|((scope, quota), bucket)| Headroom { scope: scope.to_string(), quota: *quota, left: bucket.left(now) })
            .collect()
    }

    fn with<T>(&self, scope: &Arc<str>, quota: Quota, act: impl FnOnce(&mut Bucket, Timestamp) -> T) -> T {
        let now = (self.clock)();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((scope.clone(), quota)).or_insert_with(|| Bucket::full(quota.documented(), now));
        act(bucket, now)
    }
}

#[cfg(test)]
mod tests;
