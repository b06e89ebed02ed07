use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::arm::Arm;
use crate::budget::Budgets;
use crate::cloud::{Cloud, DpsHost, HubHost};
use crate::dps::DpsService;
use crate::identity::Identity;
use crate::line::Lines;
use crate::observe::{CallRecord, Observer};
use crate::quota::{Headroom, Limit, Quota};
use crate::registry::Registry;
use crate::sas::PolicyKey;
use crate::transport::Transport;

/// Tells the time; tokens, budgets and waits go by it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One Azure cloud and everything that its clients share: endpoints, connections, budgets, clock and metrics.
#[derive(Clone)]
pub struct Azure {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) cloud: Cloud,
    pub(crate) transport: Transport,
    pub(crate) clock: Clock,
    pub(crate) budgets: Budgets,
    pub(crate) lines: Lines,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Azure {
    /// Brings together what all clients of a cloud share.
    pub fn new(cloud: Cloud, transport: Transport, clock: Clock) -> Self {
        Self::observed(cloud, transport, clock, Arc::new(|_: &CallRecord| ()))
    }

    /// The same, with somebody who is told of every call.
    pub fn observed(cloud: Cloud, transport: Transport, clock: Clock, observer: Arc<dyn Observer>) -> Self {
        let (budgets, lines) = (Budgets::new(clock.clone()), Lines::new(clock.clone()));
        Self { shared: Arc::new(Shared { cloud, transport, clock, budgets, lines, observer }) }
    }

    /// The cloud's endpoints.
    pub fn cloud(&self) -> &Cloud {
        &self.shared.cloud
    }

    /// The resource manager, for one subscription.
    pub fn arm(&self, identity: &Identity, subscription: &str) -> Arm {
        Arm::new(self.shared.clone(), identity, subscription)
    }

    /// The enrollments and registrations of one provisioning service.
    pub fn dps(&self, host: &DpsHost, policy: PolicyKey) -> DpsService {
        DpsService::new(self.shared.clone(), host, policy)
    }

    /// The identity registry of one IoT hub.
    pub fn registry(&self, host: &HubHost, policy: PolicyKey) -> Registry {
        Registry::new(self.shared.clone(), host, policy)
    }

    /// Replaces the documented limit of a host or subscription by one that is known better.
    pub fn set_limit(&self, scope: &str, quota: Quota, limit: Limit) {
        self.shared.budgets.set(&scope.into(), quota, limit);
    }

    /// What is left of each budget that was used so far.
    pub fn headroom(&self) -> Vec<Headroom> {
        self.shared.budgets.headroom()
    }

    /// Who does not answer now, and is asked only now and then.
    pub fn not_answering(&self) -> Vec<String> {
        self.shared.lines.shut().iter().map(ToString::to_string).collect()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure").field("cloud", &self.shared.cloud).finish_non_exhaustive()
    }
}
