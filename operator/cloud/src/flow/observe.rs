//! Who is told of every call, and what.

use std::time::Duration;

use crate::error::Class;

/// What is told of every call, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// The kind of service that was called, as a metric label.
    pub host: &'static str,
    /// What was called, such as `hub.get`.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, from the first byte out to the last byte in.
    pub duration: Duration,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// The thing that was looked for is not there.
    Absent,
    /// With an error of this class.
    Failed(Class),
}

/// Somebody who is told of every call, sent or held back.
pub trait Observer: Send + Sync {
    /// Takes note of a call; must not block.
    fn on_call(&self, call: &CallRecord);
}

impl<F: Fn(&CallRecord) + Send + Sync> Observer for F {
    fn on_call(&self, call: &CallRecord) {
        self(call);
    }
}

impl Outcome {
    /// The outcome's name as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Absent => "absent",
            Self::Failed(Class::Invalid) => "invalid",
            Self::Failed(Class::Denied) => "denied",
            Self::Failed(Class::Conflict) => "conflict",
            Self::Failed(Class::Throttled(_)) => "throttled",
            Self::Failed(Class::RateLimited(_)) => "rate_limited",
            Self::Failed(Class::Unavailable) => "unavailable",
        }
    }
}
