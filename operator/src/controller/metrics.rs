//! What the operator counts. No label ever holds a secret or an unbounded value, and what names an object or a host is kept apart from
//! what names none.

use std::hash::Hash;
use std::sync::atomic::{AtomicI64, AtomicU64};

use moorage_plan::{Reason, Target};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use crate::{controller::queue::Priority, object::KindName};

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EffectLabels {
    kind: &'static str,
    target: &'static str,
    reason: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReconciliationLabels {
    kind: &'static str,
    priority: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    host: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PriorityLabels {
    priority: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
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

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Only what names no object, namespace, subscription or host.
    Counts,
    /// That and the rest.
    Everything,
}

/// The operator's metrics and their registries.
#[derive(Debug)]
pub struct Metrics {
    /// What names nothing.
    counts: Registry,
    /// What names objects, hosts and subscriptions.
    named: Registry,
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
    outdated: Family<KindLabels, Gauge<i64, AtomicI64>>,
    clock_skew: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            counts: Registry::with_prefix("moorage"),
            named: Registry::with_prefix("moorage"),
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
            outdated: Family::default(),
            clock_skew: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let counts = &mut self.counts;
        count_by(counts, "effects", "Writes to the API server and to clouds, by outcome", &self.effects);
        count_by(counts, "reconciliations", "Reconciliations, by how they ended", &self.reconciliations);
        count_by(counts, "cloud_calls", "Requests to clouds, by outcome", &self.calls);
        counts.register("live_reads", "Reads of Secrets that memory could not answer", self.live_reads.clone());
        count_by(counts, "queue_depth", "Objects that are ready to be reconciled", &self.depth);
        counts.register("leader", "1 while this replica leads", self.leads.clone());
        counts.register("not_answering", "Hosts, subscriptions and resources that calls are held back from", self.not_answering.clone());
        counts.register("time_to_ready_seconds", "From an object's creation to its first Ready", self.time_to_ready.clone());
        count_by(counts, "definition_outdated", "1 while the cluster's definition of a kind is not this operator's", &self.outdated);
        counts.register(
            "clock_skew_seconds",
            "How far the machine's clock is behind the clouds', if by more than a minute",
            self.clock_skew.clone(),
        );
        let named = &mut self.named;
        named.register("quota_headroom", "How many more the cloud allows", self.headroom.clone());
        named.register("call_budget_left", "What is left of the calls that may come at once, from 0 to 1", self.budgets.clone());
    }

    /// Whether the cluster's definition of a kind is another one than this operator's.
    pub fn definition_is_outdated(&self, kind: KindName, is_outdated: bool) {
        self.outdated.get_or_create(&KindLabels { kind: kind.as_str() }).set(i64::from(is_outdated));
    }

    /// How far the machine's clock is behind, in seconds.
    pub fn clock_is_behind(&self, seconds: i64) {
        self.clock_skew.set(seconds);
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
    pub fn text(&self, detail: Detail, depths: [(Priority, usize); 2], leads: bool) -> String {
        for (priority, depth) in depths {
            self.depth.get_or_create(&PriorityLabels { priority: priority.as_str() }).set(i64::try_from(depth).unwrap_or(i64::MAX));
        }
        self.leads.set(i64::from(leads));
        let registries = match detail {
            Detail::Counts => &[&self.counts][..],
            Detail::Everything => &[&self.counts, &self.named],
        };
        let mut text = String::new();
        let encoded = registries.iter().try_for_each(|registry| encode_registry(&mut text, registry)).and_then(|()| encode_eof(&mut text));
        encoded.expect("a String takes every text");
        text
    }
}

/// Registers what names nothing, by labels that are `Copy`: their values are words of this program's code, for a name that came from
/// somewhere is a `String`.
fn count_by<L, M>(counts: &mut Registry, name: &str, help: &str, family: &Family<L, M>)
where
    L: Copy + Eq + Hash + EncodeLabelSet,
    Family<L, M>: Metric,
{
    counts.register(name, help, family.clone());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Whatever a tenant, an administrator or a cloud may have named.
    const NAMES: [&str; 5] =
        ["contoso", "contoso-us", "22222222-2222-4222-8222-222222222222", "contoso-east-hub.azure-devices.net", "management.azure.com"];

    /// Metrics in which everything was counted once.
    fn filled() -> Metrics {
        let [namespace, name, scopes @ ..] = NAMES;
        let metrics = Metrics::default();
        for kind in KindName::ALL {
            metrics.effect(*kind, Target::Cluster, Reason::CreateSecret, "Done");
            metrics.reconciliation(*kind, Priority::Changed, "met");
            metrics.definition_is_outdated(*kind, true);
        }
        metrics.call("arm", "hub.get", "done");
        metrics.live_reads().inc();
        metrics.ready_after(1.0);
        for quota in QUOTAS {
            metrics.headroom(namespace, name, quota, 7);
        }
        let budget = |scope: &str| moorage_cloud::Headroom { scope: scope.to_owned(), quota: "reads", left: 0.5 };
        metrics.clouds(scopes.map(budget).to_vec(), scopes.len());
        metrics
    }

    fn text(detail: Detail) -> String {
        filled().text(detail, Priority::ALL.map(|priority| (priority, 1)), true)
    }

    /// The families of a text, and the values of their labels.
    fn families(text: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let values = text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split('"').skip(1).step_by(2));
        (names.collect(), values.collect())
    }

    #[test]
    fn counts_name_no_object_no_host_and_no_subscription_in_any_label_of_any_family() {
        let told = text(Detail::Counts);
        let (families, values) = families(&told);
        let expected = [
            "moorage_clock_skew_seconds",
            "moorage_cloud_calls",
            "moorage_definition_outdated",
            "moorage_effects",
            "moorage_leader",
            "moorage_live_reads",
            "moorage_not_answering",
            "moorage_queue_depth",
            "moorage_reconciliations",
            "moorage_time_to_ready_seconds",
        ];
        assert_eq!(families, expected.into());
        let words = ["CreateSecret", "Done", "arm", "changed", "cluster", "done", "hub.get", "met", "resync"];
        let kinds = KindName::ALL.iter().map(|kind| kind.as_str());
        let known: BTreeSet<_> = words.into_iter().chain(kinds).collect();
        let of_buckets = |value: &str| value == "+Inf" || value.parse::<f64>().is_ok();
        let unknown: Vec<_> = values.into_iter().filter(|value| !known.contains(value) && !of_buckets(value)).collect();
        assert_eq!(unknown, Vec::<&str>::new());
        assert!(NAMES.iter().all(|name| !told.contains(name)), "{told}");
    }

    #[test]
    fn everything_is_the_counts_and_what_names_things_with_one_end() {
        let (counts, everything) = (text(Detail::Counts), text(Detail::Everything));
        let (few, many) = (families(&counts), families(&everything));
        assert!(few.0.is_subset(&many.0));
        let more: Vec<_> = many.0.difference(&few.0).copied().collect();
        assert_eq!(more, ["moorage_call_budget_left", "moorage_quota_headroom"]);
        assert!(NAMES.iter().all(|name| many.1.contains(name)), "{everything}");
        assert!(everything.ends_with("# EOF\n") && everything.matches("# EOF").count() == 1, "{everything}");
    }
}
