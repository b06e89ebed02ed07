//! The model test: thousands of random worlds, each with what users, others, faults and crashes do in it, against the real
//! operator, a small API server and the simulator, all in one thread and in paused time.
//!
//! `MOORAGE_WORLDS=20000` runs more of them, `MOORAGE_SEED=17` begins elsewhere, `MOORAGE_CASE='{…}'` runs one that was printed.

mod acts;
mod authorities;
mod case;
mod certificate;
mod cloud_view;
mod coverage;
mod credential;
mod deprovisioned;
mod devices;
mod draw;
mod ending;
mod judge;
mod leaks;
mod links;
mod mending;
mod objects;
mod outside_changes;
mod remains;
mod search;
mod setup;
mod story;
mod works;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coverage::Coverage;
use moorage_crds::KindName;

/// Worlds of a run, if nobody says otherwise.
const WORLDS: u64 = 80;

/// No world of a run that nobody asked for begins later than this.
const BUDGET: Duration = Duration::from_secs(170);

/// How many worlds lie between two lines that tell how far a run is.
const TOLD: u64 = 250;

/// What a run exercises, or it has shown nothing: all that comes a few times in so many worlds, and not what comes now and then.
const EXERCISED: [&str; 26] = [
    "made in the cloud",
    "cloud fault LostBefore",
    "cloud fault LostAfter",
    "cloud fault Status",
    "cloud fault Throttle",
    "cloud fault Truncated",
    "cluster fault LostBefore",
    "cluster fault LostAfter",
    "cluster fault Status",
    "step Restart",
    "event DeleteHub",
    "event DeleteEnrollmentGroup",
    "event AssignRole",
    "event DeleteRole",
    "event CreateEnrollment",
    "event CreateIdentity",
    "event Disenroll",
    "event Deprovision",
    "Ready without a service",
    "Ready and linked by identity",
    "Ready with authorities of the cluster",
    "Ready with authorities of the service",
    "Ready in a hub",
    "Ready with keys of its own",
    "Ready with a certificate",
    "Ready with a login to its hub",
];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_happens_in_a_world_it_ends_well() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Ok(text) = std::env::var("MOORAGE_CASE") {
        let case = serde_json::from_str(&text).expect("a case as it is printed");
        let ended = search::run(&case);
        assert!(ended.wrongs.is_empty(), "{}\n{}", ended.log.text(), ended.wrongs.join("\n"));
        return;
    }
    let (first, worlds) = (number("MOORAGE_SEED", 1), number("MOORAGE_WORLDS", WORLDS));
    let (asked_for, began) = (std::env::var_os("MOORAGE_WORLDS").is_some(), Instant::now());
    let next = AtomicU64::new(first);
    let (failed, coverage) = (Mutex::new(Vec::new()), Mutex::new(Coverage::default()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + worlds || (!asked_for && began.elapsed() > BUDGET) || failed.lock().expect("no panic").len() >= 3 {
                        return;
                    }
                    let done = seed - first;
                    if done > 0 && done.is_multiple_of(TOLD) {
                        println!("{done} worlds in {:.0?}", began.elapsed());
                    }
                    let ended = search::run(&search::case(seed));
                    coverage.lock().expect("no panic").join(&ended.coverage);
                    if !ended.wrongs.is_empty() {
                        println!("seed {seed}: {}", ended.wrongs.join("\n"));
                        if worlds == 1 {
                            println!("{}", ended.log.text());
                        }
                        failed.lock().expect("no panic").push(seed);
                    }
                }
            });
        }
    });
    let coverage = coverage.into_inner().expect("no panic");
    println!(
        "{}{} worlds in {:.1?}; never told: {:?}",
        coverage.table(),
        coverage.count("worlds"),
        began.elapsed(),
        coverage.unseen_reasons()
    );
    let failed = failed.into_inner().expect("no panic");
    if let Some(seed) = failed.first() {
        let (case, ended) = search::smaller(*seed);
        let text = serde_json::to_string(&case).expect("a case prints");
        panic!("seed {seed} fails; made smaller:\n{}\n=== {}\nMOORAGE_CASE='{text}'", ended.log.text(), ended.wrongs.join("\n"));
    }
    if worlds >= WORLDS {
        let kinds = KindName::ALL.iter().map(|kind| format!("kind {kind}"));
        let exercised = EXERCISED.iter().map(|what| (*what).to_owned()).chain(kinds);
        let idle: Vec<_> = exercised.filter(|what| coverage.count(what) == 0).collect();
        assert!(idle.is_empty(), "no world has exercised {idle:?}");
    }
}
