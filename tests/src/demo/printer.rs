//! How facts are told: to people in aligned lines, to programs as one JSON object a line.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::fact::Fact;

const BOLD: &str = "\x1b[1m";
const FAINT: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Widths of the chronicle's columns: kind and object.
const CHRONICLE: [usize; 2] = [19, 34];

/// The last line that programs are told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict<'a> {
    demo: &'a str,
    ok: bool,
    cleaned_up: bool,
    seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Tells facts on standard output, and remembers all that it told.
pub(super) struct Printer {
    json: bool,
    colour: bool,
    /// Since the first `kubectl apply`; what comes before is only the making of the place.
    began: Option<Instant>,
    told: String,
}

impl Printer {
    pub fn new(json: bool) -> Self {
        let colour = !json && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour, began: None, told: String::new() }
    }

    fn elapsed(&self, at: Instant) -> Duration {
        self.began.map(|began| at.saturating_duration_since(began)).unwrap_or_default()
    }

    /// All that was told so far.
    pub fn told(&self) -> &str {
        &self.told
    }

    /// A heading, for people.
    pub fn title(&mut self, text: &str) {
        let text = self.styled(BOLD, text);
        self.prose(&format!("\n{text}"));
    }

    /// A line that is no fact, for people.
    pub fn prose(&mut self, text: &str) {
        if !self.json {
            self.print(text);
        }
    }

    /// A fact in a line of its own.
    pub fn fact(&mut self, fact: &Fact) {
        if !self.as_json(fact) {
            self.print(&format!("  {}", padded(&fact.cells(), &[12])));
        }
    }

    /// A fact that people are told in prose.
    pub fn note(&mut self, fact: &Fact) {
        self.as_json(fact);
    }

    /// Something that has just happened, with the time since the start.
    pub fn happened(&mut self, fact: &Fact) {
        self.happened_at(Instant::now(), fact);
    }

    /// Something that happened at a time that is past.
    pub fn happened_at(&mut self, at: Instant, fact: &Fact) {
        if !self.as_json(fact) {
            let time = self.styled(FAINT, &format!("{:>6.1} s", self.elapsed(at).as_secs_f64()));
            self.print(&format!("{time}  {}", padded(&fact.cells(), &CHRONICLE)));
        }
    }

    /// A command that is run.
    pub fn command(&mut self, line: &str) {
        if line.starts_with("kubectl apply") {
            self.began.get_or_insert_with(Instant::now);
        }
        let fact = Fact::Command { line: line.to_owned() };
        if !self.as_json(&fact) {
            let line = self.styled(BOLD, &fact.cells().concat());
            self.print(&format!("\n{line}"));
        }
    }

    /// Facts of one sort, below the names of their columns.
    pub fn table(&mut self, title: &str, header: &[&str], facts: &[Fact]) {
        self.title(title);
        let header: Vec<String> = header.iter().map(|name| name.to_uppercase()).collect();
        let rows: Vec<Vec<String>> = facts.iter().map(Fact::cells).collect();
        let width = |column: usize| rows.iter().chain([&header]).filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..header.len()).map_while(width).collect();
        let header = self.styled(FAINT, &padded(&header, &widths));
        self.prose(&format!("  {header}"));
        for (fact, row) in facts.iter().zip(&rows) {
            if !self.as_json(fact) {
                self.print(&format!("  {}", padded(row, &widths)));
            }
        }
    }

    /// The last line.
    pub fn end(&mut self, demo: &str, kept: bool, outcome: &anyhow::Result<()>) {
        let seconds = self.elapsed(Instant::now()).as_secs();
        match outcome {
            Ok(()) if self.json => self.verdict(&Verdict { demo, ok: true, cleaned_up: !kept, seconds, error: None }),
            Ok(()) => self.print(&format!("\nAll was seen to work, in {seconds} s.")),
            Err(error) if self.json => {
                self.verdict(&Verdict { demo, ok: false, cleaned_up: false, seconds, error: Some(format!("{error:#}")) });
            }
            // Where the rest is piped elsewhere, this is still seen.
            Err(error) => eprintln!("\nThe demo failed: {error:#}"),
        }
    }

    fn verdict(&mut self, verdict: &Verdict<'_>) {
        self.print(&serde_json::to_string(verdict).expect("a verdict serializes"));
    }

    /// Prints the fact as JSON, if that is how facts are printed.
    fn as_json(&mut self, fact: &Fact) -> bool {
        if self.json {
            self.print(&serde_json::to_string(fact).expect("a fact serializes"));
        }
        self.json
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.colour { format!("{style}{text}{PLAIN}") } else { text.to_owned() }
    }

    fn print(&mut self, line: &str) {
        self.told.push_str(line);
        self.told.push('\n');
        // A reader who went away is no reason to fail.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// Cells side by side, two spaces between; the last is not filled up.
fn padded(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, cell) in cells.iter().enumerate() {
        line.push_str(cell);
        if column + 1 < cells.len() {
            let width = widths.get(column).copied().unwrap_or_default();
            let gap = width.saturating_sub(cell.chars().count()) + 2;
            line.extend(std::iter::repeat_n(' ', gap));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn cells_stand_below_each_other_and_lines_end_with_their_text() {
        let row = |texts: [&str; 3]| padded(&texts.map(str::to_owned), &[5, 4]);
        assert_eq!([row(["a", "bcd", "e"]), row(["élan", "", "f"])], ["a      bcd   e", "élan         f"]);
    }
}
