//! Runs cases, and makes those that fail smaller.

use std::time::{Duration, Instant};

use moorage_tests::sweep::Log;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::case::Case;
use crate::cloud_view::Sight;
use crate::coverage::Coverage;
use crate::judge::{Wrongs, always, at_rest, standings};
use crate::leaks::leaks;
use crate::setup::begin;
use crate::story::Story;
use crate::{draw, ending, works};

/// How long a case that fails is made smaller.
const SHRINKING: Duration = Duration::from_secs(90);

/// How a case ended.
pub struct Ended {
    pub wrongs: Wrongs,
    pub coverage: Coverage,
    pub log: Log,
}

/// Runs a case in paused time, in this thread.
pub fn run(case: &Case) -> Ended {
    let log = Log::default();
    let _logging = tracing::dispatcher::set_default(&log.dispatch());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    let (wrongs, coverage) = runtime.block_on(live(case, &log));
    Ended { wrongs, coverage, log }
}

async fn live(case: &Case, log: &Log) -> (Wrongs, Coverage) {
    let mut story = begin(case).await;
    let found = Sight::of(&story.world.cloud);
    let mut wrongs = match tell(&mut story, &found, log).await {
        Ok(wrongs) => wrongs,
        Err(restless) => vec![format!("{restless}{}", standings(&story))],
    };
    wrongs.extend(leaks(&story, &log.text()));
    let coverage = Coverage::of(&story);
    (wrongs, coverage)
}

/// Tells a story to its end, or to the first time that something is wrong.
async fn tell(story: &mut Story<'_>, found: &Sight, log: &Log) -> Result<Wrongs, String> {
    macro_rules! unless_wrong {
        ($when:expr, $wrongs:expr) => {
            let wrongs: Wrongs = $wrongs;
            if !wrongs.is_empty() {
                return Ok(wrongs.into_iter().map(|wrong| format!("{}: {wrong}", $when)).collect());
            }
        };
    }
    story.apply_all();
    for step in &story.case.steps {
        log.note(&format!("{step:?}"));
        story.step(step).await.map_err(|restless| format!("{step:?}: {restless}"))?;
        unless_wrong!(format!("after {step:?}"), always(story, found));
    }
    log.note("peace");
    story.world.peace();
    story.world.machines_clock_moves().await;
    story.world.rest().await.map_err(|restless| format!("in peace: {restless}"))?;
    unless_wrong!("in peace", always(story, found));
    unless_wrong!("in peace", at_rest(story));
    log.note("people come to their senses");
    ending::heal(story).await.map_err(|restless| format!("healing: {restless}"))?;
    log.note("a while passes");
    story.world.pass(jiff::SignedDuration::from_mins(35)).await?;
    unless_wrong!("healed", always(story, found));
    unless_wrong!("healed", at_rest(story));
    unless_wrong!("healed", works::works(story).await);
    story.world.rest().await?;
    log.note("quiet");
    unless_wrong!("healed", ending::is_quiet(story).await?);
    log.note("everything is deleted");
    unless_wrong!("left", ending::leave(story, found).await.map_err(|restless| format!("leaving: {restless}"))?);
    unless_wrong!("left", always(story, found));
    Ok(Vec::new())
}

/// The case of a seed, and smaller ones.
fn tree(seed: u64) -> impl ValueTree<Value = Case> {
    let mut bytes = [0_u8; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    draw::case().new_tree(&mut runner).expect("a strategy without filters")
}

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    tree(seed).current()
}

/// A smaller case that fails too, of one that failed.
pub fn smaller(seed: u64) -> (Case, Ended) {
    let mut tree = tree(seed);
    let (mut smallest, mut ended) = (tree.current(), run(&tree.current()));
    let deadline = Instant::now() + SHRINKING;
    let mut more = tree.simplify();
    while more && Instant::now() < deadline {
        let case = tree.current();
        let tried = run(&case);
        if tried.wrongs.is_empty() {
            more = tree.complicate();
        } else {
            (smallest, ended) = (case, tried);
            more = tree.simplify();
        }
    }
    (smallest, ended)
}
