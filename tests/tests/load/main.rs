//! Tenants that share subscriptions and provisioning services do not notice a noisy or a broken one among them.
//!
//! `MOORAGE_LOAD=full` takes the size that docs/performance.md has the numbers of.

use std::time::Duration;

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::load::{Run, Scale, Trouble, run};

/// How much longer half of the quiet tenants' objects may take beside the others, and what may come on top: the machine has more to
/// do, too. Where budgets are not shared fairly, it is more than three times as long.
const HALF: (u32, Duration) = (2, Duration::from_secs(4));
/// The same of the one that takes longest.
const LONGEST: (u32, Duration) = (3, Duration::from_secs(12));

fn most(calm: Duration, (factor, more): (u32, Duration)) -> Duration {
    calm * factor + more
}

fn tell(what: &str, run: &Run) {
    println!(
        "{what}: {} requests to the cloud, {} refused with 429, {} changes by the noisy tenant",
        run.requests, run.throttled, run.noise
    );
    for (kind, spread) in run.waits.by_kind() {
        println!("  {kind}: median {:.2} s, longest {:.2} s", spread.median.as_secs_f64(), spread.longest.as_secs_f64());
    }
}

#[test]
fn quiet_tenants_wait_no_longer_beside_a_noisy_one_and_a_dead_hub() -> anyhow::Result<()> {
    block_on(async {
        let (control, scale) = (shared().await?, Scale::chosen());
        let calm = run(control, scale, Trouble::None).await?;
        tell("calm", &calm);
        let storm = run(control, scale, Trouble::NoisyAndDead).await?;
        tell("storm", &storm);
        assert!(storm.noise > scale.noise, "there was noise");
        for ((kind, before), (_, beside)) in calm.waits.by_kind().zip(storm.waits.by_kind()) {
            assert!(beside.median <= most(before.median, HALF), "{kind}: half took {:?} alone and {:?} now", before.median, beside.median);
            let longest = (before.longest, beside.longest);
            assert!(
                beside.longest <= most(before.longest, LONGEST),
                "{kind}: the longest took {:?} alone and {:?} now",
                longest.0,
                longest.1
            );
        }
        assert_eq!((calm.throttled, storm.throttled), (0, 0), "the cloud never had to refuse a call");
        Ok(())
    })
}
