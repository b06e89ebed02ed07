//! What the operator counts. No label ever holds a secret or an unbounded value.

use std::sync::atomic::{AtomicI64, AtomicU64};

use moorage_plan::{Reason, Target};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::{controller::queue::Priority, object::KindName};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EffectLabels {
    kind: &'static str,
    target: &'static str,
    reason: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReconciliationLabels {
    kind: &'static str,
    priority: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    host: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PriorityLabels {
    priority: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QuotaLabels {
    namespace: String,
    name: String,
    quota: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabels {
    scope: String,
    quota: &'static str,
}

/// Everything whose headroom an object may have.
const QUOTAS: [&str; 4] = ["linked_hubs", "enrollment_groups", "devices", "hubs"];

/// The operator's metrics and their registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    effects: Family<EffectLabels, Counter<u64, AtomicU64>>,
    reconciliations: Family<ReconciliationLabels, Counter<u64, AtomicU64>>,
    calls: Family<CallLabels, Counter<u64, AtomicU64>>,
    live_reads: Counter<u64, AtomicU64>,
    depth: Family<PriorityLabels, Gauge<i64, AtomicI64>>,
    leads: Gauge<i64, AtomicI64>,
    headroom: Family<QuotaLabels, Gauge<i64, AtomicI64>>,
    budgets: Family<BudgetLabels, Gauge<f64, AtomicU64>>,
    not_answering: Gauge<i64, AtomicI64>,
    time_to_ready: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("moorage"),
            effects: Family::default(),
            reconciliations: Family::default(),
            calls: Family::default(),
            live_reads: Counter::default(),
            depth: Family::default(),
            leads: Gauge::default(),
            headroom: Family::default(),
            budgets: Family::default(),
            not_answering: Gauge::default(),
            time_to_ready: Histogram::new(exponential_buckets(0.05, 2.0, 16)),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("effects", "Writes to the API server and to clouds, by outcome", self.effects.clone());
        registry.register("reconciliations", "Reconciliations, by how they ended", self.reconciliations.clone());
        registry.register("cloud_calls", "Requests to clouds, by outcome", self.calls.clone());
        registry.register("live_reads", "Reads of Secrets that memory could not answer", self.live_reads.clone());
        registry.register("queue_depth", "Objects that are ready to be reconciled", self.depth.clone());
        registry.register("leader", "1 while this replica leads", self.leads.clone());
        registry.register("quota_headroom", "How many more the cloud allows", self.headroom.clone());
        registry.register("call_budget_left", "What is left of the calls that may come at once, from 0 to 1", self.budgets.clone());
        registry.register("not_answering", "Hosts, subscriptions and resources that calls are held back from", self.not_answering.clone());
        registry.register("time_to_ready_seconds", "From an object's creation to its first Ready", self.time_to_ready.clone());
    }

    /// One effect, and how it ended.
    pub fn effect(&self, kind: KindName, target: Target, reason: Reason, outcome: &'static str) {
        let labels = EffectLabels { kind: kind.as_str(), target: target.as_str(), reason: reason.as_str(), outcome };
        self.effects.get_or_create(&labels).inc();
    }

    /// One reconciliation, and how it ended.
    pub fn reconciliation(&self, kind: KindName, priority: Priority, outcome: &'static str) {
        self.reconciliations.get_or_create(&ReconciliationLabels { kind: kind.as_str(), priority: priority.as_str(), outcome }).inc();
    }

    /// One request to a cloud, and how it ended.
    pub fn call(&self, host: &'static str, operation: &'static str, outcome: &'static str) {
        self.calls.get_or_create(&CallLabels { host, operation, outcome }).inc();
    }

    /// What counts reads of Secrets that the cache could not answer.
    pub fn live_reads(&self) -> Counter<u64, AtomicU64> {
        self.live_reads.clone()
    }

    /// How many more of something the cloud allows for an object.
    pub fn headroom(&self, namespace: &str, name: &str, quota: &'static str, left: i64) {
        let labels = QuotaLabels { namespace: namespace.to_owned(), name: name.to_owned(), quota };
        self.headroom.get_or_create(&labels).set(left);
    }

    /// Forgets the headroom of an object that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        for quota in QUOTAS {
            self.headroom.remove(&QuotaLabels { namespace: namespace.to_owned(), name: name.to_owned(), quota });
        }
    }

    /// What is left of each budget that is in use, and from how many calls are held back.
    pub fn clouds(&self, budgets: Vec<moorage_cloud::Headroom>, not_answering: usize) {
        self.budgets.clear();
        for budget in budgets {
            self.budgets.get_or_create(&BudgetLabels { scope: budget.scope, quota: budget.quota }).set(budget.left);
        }
        self.not_answering.set(i64::try_from(not_answering).unwrap_or(i64::MAX));
    }

    /// How long an object took from creation to its first Ready.
    pub fn ready_after(&self, seconds: f64) {
        self.time_to_ready.observe(seconds);
    }

    /// The text that Prometheus reads.
    pub fn text(&self, depths: [(Priority, usize); 2], leads: bool) -> String {
        for (priority, depth) in depths {
            self.depth.get_or_create(&PriorityLabels { priority: priority.as_str() }).set(i64::try_from(depth).unwrap_or(i64::MAX));
        }
        self.leads.set(i64::from(leads));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes every text");
        text
    }
}
