//! What a sweep tells people.

use std::fmt::Write as _;
use std::time::Duration;

use moorage_tests::sweep::{Cell, table};

/// How many failures are shown in full.
const SHOWN: usize = 3;

/// A failure is told at once: a sweep takes minutes. So is a run that had to be repeated with each of its troubles alone.
pub fn tell(place: &str, cell: &Cell) {
    if let Some(shared) = &cell.shared {
        println!("ALONE {place} in {:.1?}: {}: the run that it shared ended otherwise: {shared}", cell.took, cell.trouble);
    }
    if let Some(failure) = &cell.failure {
        println!("FAILED {place} after {:.1?}: {}: {}", cell.took, cell.trouble, reason(failure));
    }
}

/// A failure without the operator's log.
fn reason(failure: &str) -> &str {
    failure.split("\n--- ").next().unwrap_or_default()
}

/// The table, and how long it took.
pub fn summary(place: &str, cells: &[Cell], took: Duration) -> String {
    let total: Duration = cells.iter().map(|cell| cell.took).sum();
    let longest = cells.iter().max_by_key(|cell| cell.took);
    let longest = longest.map(|cell| format!("{} took {:.1?}", cell.trouble, cell.took)).unwrap_or_default();
    let average = total / u32::try_from(cells.len()).unwrap_or(1).max(1);
    format!("{}\n{place}: {} cells in {took:.0?}, {average:.1?} on average; the longest: {longest}", table(cells), cells.len())
}

/// All failures, the first of them in full.
pub fn failures(place: &str, cells: &[Cell]) -> String {
    let failed = cells.iter().filter_map(|cell| Some((cell, cell.failure.as_ref()?)));
    let mut text = String::new();
    for (n, (cell, failure)) in failed.enumerate() {
        let shown = if n < SHOWN { failure } else { reason(failure) };
        let _ = write!(text, "\n=== {place}: {}\n{shown}\n", cell.trouble);
    }
    text
}

/// The cells of the real API server that ended otherwise than their twins in memory.
pub fn disagreements(real: &[Cell], in_memory: &[Cell]) -> String {
    let mut text = String::new();
    for cell in real {
        let twin = in_memory.iter().find(|twin| twin.tenant == cell.tenant && twin.trouble == cell.trouble);
        if twin.is_some_and(|twin| twin.failure.is_some() != cell.failure.is_some()) {
            let _ = write!(text, "\n=== {}: the real API server and the one in memory end differently\n", cell.trouble);
        }
    }
    text
}
