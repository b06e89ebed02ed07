//! The Azure clouds, and what all of their clients share.

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

/// An Azure cloud, and everything that the clients of all of them share: connections, limits, clock and metrics.
#[derive(Clone)]
pub struct Azure {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) cloud: Cloud,
    pub(crate) transport: Transport,
    pub(crate) clock: Clock,
    pub(crate) gate: Arc<Gate>,
    pub(crate) versions: Arc<SpokenVersions>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Azure {
    /// Brings together what all clients of a cloud share, and the right to write through them.
    pub fn new(cloud: Cloud, transport: Transport, clock: Clock) -> (Self, WriteAccess) {
        Self::observed(cloud, transport, clock, Arc::new(|_: &CallRecord| ()))
    }

    /// The same, with somebody who is told of every call.
    pub fn observed(cloud: Cloud, transport: Transport, clock: Clock, observer: Arc<dyn Observer>) -> (Self, WriteAccess) {
        let (gate, versions) = (Arc::new(Gate::new(clock.clone())), Arc::new(SpokenVersions::default()));
        (Self { shared: Arc::new(Shared { cloud, transport, clock, gate, versions, observer }) }, WriteAccess::new())
    }

    /// Another cloud, with everything else the same: limits count by hosts, of which no two clouds have one in common.
    #[must_use]
    pub fn in_cloud(&self, cloud: Cloud) -> Self {
        if cloud == self.shared.cloud {
            return self.clone();
        }
        let Shared { transport, clock, gate, versions, observer, .. } = &*self.shared;
        let (transport, clock, observer) = (transport.clone(), clock.clone(), Arc::clone(observer));
        let (gate, versions) = (Arc::clone(gate), Arc::clone(versions));
        Self { shared: Arc::new(Shared { cloud, transport, clock, gate, versions, observer }) }
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
