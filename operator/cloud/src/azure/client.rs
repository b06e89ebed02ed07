//! One Azure cloud, and what all of its clients share.

use std::fmt;
use std::sync::Arc;

use crate::{
    azure::{endpoints::Cloud, pipeline::version::SpokenVersions},
    flow::{
        access::WriteAccess,
        clock::Clock,
        gate::Gate,
        limits::{Headroom, Limit, Quota},
        observe::{CallRecord, Observer},
    },
    http::transport::Transport,
};

/// One Azure cloud and everything that its clients share: endpoints, connections, limits, clock and metrics.
#[derive(Clone)]
pub struct Azure {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) cloud: Cloud,
    pub(crate) transport: Transport,
    pub(crate) clock: Clock,
    pub(crate) gate: Gate,
    pub(crate) versions: SpokenVersions,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Azure {
    /// Brings together what all clients of a cloud share, and the right to write through them.
    pub fn new(cloud: Cloud, transport: Transport, clock: Clock) -> (Self, WriteAccess) {
        Self::observed(cloud, transport, clock, Arc::new(|_: &CallRecord| ()))
    }

    /// The same, with somebody who is told of every call.
    pub fn observed(cloud: Cloud, transport: Transport, clock: Clock, observer: Arc<dyn Observer>) -> (Self, WriteAccess) {
        let gate = Gate::new(clock.clone());
        (
            Self { shared: Arc::new(Shared { cloud, transport, clock, gate, versions: SpokenVersions::default(), observer }) },
            WriteAccess::new(),
        )
    }

    /// The cloud's endpoints.
    pub fn cloud(&self) -> &Cloud {
        &self.shared.cloud
    }

    /// Replaces the declared limit of a host or subscription by one that is known better.
    pub fn set_limit(&self, scope: &str, quota: Quota, limit: Limit) {
        self.shared.gate.set_limit(scope, quota, limit);
    }

    /// What is left of each budget that was used so far.
    pub fn headroom(&self) -> Vec<Headroom> {
        self.shared.gate.headroom()
    }

    /// Who does not answer now, and is asked only now and then.
    pub fn not_answering(&self) -> Vec<String> {
        self.shared.gate.not_answering()
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
