//! How often each service lets itself be called, and what is left of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::azure::Clock;

/// A kind of call that a service counts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Reads of the resource manager, per subscription.
    ResourceReads,
    /// Writes of the resource manager, per subscription.
    ResourceWrites,
    /// Deletions of the resource manager, per subscription.
    ResourceDeletions,
    /// All calls of a provisioning service's service API.
    Enrollments,
    /// All calls of a hub's identity registry.
    Registry,
}

/// The sizes of hub that differ in how often their registry may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryTier {
    /// F1, B1, B2, S1 and S2.
    Ordinary,
    /// B3 and S3.
    Large,
}

/// A token bucket: so many calls at once, and so many more a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Calls that may come at once.
    pub burst: u32,
    /// Calls a minute in the long run.
    pub per_minute: u32,
}

/// What is left of one budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Headroom {
    /// The host, or the subscription, that counts.
    pub scope: String,
    /// The kind of call.
    pub quota: Quota,
    /// The part of the burst that is left, from 0 to 1.
    pub left: f64,
}

impl Quota {
    /// The documented limit, with a tenth kept for other callers of the same service.
    ///
    /// Resource manager: 250 reads and 200 writes or deletions at once, 25, 10 and 10 a second (Microsoft:
    /// "Understand how Azure Resource Manager throttles requests"). Provisioning service: 1,000 service operations a
    /// minute (Microsoft: "Azure subscription limits", Device Provisioning Service). Registry: as one unit of an
    /// ordinary hub has it.
    pub fn documented(self) -> Limit {
        match self {
            Self::ResourceReads => Limit { burst: 225, per_minute: 1350 },
            Self::ResourceWrites | Self::ResourceDeletions => Limit { burst: 180, per_minute: 540 },
            Self::Enrollments => Limit { burst: 100, per_minute: 800 },
            Self::Registry => Limit::registry(RegistryTier::Ordinary, 1),
        }
    }

    /// The quota's name as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResourceReads => "resource_reads",
            Self::ResourceWrites => "resource_writes",
            Self::ResourceDeletions => "resource_deletions",
            Self::Enrollments => "enrollments",
            Self::Registry => "registry",
        }
    }
}

impl Limit {
    /// The registry's limit of a hub: 100 calls a minute and unit, 5,000 for large units, a tenth kept for others
    /// (Microsoft: "IoT Hub quotas and throttling", identity registry operations).
    pub fn registry(tier: RegistryTier, units: u32) -> Self {
        let a_minute = match tier {
            RegistryTier::Ordinary => 100,
            RegistryTier::Large => 5_000,
        };
        let a_minute = units.clamp(1, 200) * a_minute;
        Self { burst: a_minute / 5, per_minute: a_minute * 7 / 10 }
    }

    fn per_second(self) -> f64 {
        f64::from(self.per_minute.max(1)) / 60.0
    }
}

/// The budgets of every host and subscription, driven by the operator's clock.
pub(crate) struct Budgets {
    clock: Clock,
    buckets: Mutex<BTreeMap<(Arc<str>, Quota), Bucket>>,
}

struct Bucket {
    limit: Limit,
    tokens: f64,
    filled: Timestamp,
    closed_until: Option<Timestamp>,
}

impl Budgets {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, buckets: Mutex::default() }
    }

    /// Takes one call out of a budget, or says how long to wait for it.
    pub(crate) fn take(&self, scope: &Arc<str>, quota: Quota) -> Result<(), SignedDuration> {
        self.with(scope, quota, Bucket::take)
    }

    /// Closes a budget for as long as the service asked.
    pub(crate) fn close(&self, scope: &Arc<str>, quota: Quota, wait: SignedDuration) {
        self.with(scope, quota, |bucket, now| bucket.closed_until = now.checked_add(wait).ok());
    }

    pub(crate) fn set(&self, scope: &Arc<str>, quota: Quota, limit: Limit) {
        self.with(scope, quota, |bucket, now| {
            if bucket.limit != limit {
                *bucket = Bucket { closed_until: bucket.closed_until, ..Bucket::full(limit, now) };
            }
        });
    }

    pub(crate) fn headroom(&self) -> Vec<Headroom> {
        let now = (self.clock)();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
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

impl Bucket {
    fn full(limit: Limit, now: Timestamp) -> Self {
        Self { limit, tokens: f64::from(limit.burst.max(1)), filled: now, closed_until: None }
    }

    fn take(&mut self, now: Timestamp) -> Result<(), SignedDuration> {
        if let Some(open) = self.closed_until.filter(|open| *open > now) {
            return Err(open.duration_since(now));
        }
        self.fill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let seconds = (1.0 - self.tokens) / self.limit.per_second();
        Err(SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::from_secs(60)))
    }

    fn left(&mut self, now: Timestamp) -> f64 {
        self.fill(now);
        let open = self.closed_until.is_none_or(|open| open <= now);
        if open { self.tokens / f64::from(self.limit.burst.max(1)) } else { 0.0 }
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.filled).as_secs_f64();
        if passed > 0.0 {
            let burst = f64::from(self.limit.burst.max(1));
            self.tokens = (self.tokens + passed * self.limit.per_second()).min(burst);
        }
        self.filled = now;
    }
}

#[cfg(test)]
mod tests;
