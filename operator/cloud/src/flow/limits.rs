//! How often somebody may be called. The numbers are the services' own: each declares them, with where they are documented.

/// A token bucket: so many calls at once, and so many more a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls that may come at once.
    pub burst: u32,
    /// Calls a minute in the long run.
    pub per_minute: u32,
}

/// A kind of call that a service counts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Its name, as metrics and errors have it.
    pub name: &'static str,
    /// What we keep to: the documented limit, with a tenth or more left to other callers of the same service.
    pub limit: Limit,
}

/// What is left of one budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Headroom {
    /// The host, or the subscription, that counts.
    pub scope: String,
    /// The quota's name.
    pub quota: &'static str,
    /// The part of the burst that is left, from 0 to 1.
    pub left: f64,
}

impl Limit {
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.per_minute.max(1)) / 60.0
    }
}
