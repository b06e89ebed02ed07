//! The crash sweep over every effect of the kinds: all of it on the in-memory API server, and a part on the real one.
//!
//! `MOORAGE_SWEEP=full` sweeps all of it on the real one too, `MOORAGE_SWEEP='PUT iothubs'` only the cells whose name holds that text;
//! `MOORAGE_SWEEP_TIMES=50` runs each that often.

mod memory;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Instant;

use memory::in_memory;
use moorage_crds::KindName;
use moorage_tests::controlplane::{ControlPlane, block_on, owned};
use moorage_tests::sweep::{
    Ended, Label, Log, Run, Scope, Server, Sweep, Tenant, Trouble, difference, grouped, of_audit, of_cloud, on_real, run, swept, troubles,
};
use report::{failures, summary, tell};

/// What is swept, and how often.
struct Asked {
    in_memory: Scope,
    real: Scope,
    times: usize,
}

impl Asked {
    fn from_env() -> Self {
        let times = std::env::var("MOORAGE_SWEEP_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
        let (in_memory, real) = match std::env::var("MOORAGE_SWEEP").ok().as_deref() {
            None | Some("") => (Scope::All, Scope::Slice(slice())),
            Some("full") => (Scope::All, Scope::All),
            Some(text) => (Scope::Named(text.to_owned()), Scope::Named(text.to_owned())),
        };
        Self { in_memory, real, times }
    }

    /// Those troubles of a sweep that are asked for, as they share runs, each as often as asked.
    fn groups(&self, sweep: &Sweep, scope: &Scope) -> Vec<Vec<Trouble>> {
        grouped(troubles(sweep, scope)).into_iter().flat_map(|group| std::iter::repeat_n(group, self.times)).collect()
    }

    fn is_limited(&self) -> bool {
        matches!(self.real, Scope::Named(_))
    }
}

/// The slice of the real server's cells that it is this commit's turn to show.
fn slice() -> usize {
    let told = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let hash = told.ok().filter(|told| told.status.success()).map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    hash.and_then(|hash| usize::from_str_radix(hash.get(..8)?, 16).ok()).unwrap_or(0)
}

#[test]
fn every_kind_takes_part() {
    let kinds: BTreeSet<_> = Tenant::ALL.into_iter().flat_map(Tenant::kinds).collect();
    assert_eq!(kinds, KindName::ALL.iter().map(|kind| kind.as_str()).collect());
}

#[test]
fn whatever_goes_wrong_at_an_effect_the_world_in_memory_ends_the_same() -> anyhow::Result<()> {
    let swept = in_memory()?;
    println!("{}", summary("in memory", &swept.cells, swept.took));
    let failures = failures("in memory", &swept.cells);
    anyhow::ensure!(failures.is_empty(), "{failures}");
    Ok(())
}

#[test]
fn the_real_api_server_ends_in_the_same_worlds() -> anyhow::Result<()> {
    let (asked, twin) = (Asked::from_env(), in_memory()?);
    block_on(async {
        let (control, began) = (owned().await?, Instant::now());
        let recordings = [record(control, Tenant::Keys).await?, record(control, Tenant::Certificates).await?];
        println!("both tenants recorded in {:.1?}", began.elapsed());
        for ((real, _), in_memory) in recordings.iter().zip(&twin.recordings) {
            is_the_same(real, in_memory)?;
        }
        let [keys, mut certificates] = [&recordings[0].0, &recordings[1].0].map(Sweep::of);
        // What the first sweep has shown is not shown again.
        certificates.without(&keys.counts);
        let (mut cells, began) = (Vec::new(), Instant::now());
        for sweep in [&keys, &certificates] {
            cells.extend(
                on_real(Server::Real(control), sweep, asked.groups(sweep, &asked.real), |cell| tell("on the real API server", cell)).await,
            );
        }
        println!("{}", summary("on the real API server", &cells, began.elapsed()));
        let failures = failures("on the real API server", &cells) + &report::disagreements(&cells, &twin.cells);
        anyhow::ensure!(failures.is_empty(), "{failures}");
        if !asked.is_limited() {
            for (recording, in_cluster) in recordings {
                assert_eq!(unswept(&recording, in_cluster, &swept(&cells)), BTreeSet::new());
            }
        }
        Ok(())
    })
}

/// A run without trouble, and its effects as the API server saw them.
async fn record(control: &'static ControlPlane, tenant: Tenant) -> anyhow::Result<(Ended, BTreeSet<Label>)> {
    let (audit, log) = (control.audit().from_now()?, Log::default());
    let name = format!("recording-{tenant}");
    let recording = run(Run { server: Server::Real(control), tenant, name, troubles: Vec::new(), expected: None, log: log.clone() }).await;
    let recording = recording.map_err(|error| error.context(log.text()))?;
    let in_cluster = audit.writes_of(&recording.user)?.iter().filter_map(of_audit).collect();
    Ok((recording, in_cluster))
}

/// The in-memory server is true as far as a recording tells: the same effects in the same phases, as often, and the same worlds.
fn is_the_same(real: &Ended, in_memory: &Ended) -> anyhow::Result<()> {
    let (real_counts, counts) = (comparable(real), comparable(in_memory));
    anyhow::ensure!(
        real_counts == counts,
        "the API server in memory is not true: {}: the effects differ:\n{}",
        real.tenant,
        difference(&format!("{real_counts:#?}"), &format!("{counts:#?}"))
    );
    for (at, real, in_memory) in [
        ("everything is Ready", &real.checkpoints.ready, &in_memory.checkpoints.ready),
        ("the change is made", &real.checkpoints.changed, &in_memory.checkpoints.changed),
        ("everything is gone", &real.checkpoints.gone, &in_memory.checkpoints.gone),
    ] {
        anyhow::ensure!(
            real == in_memory,
            "the API server in memory is not true: when {at} the worlds differ:\n{}",
            difference(real, in_memory)
        );
    }
    Ok(())
}

/// The effects that took place. How often something is told differs from run to run, and so does what is tried and refused, as when a
/// finalizer is taken away once more from what is gone and not seen to be gone yet.
fn comparable(recording: &Ended) -> Vec<BTreeMap<String, usize>> {
    let phases = recording.counts.iter().zip(&recording.refused);
    let of_phase = |(counts, refused): (&BTreeMap<Label, usize>, &BTreeMap<Label, usize>)| {
        let effects = counts.iter().map(|(label, count)| (label, count - refused.get(label).unwrap_or(&0)));
        let effects = effects.filter(|(_, count)| *count > 0);
        effects.map(|(label, count)| (label.to_string(), if label.tells() { 1 } else { count })).collect()
    };
    phases.map(of_phase).collect()
}

/// The effects that the API server and the cloud saw in the recording, and at which nothing went wrong since.
fn unswept(recording: &Ended, in_cluster: BTreeSet<Label>, swept: &BTreeSet<Label>) -> BTreeSet<Label> {
    let anyones: BTreeSet<_> = swept.iter().map(Label::of_anyone).collect();
    let writes = recording.requests.iter().filter(|request| request.writes);
    let in_cloud = writes.filter_map(|request| of_cloud(&request.method, &request.path)).filter(|label| !swept.contains(label));
    in_cluster.into_iter().filter(|label| !anyones.contains(label)).chain(in_cloud).collect()
}
