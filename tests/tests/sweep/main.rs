//! The crash sweep over every effect of the kinds.
//!
//! `MOORAGE_SWEEP='PUT iothubs'` limits it to the cells whose name holds that text; `MOORAGE_SWEEP_TIMES=50` runs each that often.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use moorage_tests::controlplane::{ControlPlane, block_on, owned};
use moorage_tests::sweep::{self, Cell, Ended, Label, Log, Run, Tenant, of_audit, of_cloud, run, swept, table};

/// How many failures are shown in full.
const SHOWN: usize = 3;

#[test]
fn whatever_goes_wrong_at_an_effect_the_world_ends_the_same() -> anyhow::Result<()> {
    block_on(async {
        let control = owned().await?;
        let (keys, mut certificates) = (record(control, Tenant::Keys).await?, record(control, Tenant::Certificates).await?);
        let mut cells = sweep::cells(control, &keys.0, tell).await;
        // What the first sweep has shown is not shown again.
        certificates.0.counts.retain(|label, _| !keys.0.counts.contains_key(label));
        cells.extend(sweep::cells(control, &certificates.0, tell).await);
        println!("{}\n{}", table(&cells), summary(&cells));
        let failures = failures(&cells);
        anyhow::ensure!(failures.is_empty(), "{failures}");
        if std::env::var_os("MOORAGE_SWEEP").is_none() {
            for (recording, in_cluster) in [keys, certificates] {
                assert_eq!(unswept(&recording, in_cluster, &cells), BTreeSet::new());
            }
        }
        Ok(())
    })
}

/// A run without trouble, and its effects as the API server saw them.
async fn record(control: &'static ControlPlane, tenant: Tenant) -> anyhow::Result<(Ended, BTreeSet<Label>)> {
    let (audit, log) = (control.audit().from_now()?, Log::default());
    let name = format!("recording-{tenant}");
    let recording = run(Run { control, tenant, name, trouble: None, expected: None, log: log.clone() }).await;
    let recording = recording.map_err(|error| error.context(log.text()))?;
    let in_cluster = audit.writes_of(&recording.user)?.iter().filter_map(of_audit).collect();
    Ok((recording, in_cluster))
}

/// A failure is told at once: a sweep takes minutes.
fn tell(cell: &Cell) {
    if let Some(failure) = &cell.failure {
        println!("FAILED after {:.1?}: {}: {}", cell.took, cell.trouble, reason(failure));
    }
}

/// A failure without the operator's log.
fn reason(failure: &str) -> &str {
    failure.split("\n--- ").next().unwrap_or_default()
}

/// The effects that the API server and the cloud saw in the recording, and at which nothing went wrong since.
fn unswept(recording: &Ended, in_cluster: BTreeSet<Label>, cells: &[Cell]) -> BTreeSet<Label> {
    let swept = swept(cells);
    let anyones: BTreeSet<_> = swept.iter().map(Label::of_anyone).collect();
    let writes = recording.requests.iter().filter(|request| request.writes);
    let in_cloud = writes.filter_map(|request| of_cloud(&request.method, &request.path)).filter(|label| !swept.contains(label));
    in_cluster.into_iter().filter(|label| !anyones.contains(label)).chain(in_cloud).collect()
}

fn summary(cells: &[Cell]) -> String {
    let total: Duration = cells.iter().map(|cell| cell.took).sum();
    let longest = cells.iter().max_by_key(|cell| cell.took);
    let longest = longest.map(|cell| format!("{} took {:.1?}", cell.trouble, cell.took)).unwrap_or_default();
    format!("{} runs, {:.1?} on average; the longest: {longest}", cells.len(), total / u32::try_from(cells.len()).unwrap_or(1).max(1))
}

fn failures(cells: &[Cell]) -> String {
    let failed: Vec<_> = cells.iter().filter_map(|cell| Some((&cell.trouble, cell.failure.as_ref()?))).collect();
    let mut text = String::new();
    for (n, (trouble, failure)) in failed.iter().enumerate() {
        let shown = if n < SHOWN { failure } else { reason(failure) };
        let _ = write!(text, "\n=== {trouble}\n{shown}\n");
    }
    text
}
