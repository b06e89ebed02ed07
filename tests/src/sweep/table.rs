//! What a sweep found, on one page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cells::Cell;
use super::judge::Mode;

/// A line for each effect, a column for each thing that went wrong there.
pub fn table(cells: &[Cell]) -> String {
    let mut rows: BTreeMap<(String, usize), BTreeMap<Mode, bool>> = BTreeMap::new();
    for cell in cells {
        let row = rows.entry((cell.trouble.label.to_string(), cell.trouble.occurrence)).or_default();
        row.insert(cell.trouble.mode, cell.failure.is_none());
    }
    let widest = rows.keys().map(|(label, _)| label.len()).max().unwrap_or(0);
    let mut text = format!("{:widest$}  nth", "effect");
    for mode in Mode::ALL {
        let _ = write!(text, "  {}", mode.as_str());
    }
    for ((label, occurrence), row) in rows {
        let _ = write!(text, "\n{label:widest$}  {occurrence:>3}");
        for mode in Mode::ALL {
            let word = match row.get(&mode) {
                Some(true) => "ok",
                Some(false) => "FAILED",
                None => "",
            };
            let _ = write!(text, "  {word:width$}", width = mode.as_str().len());
        }
    }
    text
}
