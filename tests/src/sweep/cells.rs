//! All that can go wrong, and the runs in which it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::fixture::Tenant;
use super::judge::{Mode, Trouble};
use super::label::Label;
use super::log::Log;
use super::run::{Checkpoints, Ended, Run, run};
use crate::controlplane::ControlPlane;

/// How many runs there are at the same time.
const AT_ONCE: usize = 6;

/// Limits a sweep to the cells whose name holds this text, as `MOORAGE_SWEEP='PUT iothubs'`.
const ONLY: &str = "MOORAGE_SWEEP";

/// Runs each cell that often, as `MOORAGE_SWEEP_TIMES=50`: for what fails now and then.
const TIMES: &str = "MOORAGE_SWEEP_TIMES";

/// One run in which something went wrong.
#[derive(Debug)]
pub struct Cell {
    /// What.
    pub trouble: Trouble,
    /// What differed, and the operator's log, if the world did not end as it should.
    pub failure: Option<String>,
    /// How long it took, in real time.
    pub took: Duration,
}

/// The troubles of a sweep: every mode at every occurrence of every effect, but only at the first and the last of those that
/// merely tell what is the case.
fn troubles(counts: &BTreeMap<Label, usize>) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for (label, count) in counts {
        let occurrences: BTreeSet<usize> = if label.tells() { [1, *count].into() } else { (1..=*count).collect() };
        for occurrence in occurrences {
            troubles.extend(Mode::ALL.map(|mode| Trouble { label: label.clone(), occurrence, mode }));
        }
    }
    let only = std::env::var(ONLY).unwrap_or_default();
    troubles.retain(|trouble| trouble.to_string().contains(&only));
    let times = std::env::var(TIMES).ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    troubles.into_iter().flat_map(|trouble| std::iter::repeat_n(trouble, times)).collect()
}

/// The effects at which something goes wrong in a sweep.
pub fn swept(cells: &[Cell]) -> BTreeSet<Label> {
    cells.iter().map(|cell| cell.trouble.label.clone()).collect()
}

/// Runs once for everything that can go wrong with the effects of a recording, and tells each cell when it is known.
pub async fn cells(control: &'static ControlPlane, recording: &Ended, tell: impl Fn(&Cell)) -> Vec<Cell> {
    let expected = Arc::new(recording.checkpoints.clone());
    let runs = troubles(&recording.counts).into_iter().enumerate().map(|(n, trouble)| {
        let expected = expected.clone();
        async move {
            tokio::spawn(cell(control, recording.tenant, n, trouble, expected)).await.expect("a run panics only if the sweep is wrong")
        }
    });
    let mut cells: Vec<_> = futures::stream::iter(runs).buffer_unordered(AT_ONCE).inspect(tell).collect().await;
    cells.sort_by_key(|cell| (cell.trouble.label.clone(), cell.trouble.occurrence, cell.trouble.mode));
    cells
}

async fn cell(control: &'static ControlPlane, tenant: Tenant, n: usize, trouble: Trouble, expected: Arc<Checkpoints>) -> Cell {
    let begun = Instant::now();
    let mut failure = Some("it never came to that effect".to_owned());
    let mut next = Some(trouble.occurrence);
    let mut attempt = 0;
    while let Some(occurrence) = next.take() {
        let (log, label) = (Log::default(), trouble.label.clone());
        let here = Trouble { occurrence, ..trouble.clone() };
        let name = format!("sweep-{tenant}-{n:03}-{attempt}");
        match run(Run { control, tenant, name, trouble: Some(here), expected: Some(expected.clone()), log: log.clone() }).await {
            Ok(ended) if ended.struck => failure = None,
            // How often something is told differs from run to run: the last time was an earlier one.
            Ok(ended) => next = ended.counts.get(&label).copied().filter(|&count| count < occurrence),
            Err(error) => failure = Some(format!("{error:#}\n--- the operator's log:\n{}", log.text())),
        }
        attempt += 1;
    }
    Cell { trouble, failure, took: begun.elapsed() }
}
