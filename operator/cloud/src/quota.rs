//! How often each service lets itself be called.

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

    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.per_minute.max(1)) / 60.0
    }
}
