//! What is left of each service's quota, and whose turn it is to use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::flow::clock::Clock;
use crate::flow::limits::{Headroom, Limit, Quota};
use crate::flow::rejected::Rejected;

mod bucket;

use bucket::{Bucket, Refused};

/// What a call is paid from, and who pays.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// Who counts: a host, or a part of what is behind it.
    pub(crate) scope: Arc<str>,
    /// What is counted.
    pub(crate) quota: Quota,
    /// Who pays: what there is, is shared fairly between all who do.
    pub(crate) payer: Arc<str>,
}

/// The budgets of every scope, driven by the operator's clock.
pub(crate) struct Budgets {
    clock: Clock,
    known: Mutex<BTreeMap<(Arc<str>, &'static str), Known>>,
}

struct Known {
    declared: Limit,
    bucket: Bucket,
}

impl Budgets {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// Takes one call out of a budget: says in how long it may be sent.
    pub(crate) fn take(&self, budget: &Budget) -> Result<SignedDuration, Rejected> {
        let taken = self.with(&budget.scope, budget.quota, |bucket, now| bucket.take(&budget.payer, now));
        let (scope, quota) = (budget.scope.clone(), budget.quota.name);
        taken.map_err(|refused| match refused {
            Refused::UsedUp(wait) => Rejected::OutOfBudget { scope, quota, wait },
            Refused::Closed(wait) => Rejected::Paused { scope, quota, wait },
        })
    }

    /// Closes a budget for as long as the service asked.
    pub(crate) fn close(&self, budget: &Budget, wait: SignedDuration) {
        self.with(&budget.scope, budget.quota, |bucket, now| bucket.close(wait, now));
    }

    pub(crate) fn set(&self, scope: &str, quota: Quota, limit: Limit) {
        self.with(&scope.into(), quota, |bucket, now| bucket.set(limit, now));
    }

    pub(crate) fn headroom(&self) -> Vec<Headroom> {
        let now = (self.clock)();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody used for a while may be of a host that is gone, and is full by now.
        all.retain(|_, known| !known.bucket.is_forgotten(known.declared, now));
        let left = all.iter_mut().map(|((scope, quota), known)| (scope.to_string(), *quota, known.bucket.left(now)));
        left.map(|(scope, quota, left)| Headroom { scope, quota, left }).collect()
    }

    fn with<T>(&self, scope: &Arc<str>, quota: Quota, act: impl FnOnce(&mut Bucket, Timestamp) -> T) -> T {
        let now = (self.clock)();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Known { declared: quota.limit, bucket: Bucket::full(quota.limit, now) };
        act(&mut all.entry((scope.clone(), quota.name)).or_insert_with(new).bucket, now)
    }
}

#[cfg(test)]
mod tests;
