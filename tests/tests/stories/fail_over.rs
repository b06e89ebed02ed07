//! Two replicas: one is lost, in each way in which one can be, and the other takes over. They are processes of the real binary, each
//! on wires of its own, so that the API server and the cloud know who did what.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use moorage_simulator::{Fault, Match, Occurrence, Rule};
use moorage_tests::controlplane::{AuditEvent, block_on, owned};
use moorage_tests::cuttable_proxy::CuttableProxy;
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options, fabrikam_s_past};
use moorage_tests::wait::{NotYet, until};
use rustix::process::Signal;
use serde_json::json;

use crate::binary::Process;

/// The replicas' Lease, shorter than the default so that a test is.
const TERM: &str = "9s";
/// What `docs/operations.md` says of how long it takes until the other one acts, with 10 s for a busy machine.
const AT_MOST: Duration = Duration::from_secs(9 + 10);

/// The path of a hub that is made.
const FIRST_HUB: &str = "contoso-east-hub$";

/// A replica on its wires.
struct Replica {
    process: Process,
    cluster: CuttableProxy,
    _cloud: CuttableProxy,
    at: IpAddr,
}

/// A write that reached the API server or the cloud, and that the API server has not refused because another one was faster: what was
/// handed to a connection before a freeze may leave after it, and names the version that it was decided on.
struct Effect {
    when: Timestamp,
    by: IpAddr,
    what: String,
}

struct Replicas {
    harness: Harness,
    example: Example,
    first: Replica,
    second: Replica,
}

impl Replicas {
    /// Two replicas of which the first leads and is at work on the example, and has met with `fault` at a request.
    async fn at_work(story: &str, method: &str, path: &str, fault: Fault) -> anyhow::Result<Self> {
        let example = Example::read("s0-tenants.yaml", story)?;
        let harness = Harness::set(owned().await?, story, &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        let matching = Match { method: Some(method.to_owned()), path: Some(path.to_owned()), ..Match::default() };
        harness.cloud().faults().add(Rule { matching, occurrence: Occurrence::Every, fault })?;
        let first = replica(&harness, 41).await?;
        until("the first replica leads", SOON, || async { leads(&first, true).await }).await?;
        let second = replica(&harness, 42).await?;
        until("the second replica is ready to follow", SOON, || async {
            second.process.get("/readyz").await.map(drop).map_err(|error| NotYet::seen(format!("{error:#}")))
        })
        .await?;
        harness.apply(&example).await?;
        let replicas = Self { harness, example, first, second };
        until("the first replica has met with the fault", SOON, || async {
            if replicas.harness.cloud().faults().hits().is_empty() { Err(NotYet::seen("not yet")) } else { Ok(()) }
        })
        .await?;
        Ok(replicas)
    }

    /// All effects of the replicas so far, in the order in which they came. Who leads is no effect.
    fn effects(&self) -> anyhow::Result<Vec<Effect>> {
        let cluster = self.harness.control().audit().writes_of(self.harness.operator_user())?;
        let counts = |event: &AuditEvent| event.resource != "leases" && event.code != 409;
        let cluster = cluster.into_iter().filter(counts).filter_map(|event| {
            Some(Effect { when: event.received, by: event.source?, what: format!("{} {}", event.verb, event.request_uri) })
        });
        let cloud = self.harness.cloud().requests().into_iter().filter(|request| request.writes);
        let cloud =
            cloud.map(|request| Effect { when: request.when, by: request.remote_ip, what: format!("{} {}", request.method, request.path) });
        let mut effects: Vec<_> = cluster.chain(cloud).collect();
        effects.sort_by_key(|effect| effect.when);
        Ok(effects)
    }

    /// Who acted, in turn.
    fn turns(&self) -> anyhow::Result<Vec<IpAddr>> {
        let mut turns: Vec<_> = self.effects()?.into_iter().map(|effect| effect.by).collect();
        turns.dedup();
        Ok(turns)
    }

    /// All effects, one a line.
    fn told(&self) -> anyhow::Result<String> {
        let lines: Vec<_> = self.effects()?.into_iter().map(|Effect { when, by, what }| format!("{when} {by} {what}")).collect();
        Ok(lines.join("\n"))
    }

    /// Waits until a replica acts after `event`, and tells how long that took. How long before nobody had acted is told as well.
    async fn taken_over_by(&self, replica: &Replica, event: Timestamp, what: &str) -> anyhow::Result<()> {
        let effect = until("the other replica acts", SOON, || async {
            let effects = self.effects().map_err(NotYet::seen)?;
            effects.into_iter().find(|effect| effect.by == replica.at && effect.when > event).ok_or_else(|| NotYet::seen("no effect"))
        })
        .await?;
        let took = effect.when.duration_since(event);
        let effects = self.effects()?;
        let last = effects.iter().rfind(|other| other.by != replica.at && other.when < effect.when).map(|effect| effect.when);
        let still = last.map(|last| format!("{:.1}", effect.when.duration_since(last).as_secs_f64())).unwrap_or_default();
        println!("{what}: {:.1} s to the other's first effect; nobody acted for {still} s (Lease: {TERM})", took.as_secs_f64());
        assert!(Duration::try_from(took)? <= AT_MOST, "{took:#}");
        Ok(())
    }

    /// Freezes the first replica until the second has done all the work, and wakes it. Gives the time when it knows that it does not lead.
    async fn sleeps_through_its_term(&self) -> anyhow::Result<Timestamp> {
        let event = now();
        self.first.process.freeze().await?;
        self.taken_over_by(&self.second, event, "frozen").await?;
        self.harness.cloud().faults().clear();
        self.harness.until_all_ready().await?;
        let woken = now();
        self.first.process.signal(Signal::CONT)?;
        let (user, at) = (self.harness.operator_user(), self.first.at);
        let asks = |event: &&AuditEvent| event.user == user && event.source == Some(at) && event.resource == "leases";
        let knows = until("the woken replica has looked at the Lease", SOON, || async {
            let entries = self.harness.control().audit().entries().map_err(NotYet::seen)?;
            let mut looks = entries.iter().filter(asks).filter(|event| event.received > woken);
            looks.nth(1).map(|event| event.received).ok_or_else(|| NotYet::seen("not twice"))
        })
        .await?;
        leads(&self.first, false).await.map_err(|seen| anyhow::anyhow!("{seen:?}"))?;
        Ok(knows)
    }

    /// What a replica tried in the cluster from a time on, and was too late for: whoever does not lead does not even try.
    fn tried_too_late(&self, replica: &Replica, since: Timestamp) -> anyhow::Result<Vec<String>> {
        let writes = self.harness.control().audit().writes_of(self.harness.operator_user())?.into_iter();
        let late = writes.filter(|event| event.source == Some(replica.at) && event.received > since && event.resource != "leases");
        Ok(late.map(|event| format!("{} {}: {}", event.verb, event.request_uri, event.code)).collect())
    }

    /// Asks for another size of the hub, which is an effect for whoever leads.
    async fn ask_for_units(&self, units: i64) -> anyhow::Result<()> {
        let patch = json!([{ "op": "replace", "path": "/spec/hubs/0/sku/capacity", "value": units }]).to_string();
        let namespace = self.example.namespace("contoso");
        self.harness.kubectl(&["patch", "thg", "contoso-us", "-n", &namespace, "--type=json", "-p", &patch], "").await.map(drop)
    }

    /// Waits until the hub has a size.
    async fn until_units(&self, units: i64) -> anyhow::Result<()> {
        until("the hub has its size", SOON, || async {
            let world = self.harness.cloud().snapshot();
            if world.contains(&format!(" S1x{units} ")) { Ok(()) } else { Err(NotYet::seen(world)) }
        })
        .await
    }
}

/// Starts a replica whose wires come from 127.0.0.`place`.
async fn replica(harness: &Harness, place: u8) -> anyhow::Result<Replica> {
    let at = IpAddr::from([127, 0, 0, place]);
    let (cluster, cloud) =
        (CuttableProxy::open(harness.control().address()?, at).await?, CuttableProxy::open(harness.cloud().address(), at).await?);
    let login = harness.login().by_way_of(cluster.address());
    let clouds: SocketAddr = cloud.address();
    let process = Process::start(harness, &format!("moorage-{place}"), &login, clouds, &["--lease-duration", TERM]).await?;
    Ok(Replica { process, cluster, _cloud: cloud, at })
}

async fn leads(replica: &Replica, wanted: bool) -> Result<(), NotYet> {
    let metrics = replica.process.get("/metrics").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
    let line = format!("moorage_leader {}", i32::from(wanted));
    if metrics.lines().any(|found| found == line) { Ok(()) } else { Err(NotYet::seen("another one leads")) }
}

#[expect(clippy::disallowed_methods, reason = "the replicas are processes on the machine's clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn when_the_leader_is_killed_the_other_replica_acts_within_the_lease() -> anyhow::Result<()> {
    block_on(async {
        let replicas = Replicas::at_work("killed", "PUT", FIRST_HUB, Fault::Throttle { retry_after: 1 }).await?;
        let event = now();
        replicas.first.process.signal(Signal::KILL)?;
        replicas.taken_over_by(&replicas.second, event, "killed").await?;
        replicas.harness.cloud().faults().clear();
        replicas.harness.until_all_ready().await?;
        assert_eq!(replicas.turns()?, [replicas.first.at, replicas.second.at]);
        Ok(())
    })
}

/// The first sleeps through its term, the second makes a change, and the first does not even try to go on.
async fn the_other_acts_alone_meanwhile(replicas: &Replicas) -> anyhow::Result<()> {
    let knows = replicas.sleeps_through_its_term().await?;
    replicas.ask_for_units(2).await?;
    replicas.until_units(2).await?;
    replicas.harness.until_all_ready().await?;
    assert_eq!(replicas.turns()?, [replicas.first.at, replicas.second.at], "{}", replicas.told()?);
    assert_eq!(replicas.tried_too_late(&replicas.first, knows)?, [""; 0]);
    Ok(())
}

#[test]
fn a_leader_that_was_frozen_in_the_midst_of_an_effect_does_nothing_until_it_leads_again() -> anyhow::Result<()> {
    block_on(async {
        let mut replicas = Replicas::at_work("frozen", "PUT", FIRST_HUB, Fault::Slow(1_500)).await?;
        the_other_acts_alone_meanwhile(&replicas).await?;

        replicas.second.process.signal(Signal::KILL)?;
        replicas.second.process.ended().await?;
        let event = now();
        replicas.ask_for_units(3).await?;
        replicas.taken_over_by(&replicas.first, event, "killed after that").await?;
        replicas.until_units(3).await?;
        assert_eq!(replicas.turns()?, [replicas.first.at, replicas.second.at, replicas.first.at]);
        Ok(())
    })
}

/// The links of a provisioning service are read, changed and written whole, and no entity tag refuses a write that comes too late.
#[test]
fn a_leader_that_was_frozen_between_the_requests_of_an_effect_does_not_go_on_with_it() -> anyhow::Result<()> {
    block_on(async {
        let replicas = Replicas::at_work("between", "POST", "contoso-dps/listkeys$", Fault::Slow(1_500)).await?;
        the_other_acts_alone_meanwhile(&replicas).await?;
        Ok(())
    })
}

#[test]
fn a_leader_that_cannot_reach_the_api_server_stops_acting_before_the_other_begins() -> anyhow::Result<()> {
    block_on(async {
        let replicas = Replicas::at_work("cut-off", "PUT", FIRST_HUB, Fault::Throttle { retry_after: 1 }).await?;
        let event = now();
        replicas.first.cluster.cut();
        replicas.taken_over_by(&replicas.second, event, "cut off from the API server").await?;
        leads(&replicas.first, false).await.map_err(|seen| anyhow::anyhow!("{seen:?}"))?;
        replicas.harness.cloud().faults().clear();
        replicas.harness.until_all_ready().await?;
        assert_eq!(replicas.turns()?, [replicas.first.at, replicas.second.at], "{}", replicas.told()?);
        Ok(())
    })
}
