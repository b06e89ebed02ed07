//! The rounds: who is measured when, on which objects.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;

use super::arrivals::Arrivals;
use super::child::Child;
use super::fleet::{self, FLEET, Template};
use super::newcomers;
use super::report::{Report, Restart, Round};
use super::{Options, bare, operator};
use crate::controlplane::{AuditEvent, AuditLog, owned};
use crate::harness::{Harness, cloud_options};

/// Concurrencies of which the bare program takes the best.
const CONCURRENCIES: [usize; 4] = [8, 16, 32, 64];
/// Share of the objects that is measured as well, to see whether the cost of one depends on how many there are.
const FEWER: usize = 5;
/// Pairs that are measured with fewer objects.
const PAIRS_OF_FEWER: usize = 3;

struct Bench {
    harness: Harness,
    template: Template,
    /// The end of the audit log before the present round.
    audit: AuditLog,
}

/// Rounds of both sides, one of each in turn.
pub(super) struct Pairs {
    pub(super) operator: Vec<Round>,
    pub(super) bare: Vec<Round>,
}

/// Measures everything.
pub(super) async fn measure(options: &Options) -> anyhow::Result<Report> {
    let fewer = options.objects.div_ceil(FEWER);
    let fleets = Fleets { pairs: options.pairs, pairs_of_fewer: options.pairs.min(PAIRS_OF_FEWER) };
    let mut bench = Bench::set_up(&fleets).await?;
    let concurrency = bench.best_concurrency(fewer.min(1000)).await?;
    let few = bench.pairs("few", fleets.pairs_of_fewer, fewer, concurrency).await?;
    let pairs = bench.pairs("all", fleets.pairs, options.objects, concurrency).await?;
    let full = fleet_of("all", fleets.pairs - 1, "operator");
    let restart = bench.restart(&full, options.objects).await?;
    let newcomers = bench.newcomers(&full, options.objects).await?;
    Report::new(concurrency, &few, &pairs, &restart, newcomers)
}

/// The namespaces that the rounds will need.
struct Fleets {
    pairs: usize,
    pairs_of_fewer: usize,
}

impl Fleets {
    fn all(&self) -> Vec<String> {
        let tried = CONCURRENCIES.iter().map(|concurrency| tried(*concurrency));
        let sides = |size: &'static str, pairs| (0..pairs).flat_map(move |pair| ["operator", "bare"].map(|who| fleet_of(size, pair, who)));
        let mut all = vec![fleet::platform_namespace(), sample()];
        all.extend(tried.chain(sides("few", self.pairs_of_fewer)).chain(sides("all", self.pairs)));
        all
    }
}

fn sample() -> String {
    format!("{FLEET}sample")
}

fn tried(concurrency: usize) -> String {
    format!("{FLEET}tried-{concurrency}")
}

fn fleet_of(size: &str, pair: usize, who: &str) -> String {
    format!("{FLEET}{size}-{pair}-{who}")
}

/// How long a round may take: a tenth of the speed that is aimed for.
pub(super) fn deadline(objects: usize) -> Duration {
    Duration::from_mins(1) + Duration::from_millis(30) * u32::try_from(objects).unwrap_or(u32::MAX)
}

impl Bench {
    /// A harness on which the platform is Ready, and a sample of what the operator writes.
    async fn set_up(fleets: &Fleets) -> anyhow::Result<Self> {
        let harness = Harness::set(owned().await?, "bench", &fleets.all(), cloud_options()).await?;
        harness.apply(&fleet::platform()?).await?;
        fleet::fill(harness.control(), &sample(), 1).await?;
        let audit = harness.control().audit();
        let (child, _) = start_operator(&harness, &[&sample()]).await?;
        harness.until_all_ready().await.with_context(|| child.last_words())?;
        child.end().await?;
        let template = Template::read(&harness, &sample(), &fleet::device(0)).await?;
        Ok(Self { harness, template, audit })
    }

    async fn best_concurrency(&mut self, objects: usize) -> anyhow::Result<usize> {
        let mut best = (f64::MIN, CONCURRENCIES[0]);
        for concurrency in CONCURRENCIES {
            let round = self.bare(&tried(concurrency), objects, concurrency).await?;
            eprintln!("bare, {concurrency} at a time: {round}");
            if round.objects_per_second() > best.0 {
                best = (round.objects_per_second(), concurrency);
            }
        }
        Ok(best.1)
    }

    async fn pairs(&mut self, size: &str, pairs: usize, objects: usize, concurrency: usize) -> anyhow::Result<Pairs> {
        let mut measured = Pairs { operator: Vec::new(), bare: Vec::new() };
        for pair in 0..pairs {
            let operator = self.operator(&fleet_of(size, pair, "operator"), objects).await?;
            eprintln!("pair {} of {pairs}, operator: {operator}", pair + 1);
            let bare = self.bare(&fleet_of(size, pair, "bare"), objects, concurrency).await?;
            eprintln!("pair {} of {pairs}, bare:     {bare}", pair + 1);
            measured.operator.push(operator);
            measured.bare.push(bare);
        }
        Ok(measured)
    }

    async fn bare(&mut self, namespace: &str, objects: usize, concurrency: usize) -> anyhow::Result<Round> {
        fleet::fill(self.harness.control(), namespace, objects).await?;
        let kubeconfig = self.harness.launch().kubeconfig;
        let orders = bare::Orders { kubeconfig, namespace: namespace.to_owned(), concurrency, template: self.template.clone() };
        let arrivals = Arrivals::watch(self.harness.control().admin(), namespace).await?;
        self.begin()?;
        let child = Child::start("bare", &orders, self.harness.control().directory().join("bare.log")).await?;
        self.round(child, arrivals, objects).await
    }

    async fn operator(&mut self, namespace: &str, objects: usize) -> anyhow::Result<Round> {
        fleet::fill(self.harness.control(), namespace, objects).await?;
        let arrivals = Arrivals::watch(self.harness.control().admin(), namespace).await?;
        self.begin()?;
        let (child, _) = start_operator(&self.harness, &[namespace]).await?;
        self.round(child, arrivals, objects).await
    }

    /// Leaves what the audit log holds by now out of the next count.
    fn begin(&mut self) -> anyhow::Result<()> {
        self.audit = self.audit.from_now()?;
        Ok(())
    }

    async fn round(&self, child: Child, mut arrivals: Arrivals, objects: usize) -> anyhow::Result<Round> {
        let last = arrivals.until((0..objects).map(fleet::device), deadline(objects)).await.with_context(|| child.last_words())?;
        let (cpu, peak_kib) = (child.cpu()?, child.peak_memory()?);
        let wall = last - child.started;
        child.end().await?;
        let noop_writes = self.noop_writes(&arrivals).await?;
        Ok(Round { objects, wall, cpu, peak_kib, writes: self.cluster_writes()?, noop_writes, live_reads: self.live_reads()? })
    }

    /// A second operator over objects that are Ready: what it writes until it has nothing left to do.
    async fn restart(&mut self, namespace: &str, objects: usize) -> anyhow::Result<Restart> {
        fleet::quiet(self.harness.control()).await?;
        self.begin()?;
        let known = self.harness.cloud().requests().len();
        let (child, admin) = start_operator(&self.harness, &[namespace]).await?;
        newcomers::until_at_rest(admin, objects, deadline(objects)).await.with_context(|| child.last_words())?;
        child.end().await?;
        let cloud_writes = self.harness.cloud().requests().iter().skip(known).filter(|request| request.writes).count();
        let restart = Restart { cluster_writes: self.cluster_writes()?, cloud_writes };
        eprintln!("restart over {objects} objects: {} cluster writes, {cloud_writes} cloud writes", restart.cluster_writes);
        Ok(restart)
    }

    /// A third one, while new objects come: how long each takes to be Ready.
    async fn newcomers(&mut self, namespace: &str, objects: usize) -> anyhow::Result<Vec<Duration>> {
        let mut arrivals = Arrivals::watch(self.harness.control().admin(), namespace).await?;
        let (child, admin) = start_operator(&self.harness, &[namespace]).await?;
        let control = self.harness.control();
        let taken = newcomers::come(control, namespace, admin, objects, &mut arrivals).await.with_context(|| child.last_words())?;
        child.end().await?;
        Ok(taken)
    }

    /// The Lease aside, which is renewed at its own pace.
    fn cluster_writes(&self) -> anyhow::Result<usize> {
        let writes = self.audit.writes_of(self.harness.operator_user())?;
        Ok(writes.iter().filter(|event| event.resource != "leases").count())
    }

    /// Patches of credentials after which the watch shows no other version.
    async fn noop_writes(&self, arrivals: &Arrivals) -> anyhow::Result<usize> {
        let writes = self.audit.writes_of(self.harness.operator_user())?;
        let patches = writes.iter().filter(|event| event.verb == "patch" && event.resource == "devicecredentials").count();
        // The last changes may still be on their way.
        let shown = crate::wait::until("the watch shows every patch", Duration::from_secs(2), || async {
            if arrivals.changes() >= patches { Ok(()) } else { Err(crate::wait::NotYet::seen(arrivals.changes())) }
        });
        let _ = shown.await;
        Ok(patches.saturating_sub(arrivals.changes()))
    }

    fn live_reads(&self) -> anyhow::Result<usize> {
        let single = |event: &&AuditEvent| event.verb == "get" && event.resource == "secrets";
        Ok(self.audit.reads_of(self.harness.operator_user())?.iter().filter(single).count())
    }
}

/// Starts an operator for the platform and some fleets; with the address of its admin endpoints.
pub(super) async fn start_operator(harness: &Harness, fleets: &[&str]) -> anyhow::Result<(Child, SocketAddr)> {
    let namespaces = std::iter::once(fleet::platform_namespace()).chain(fleets.iter().map(|fleet| (*fleet).to_owned())).collect();
    let orders = operator::Orders::new(harness.launch(), namespaces);
    let mut child = Child::start("operator", &orders, harness.control().directory().join("operator.log")).await?;
    let admin = child.line().await?.parse().with_context(|| child.last_words())?;
    Ok((child, admin))
}
