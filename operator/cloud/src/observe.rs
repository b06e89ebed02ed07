use std::time::Duration;

use crate::Class;

/// What is told of every call, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// The kind of service that was called.
    pub host: HostClass,
    /// What was called, such as `hub.get`.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, from the first byte out to the last byte in.
    pub duration: Duration,
}

/// The kinds of services that are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostClass {
    /// Where identities sign in.
    Login,
    /// The resource manager.
    ResourceManager,
    /// A provisioning service.
    Provisioning,
    /// An IoT hub.
    Hub,
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

/// Somebody who is told of every call, sent or refused by a budget.
pub trait Observer: Send + Sync {
    /// Takes note of a call; must not block.
    fn on_call(&self, call: &CallRecord);
}

impl<F: Fn(&CallRecord) + Send + Sync> Observer for F {
    fn on_call(&self, call: &CallRecord) {
        self(call);
    }
}

impl HostClass {
    /// The kind's name as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::ResourceManager => "resource_manager",
            Self::Provisioning => "provisioning",
            Self::Hub => "hub",
        }
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
            Self::Failed(Class::Unavailable) => "unavailable",
        }
    }
}
