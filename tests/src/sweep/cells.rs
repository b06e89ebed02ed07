//! All that can go wrong, and the runs in which it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::fixture::Tenant;
use super::judge::{Counts, Mode, Trouble};
use super::label::Label;
use super::log::Log;
use super::place::Server;
use super::run::{Checkpoints, Ended, Run, run};

/// How many runs there are at the same time on the real API server.
const AT_ONCE: usize = 6;

/// One thing that went wrong, and how the run ended in which it did.
#[derive(Debug)]
pub struct Cell {
    /// Whom it is about.
    pub tenant: Tenant,
    /// What.
    pub trouble: Trouble,
    /// What differed, and the operator's log, if the world did not end as it should.
    pub failure: Option<String>,
    /// Why it was run alone, if it was to share a run: how that run ended.
    pub shared: Option<String>,
    /// How long its run took, in real time.
    pub took: Duration,
}

/// The effects of a tenant at which things go wrong, and how its worlds must be.
#[derive(Clone)]
pub struct Sweep {
    /// Whom it is about.
    pub tenant: Tenant,
    /// The effects of each phase.
    pub counts: Counts,
    /// The worlds.
    pub expected: Arc<Checkpoints>,
}

impl Sweep {
    /// What a recording tells to sweep.
    pub fn of(recording: &Ended) -> Self {
        Self { tenant: recording.tenant, counts: recording.counts.clone(), expected: Arc::new(recording.checkpoints.clone()) }
    }

    /// What another has shown is left out.
    pub fn without(&mut self, shown: &Counts) {
        for phase in &mut self.counts {
            phase.retain(|label, _| !shown.iter().any(|phase| phase.contains_key(label)));
        }
    }
}

/// Which of the troubles.
#[derive(Clone, Debug)]
pub enum Scope {
    /// All.
    All,
    /// Of each occurrence of each effect one mode of six, another one for each number.
    Slice(usize),
    /// Those whose name holds a text.
    Named(String),
}

/// The troubles of a sweep: every mode at every occurrence of every effect, but only at the first and the last of those that
/// merely tell what is the case.
pub fn troubles(sweep: &Sweep, scope: &Scope) -> Vec<Trouble> {
    let mut places: BTreeMap<&Label, Vec<(usize, usize)>> = BTreeMap::new();
    for (phase, counts) in sweep.counts.iter().enumerate() {
        for (label, count) in counts {
            places.entry(label).or_default().extend((1..=*count).map(|nth| (phase, nth)));
        }
    }
    let mut troubles = Vec::new();
    let mut effects = 0;
    for (label, places) in places {
        let occurrences: BTreeSet<usize> = if label.tells() { [1, places.len()].into() } else { (1..=places.len()).collect() };
        for occurrence in occurrences {
            let (phase, nth) = places[occurrence - 1];
            let trouble = |mode| Trouble { label: label.clone(), occurrence, phase, nth, mode };
            match scope {
                Scope::All => troubles.extend(Mode::ALL.map(trouble)),
                Scope::Slice(number) => troubles.push(trouble(Mode::ALL[(number + effects) % Mode::ALL.len()])),
                Scope::Named(text) => {
                    troubles.extend(Mode::ALL.map(trouble).into_iter().filter(|trouble| trouble.to_string().contains(text)));
                }
            }
            effects += 1;
        }
    }
    troubles
}

/// The effects at which something goes wrong in a sweep.
pub fn swept(cells: &[Cell]) -> BTreeSet<Label> {
    cells.iter().map(|cell| cell.trouble.label.clone()).collect()
}

/// Runs groups on the real API server, several at a time, and tells each cell when it is known.
pub async fn on_real(server: Server, sweep: &Sweep, groups: Vec<Vec<Trouble>>, tell: impl Fn(&Cell)) -> Vec<Cell> {
    let runs = groups.into_iter().enumerate().map(|(n, group)| {
        let sweep = sweep.clone();
        let cells = async move { cells_of(server, &sweep, &format!("{n:03}"), group, &Log::default()).await };
        async move { tokio::spawn(cells).await.expect("a run panics only if the sweep is wrong") }
    });
    let told = |cells: &Vec<Cell>| cells.iter().for_each(&tell);
    let cells: Vec<Vec<_>> = futures::stream::iter(runs).buffer_unordered(AT_ONCE).inspect(told).collect().await;
    cells.into_iter().flatten().collect()
}

/// Troubles that can share a run: of different phases, each of which ends in a world that is proved to be as it should; those that kill
/// with others that do, because the next operator remembers nothing.
pub fn grouped(troubles: Vec<Trouble>) -> Vec<Vec<Trouble>> {
    let mut groups: Vec<Vec<Trouble>> = Vec::new();
    for trouble in troubles {
        let fits = |group: &&mut Vec<Trouble>| {
            group.iter().all(|other| other.phase != trouble.phase && other.mode.kills() == trouble.mode.kills())
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(trouble),
            None => groups.push(vec![trouble]),
        }
    }
    groups
}

/// Runs a group, and if that does not end well, each of its troubles alone.
pub async fn cells_of(server: Server, sweep: &Sweep, name: &str, group: Vec<Trouble>, log: &Log) -> Vec<Cell> {
    let begun = Instant::now();
    let mut shared = None;
    if group.len() > 1 {
        let run = attempt(server, sweep, format!("sweep-{}-{name}", sweep.tenant), group.clone(), log.clone());
        shared = match run.await {
            Ok(ended) if ended.struck.iter().all(|struck| *struck) => {
                let took = begun.elapsed();
                return group
                    .into_iter()
                    .map(|trouble| Cell { tenant: sweep.tenant, trouble, failure: None, shared: None, took })
                    .collect();
            }
            Ok(_) => Some("it did not come to every effect".to_owned()),
            Err(error) => Some(format!("after {:.1?}: {error:#}", begun.elapsed())),
        };
    }
    let mut cells = Vec::new();
    for (alone, trouble) in group.into_iter().enumerate() {
        cells.push(Cell { shared: shared.clone(), ..cell(server, sweep, &format!("{name}-{alone}"), trouble, log).await });
    }
    cells
}

async fn attempt(server: Server, sweep: &Sweep, name: String, troubles: Vec<Trouble>, log: Log) -> anyhow::Result<Ended> {
    run(Run { server, tenant: sweep.tenant, name, troubles, expected: Some(sweep.expected.clone()), log }).await
}

/// Runs once, or until that goes wrong which should.
async fn cell(server: Server, sweep: &Sweep, name: &str, trouble: Trouble, log: &Log) -> Cell {
    let begun = Instant::now();
    let mut failure = Some("it never came to that effect".to_owned());
    let mut next = Some(trouble.nth);
    let mut attempts = 0;
    while let Some(nth) = next.take() {
        log.clear();
        let here = Trouble { nth, ..trouble.clone() };
        let name = format!("sweep-{}-{name}-{attempts}", sweep.tenant);
        match attempt(server, sweep, name, vec![here], log.clone()).await {
            Ok(ended) if ended.struck == [true] => failure = None,
            // How often something is told differs from run to run: the last time was an earlier one.
            Ok(ended) => next = ended.counts[trouble.phase].get(&trouble.label).copied().filter(|&count| count < nth),
            Err(error) => failure = Some(format!("{error:#}\n--- the operator's log:\n{}", log.text())),
        }
        attempts += 1;
    }
    Cell { tenant: sweep.tenant, trouble, failure, shared: None, took: begun.elapsed() }
}
