//! `cargo bench-moorage`: what a device's credential costs the operator, beside a bare program that writes the same.

use std::num::NonZeroUsize;

use clap::{Parser, Subcommand};
use moorage_tests::bench::{self, Options};

#[derive(Parser)]
#[command(name = "bench-moorage", about = "Measures the operator's hot path against a bare program, on a control plane of its own")]
struct Args {
    /// How many devices a round has.
    #[arg(long, default_value = "5000")]
    objects: NonZeroUsize,

    /// How many pairs of rounds are measured: the operator's and the bare program's in turn.
    #[arg(long, default_value = "5")]
    pairs: NonZeroUsize,

    /// Print the numbers as JSON, as the last line of standard output.
    #[arg(long)]
    json: bool,

    /// Measure instead what as many objects of one tenant, as large as the cluster holds them, cost the others.
    #[arg(long)]
    hostile: bool,

    #[command(subcommand)]
    part: Option<Part>,
}

/// The two who are measured, each in a process of its own; their orders come on standard input.
#[derive(Subcommand)]
enum Part {
    #[command(hide = true)]
    Operator,
    #[command(hide = true)]
    Bare,
}

fn main() -> anyhow::Result<()> {
    let Args { objects, pairs, json, hostile, part } = Args::parse();
    match part {
        Some(Part::Operator) => bench::operator(),
        Some(Part::Bare) => bench::bare(),
        None if hostile => {
            println!("{}", bench::hostile(objects.get())?);
            Ok(())
        }
        None => {
            let report = bench::run(&Options { objects: objects.get(), pairs: pairs.get() })?;
            eprintln!("\n{report}");
            if json {
                println!("{}", report.json());
            }
            Ok(())
        }
    }
}
