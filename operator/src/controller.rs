//! The engine: it takes every object through the same course, and knows no kind and no cloud.

pub mod admin;
pub mod checks;
pub mod context;
pub mod definitions;
pub mod effects;
pub mod events;
pub mod kind;
pub mod leader_election;
#[cfg(test)]
pub mod linter;
pub mod metrics;
pub mod queue;
pub mod readiness;
pub mod reconcile;
pub mod status;
pub mod watch;

use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use moorage_plan::Why;

use crate::{
    cache::expectations::Expectations,
    clock::Clock,
    cluster::ApiWriter,
    controller::{
        context::Caches, definitions::Definitions, effects::Effects, events::Events, leader_election::Leadership, metrics::Metrics,
        queue::Queue, reconcile::attempts::Attempts, watch::wake::PendingSyncs,
    },
    object::{Dependency, KindName, ObjectKey},
};

/// Told of objects that are gone, by whoever remembers something of them.
pub type Forget = Arc<dyn Fn(&ObjectKey) + Send + Sync>;

/// What the engine works with, beside the caches: all of it out of a kind's reach.
pub struct Controller {
    /// What the watches have shown.
    pub caches: Arc<Caches>,
    /// Writes that the watches have not shown yet.
    pub expectations: Expectations,
    /// Whether this replica leads.
    pub leadership: Leadership,
    /// The time.
    pub clock: Clock,
    /// What is reconciled next.
    pub queue: Queue,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether the cluster's definitions are ours.
    pub definitions: Definitions,
    effects: Effects,
    events: Events,
    attempts: Attempts,
    pending_syncs: PendingSyncs,
    forget: Forget,
}

impl Controller {
    /// An engine that has seen nothing yet.
    pub fn new(caches: Arc<Caches>, client: Client, leadership: Leadership, clock: Clock, metrics: Arc<Metrics>, forget: Forget) -> Self {
        let api = ApiWriter::new(client.clone(), &caches.installation.namespace);
        Self {
            expectations: Expectations::default(),
            queue: Queue::new(clock.clone()),
            effects: Effects::new(leadership.clone(), metrics.clone(), api),
            events: Events::new(client, leadership.clone()),
            attempts: Attempts::default(),
            pending_syncs: PendingSyncs::default(),
            caches,
            leadership,
            definitions: Definitions::default(),
            clock,
            metrics,
            forget,
        }
    }

    /// What is to be told of every object of a kind.
    pub fn warnings(&self, kind: KindName) -> Vec<Why> {
        self.definitions.warning(kind).into_iter().collect()
    }

    /// Whether nothing runs, nothing is due and every write of ours was seen; and when something is due next.
    pub fn rest(&self) -> (bool, Option<Timestamp>) {
        let (idle, next) = self.queue.rest();
        (idle && self.expectations.is_empty(), next)
    }

    /// Whether the caches are synced, nothing runs, nothing is due, and every write of ours was seen.
    pub fn is_at_rest(&self) -> bool {
        self.caches.objects.is_synced() && self.rest().0
    }

    /// After a write on behalf of an object: holds its next reconciliation until the watches have shown it.
    fn expect(&self, object: &ObjectKey, thing: &Dependency, version: String) {
        self.expectations.expect_unless_seen(object, thing, version, self.clock.now(), |thing| self.caches.version(thing));
    }

    /// Forgets an object that is gone.
    fn forget(&self, object: &ObjectKey) {
        self.attempts.forget(object);
        self.expectations.forget(object);
        self.metrics.forget(&object.name.namespace, &object.name.name);
        self.queue.forget(object);
        self.caches.forget_verdict(object);
        (self.forget)(object);
    }
}
