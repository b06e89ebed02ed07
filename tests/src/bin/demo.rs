//! `cargo demo`: a tenant as YAML becomes hubs, enrollment and device Secrets, before your eyes.

use std::process::ExitCode;

fn main() -> ExitCode {
    moorage_tests::demo::main()
}
