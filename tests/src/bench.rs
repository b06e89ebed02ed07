//! The benchmark of the hot path: N cold credentials until the last is Ready, by the operator and by a bare program that
//! makes the same two writes for each, in turn.

mod arrivals;
mod bare;
mod child;
mod fleet;
mod hostile;
mod newcomers;
mod operator;
mod report;
mod rounds;
mod usage;

use crate::controlplane::block_on;

pub use bare::run as bare;
pub use hostile::Hostility;
pub use operator::run as operator;
pub use report::Report;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Credentials a round.
    pub objects: usize,
    /// Rounds of each side.
    pub pairs: usize,
}

/// Measures.
///
/// # Errors
/// If a part does not start, or does not get all objects Ready in time.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its numbers say nothing. Use `cargo bench-moorage`.");
    }
    block_on(rounds::measure(options))
}

/// Measures what as many hostile objects of one tenant cost the ordinary ones of another.
///
/// # Errors
/// As [`run`].
pub fn hostile(objects: usize) -> anyhow::Result<Hostility> {
    block_on(hostile::measure(objects))
}
