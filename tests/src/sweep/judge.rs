//! Which request of a run meets with trouble.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::label::{Label, Labels, of_cloud};
use super::passage::Delayed;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The request gets nowhere, and no answer comes.
    LostBefore,
    /// The request is served, and no answer comes.
    LostAfter,
    /// The request is served twice, and the second answer comes.
    Twice,
    /// The operator dies with the request on its lips.
    KilledBefore,
    /// The operator dies when the request was served.
    KilledAfter,
    /// The operator is taken for dead and another one takes its place; when that has done its work, the request is served.
    Late,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::LostBefore, Self::LostAfter, Self::Twice, Self::KilledBefore, Self::KilledAfter, Self::Late];

    /// Whether the operator dies of it.
    pub fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter | Self::Late)
    }

    /// The heading of its column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LostBefore => "lost before",
            Self::LostAfter => "lost after",
            Self::Twice => "twice",
            Self::KilledBefore => "killed before",
            Self::KilledAfter => "killed after",
            Self::Late => "late",
        }
    }
}

/// One thing that goes wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// At which effect.
    pub label: Label,
    /// At which of its occurrences in the recording, from 1.
    pub occurrence: usize,
    /// In which phase of the run that is.
    pub phase: usize,
    /// At which of its occurrences in that phase, from 1.
    pub nth: usize,
    /// What.
    pub mode: Mode,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}: {}", self.label, self.occurrence, self.mode.as_str())
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is passed on; with the name of its effect, if it has one.
    Pass(Option<Label>),
    /// It meets with trouble.
    Trouble(Mode, Label),
    /// It is never heard of again: the operator is as good as dead.
    Never,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Cluster,
    Cloud,
}

/// The effects of each phase of a run, with the number of their occurrences.
pub type Counts = Vec<BTreeMap<Label, usize>>;

/// Counts the effects of a run, and strikes once for each trouble.
#[derive(Debug)]
pub(super) struct Judge {
    state: Mutex<State>,
    deaths: mpsc::UnboundedSender<()>,
}

#[derive(Debug, Default)]
struct State {
    troubles: Vec<Trouble>,
    counts: Counts,
    refused: Counts,
    labels: Labels,
    struck: Vec<bool>,
    dark: bool,
    delayed: Vec<Delayed>,
}

impl Judge {
    /// A judge for a run, and the deaths that it tells of.
    pub fn new(troubles: Vec<Trouble>) -> (Self, mpsc::UnboundedReceiver<()>) {
        let (deaths, heard) = mpsc::unbounded_channel();
        let struck = vec![false; troubles.len()];
        let state = State { troubles, struck, counts: vec![BTreeMap::new()], refused: vec![BTreeMap::new()], ..State::default() };
        (Self { state: Mutex::new(state), deaths }, heard)
    }

    /// Another phase of the run begins.
    pub fn begin_phase(&self) {
        let mut state = self.lock();
        state.counts.push(BTreeMap::new());
        state.refused.push(BTreeMap::new());
    }

    /// What becomes of a request.
    pub fn judge(&self, side: Side, method: &str, path: &str, body: &[u8]) -> Verdict {
        let mut state = self.lock();
        if state.dark {
            return Verdict::Never;
        }
        let label = match side {
            Side::Cluster => state.labels.of_cluster(method, path, body),
            Side::Cloud => of_cloud(method, path),
        };
        let Some(label) = label else { return Verdict::Pass(None) };
        let phase = state.counts.len() - 1;
        let count = state.counts[phase].entry(label.clone()).or_default();
        *count += 1;
        let nth = *count;
        let hit = state.troubles.iter().position(|trouble| trouble.phase == phase && trouble.nth == nth && trouble.label == label);
        let Some(hit) = hit else { return Verdict::Pass(Some(label)) };
        state.struck[hit] = true;
        let mode = state.troubles[hit].mode;
        drop(state);
        if matches!(mode, Mode::KilledBefore | Mode::Late) {
            self.kill();
        }
        Verdict::Trouble(mode, label)
    }

    /// It has had no effect.
    pub fn was_refused(&self, label: Label) {
        if let Some(phase) = self.lock().refused.last_mut() {
            *phase.entry(label).or_default() += 1;
        }
    }

    /// From now on the operator reaches nothing, and whoever keeps it is told to start another.
    pub fn kill(&self) {
        self.lock().dark = true;
        // Nobody listens when the run is over.
        let _ = self.deaths.send(());
    }

    /// Another operator has taken the place of the dead one.
    pub fn revive(&self) {
        self.lock().dark = false;
    }

    /// Keeps a request that is to be served late.
    pub fn delay(&self, request: Delayed) {
        self.lock().delayed.push(request);
    }

    /// The requests that are to be served now.
    pub fn delayed(&self) -> Vec<Delayed> {
        std::mem::take(&mut self.lock().delayed)
    }

    /// Which troubles came.
    pub fn struck(&self) -> Vec<bool> {
        self.lock().struck.clone()
    }

    /// The effects so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Those of them that were refused.
    pub fn refused(&self) -> Counts {
        self.lock().refused.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
