//! What others write, and mutations of it, put to everything that reads it; `cargo fuzz` does the same for longer.

mod corpus;
mod mutation;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use moorage_tests::fuzz::{Outcome, TARGETS, Target};

use mutation::Mutations;

/// A single input instead of all, in a folder that has the target's name.
const INPUT: &str = "MOORAGE_FUZZ";
/// Mutations of a target that is a matter of microseconds, and of one that is not.
const MANY: usize = 6000;
const FEWER: usize = 1500;

#[test]
fn tokens_are_read_whoever_wrote_them() {
    put_to("sas", MANY);
}

#[test]
fn connection_strings_are_read_whoever_wrote_them() {
    put_to("connection_string", MANY);
}

#[test]
fn a_name_from_elsewhere_stays_a_name_and_a_host_stays_in_the_cloud() {
    put_to("names", MANY);
}

#[test]
fn a_duration_is_what_it_says_or_is_refused() {
    put_to("duration", MANY);
}

#[test]
fn no_stored_object_stops_the_operator() {
    put_to("objects", FEWER);
}

#[test]
fn no_reply_of_the_cloud_leads_elsewhere_or_has_a_secret_told() {
    put_to("replies", FEWER);
}

#[test]
fn no_page_of_the_ledger_is_taken_for_another() {
    put_to("ledger", FEWER);
}

#[test]
fn no_secret_of_an_authority_is_told_and_no_other_key_signs() {
    put_to("certificates", FEWER);
}

fn put_to(name: &str, mutations: usize) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    if let Some(input) = std::env::var_os(INPUT).map(PathBuf::from) {
        if input.parent().is_some_and(|folder| folder.ends_with(name)) {
            println!("{name}: {:?}", put(target, &std::fs::read(&input).expect("the input can be read")));
        }
        return;
    }
    let corpus = corpus::of(name).expect("the corpus can be read");
    let mutated = Mutations::of(&corpus, name).take(mutations);
    let (mut accepted, mut refused) = (0, 0);
    for input in corpus.iter().cloned().chain(mutated) {
        match put(target, &input) {
            Outcome::Accepted => accepted += 1,
            Outcome::Refused => refused += 1,
        }
    }
    println!("{name}: {accepted} accepted, {refused} refused");
    assert!(accepted > mutations / 50, "{name}: only {accepted} inputs were accepted: hardly anything behind the reading is tested");
    assert!(refused > mutations / 50, "{name}: only {refused} inputs were refused: hardly any refusal is tested");
}

fn put(target: &Target, input: &[u8]) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).unwrap_or_else(|panic| {
        let kept = keep(target.name, input);
        println!("{}: \"{}\"\nonce more: {INPUT}={}", target.name, input.escape_ascii(), kept.display());
        resume_unwind(panic)
    })
}

/// Puts an input where it can be read again.
fn keep(name: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(name);
    let file = folder.join("failed");
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input)).expect("the input can be kept");
    file
}
