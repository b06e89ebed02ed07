//! The whole sweep on the in-memory API server: one world in each thread, in paused time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use moorage_tests::sweep::{Cell, Ended, Log, Run, Server, Sweep, Tenant, Trouble, cells_of, run};

use crate::Asked;
use crate::report::tell;

/// What the sweep in memory has shown.
pub struct Swept {
    /// The tenants' runs without trouble.
    pub recordings: [Ended; 2],
    pub cells: Vec<Cell>,
    pub took: Duration,
}

/// Sweeps, once for all tests of the process.
pub fn in_memory() -> anyhow::Result<&'static Swept> {
    static SWEPT: OnceLock<Result<Swept, String>> = OnceLock::new();
    let swept = SWEPT.get_or_init(|| sweep(&Asked::from_env()).map_err(|error| format!("{error:#}")));
    swept.as_ref().map_err(|error| anyhow!("{error}"))
}

fn sweep(asked: &Asked) -> anyhow::Result<Swept> {
    // Refused if the process has installed a provider already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let began = Instant::now();
    let recordings = [record(Tenant::Keys)?, record(Tenant::Certificates)?];
    println!("both tenants recorded in memory in {:.1?}", began.elapsed());
    let [keys, mut certificates] = [&recordings[0], &recordings[1]].map(Sweep::of);
    certificates.without(&keys.counts);
    let began = Instant::now();
    let of = |sweep: &Sweep| -> Vec<_> { asked.groups(sweep, &asked.in_memory).into_iter().map(|group| (sweep.clone(), group)).collect() };
    let groups = [of(&keys), of(&certificates)].concat();
    println!("{} runs in memory", groups.len());
    let cells = sharded(&groups);
    Ok(Swept { recordings, cells, took: began.elapsed() })
}

fn record(tenant: Tenant) -> anyhow::Result<Ended> {
    let log = Log::default();
    let recording =
        Run { server: Server::Memory, tenant, name: format!("recording-{tenant}"), troubles: Vec::new(), expected: None, log: log.clone() };
    in_paused_time(&log, run(recording)).map_err(|error| error.context(log.text()))
}

/// As many threads as there are cores take the next run each.
fn sharded(groups: &[(Sweep, Vec<Trouble>)]) -> Vec<Cell> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((sweep, group)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let log = Log::default();
                    let cells = in_paused_time(&log, cells_of(Server::Memory, sweep, "memory", group.clone(), &log));
                    for cell in &cells {
                        tell("in memory", cell);
                    }
                    done.lock().expect("no panic").extend(cells);
                }
            });
        }
    });
    done.into_inner().expect("no panic")
}

fn in_paused_time<T>(log: &Log, future: impl Future<Output = T>) -> T {
    let _logging = tracing::dispatcher::set_default(&log.dispatch());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(future)
}
