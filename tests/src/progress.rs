//! What is shown while something slow is under way.

use std::{
    io::{IsTerminal, Stderr, Write},
    pin::pin,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a step that goes on is told where lines cannot be rewritten.
const QUIET: Duration = Duration::from_secs(30);

/// Is told about slow steps as they go on.
pub trait Progress: Send + Sync {
    /// The step `what` has been under way for `elapsed`; called at its start and then about once a second.
    fn running(&self, what: &str, elapsed: Duration);

    /// The step `what` has ended, well or not, after `elapsed`.
    fn ended(&self, what: &str, elapsed: Duration);
}

/// Runs `work` as a step of `progress` called `what`.
pub async fn step<F: Future>(progress: &dyn Progress, what: &str, work: F) -> F::Output {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            output = &mut work => {
                progress.ended(what, began.elapsed());
                return output;
            }
            _ = ticks.tick() => progress.running(what, began.elapsed()),
        }
    }
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn running(&self, _: &str, _: Duration) {}
    fn ended(&self, _: &str, _: Duration) {}
}

/// Shows one line per step: rewritten with the seconds on a terminal, repeated every half minute elsewhere.
pub struct Console<W> {
    state: Mutex<State<W>>,
    rewrites: bool,
}

struct State<W> {
    out: W,
    /// The step told last, and the time from which it is told again.
    told: Option<(String, Duration)>,
}

impl Console<Stderr> {
    /// Writes to standard error, around the capture of the test runner, so that a long build is not mistaken for a hang.
    pub fn stderr() -> Self {
        let stderr = std::io::stderr();
        let rewrites = stderr.is_terminal();
        Self::new(stderr, rewrites)
    }
}

impl<W: Write> Console<W> {
    /// Writes to `out`, which `rewrites` lines if it is a terminal.
    pub fn new(out: W, rewrites: bool) -> Self {
        Self { state: Mutex::new(State { out, told: None }), rewrites }
    }

    fn tell(&self, text: &str, change: impl FnOnce(&mut Option<(String, Duration)>)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.told);
        // Progress that cannot be shown is no reason to fail.
        let _ = state.out.write_all(text.as_bytes());
        let _ = state.out.flush();
    }

    fn is_due(&self, what: &str, elapsed: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.told {
            Some((told, again)) if told == what => elapsed >= *again,
            _ => true,
        }
    }
}

impl<W: Write + Send> Progress for Console<W> {
    fn running(&self, what: &str, elapsed: Duration) {
        let seconds = elapsed.as_secs();
        if self.rewrites {
            self.tell(&format!("\r{what} … {seconds} s\x1b[K"), |_| {});
        } else if self.is_due(what, elapsed) {
            let text = match seconds {
                0 => format!("{what} …\n"),
                _ => format!("{what} … {seconds} s\n"),
            };
            self.tell(&text, |told| {
                *told = Some((what.to_owned(), elapsed + QUIET));
            });
        }
    }

    fn ended(&self, what: &str, elapsed: Duration) {
        let start = if self.rewrites { "\r" } else { "" };
        let rest = if self.rewrites { "\x1b[K" } else { "" };
        let text = format!("{start}{what}: {:.1} s{rest}\n", elapsed.as_secs_f64());
        self.tell(&text, |told| *told = None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Console, Progress};
    use std::time::Duration;

    fn shown(rewrites: bool, seconds: &[u64]) -> String {
        let console = Console::new(Vec::new(), rewrites);
        for second in seconds {
            console.running("Building", Duration::from_secs(*second));
        }
        console.ended("Building", Duration::from_millis(61_240));
        let state = console.state.into_inner().expect("no writer panicked");
        String::from_utf8(state.out).expect("progress is text")
    }

    #[test]
    fn a_terminal_shows_one_line_that_is_rewritten() {
        assert_eq!(shown(true, &[0, 1]), "\rBuilding … 0 s\x1b[K\rBuilding … 1 s\x1b[K\rBuilding: 61.2 s\x1b[K\n");
    }

    #[test]
    fn a_log_shows_a_line_every_half_minute() {
        assert_eq!(shown(false, &[0, 1, 29, 31, 32, 60, 61]), "Building …\nBuilding … 31 s\nBuilding … 61 s\nBuilding: 61.2 s\n");
    }
}
