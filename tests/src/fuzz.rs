//! What takes in what others have written, given anything at all: one function for each such place.
//!
//! A function takes bytes, reads them as the place does, and asserts what must hold of every input. `cargo fuzz` calls it with what
//! libFuzzer thinks of, and an ordinary test with the corpus in `fuzz/corpus` and mutations of it.

mod certificates;
mod connection_string;
mod duration;
mod hostile;
mod ledger;
mod look;
mod names;
mod objects;
mod replies;
mod sas;

pub use certificates::certificates;
pub use connection_string::connection_string;
pub use duration::duration;
pub use ledger::ledger;
pub use names::names;
pub use objects::objects;
pub use replies::replies;
pub use sas::sas;

/// What became of an input. Both must happen, or nothing is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken for what it claims to be.
    Accepted,
    /// It was refused in good order.
    Refused,
}

/// A place that takes in what others have written.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of the function, of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Puts bytes to it.
    pub run: fn(&[u8]) -> Outcome,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target { name: "sas", run: sas },
    Target { name: "connection_string", run: connection_string },
    Target { name: "names", run: names },
    Target { name: "duration", run: duration },
    Target { name: "objects", run: objects },
    Target { name: "replies", run: replies },
    Target { name: "ledger", run: ledger },
    Target { name: "certificates", run: certificates },
];

/// The key that has signed the tokens in the corpus. It opens nothing.
const KEY: &str = "Zm9yIHRlc3RzIG9ubHksIG9wZW5zIG5vdGhpbmcu/3K7Xr9/Qw0=";

impl Outcome {
    fn of<T>(taken: Option<&T>) -> Self {
        if taken.is_some() { Self::Accepted } else { Self::Refused }
    }
}

/// An error's text and those of its causes, in both forms.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join(" ")
}

/// The parts of an input that could be secrets: no word of our own sentences has digits.
fn secrets<'a>(text: &'a str, between: &'a [char]) -> impl Iterator<Item = &'a str> {
    text.split(between).filter(|part| part.contains(|character: char| character.is_ascii_digit()))
}

/// Asserts that what could be a secret is not in what is told.
fn assert_untold(secret: &str, told: &str) {
    assert!(secret.len() < 12 || !told.contains(secret), "{secret:?} is told: {told:?}");
}
