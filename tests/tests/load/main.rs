//! Tenants that share subscriptions and provisioning services do not notice a noisy or a broken one among them.
//!
//! `MOORAGE_LOAD=full` takes the size that docs/performance.md has the numbers of.

use std::time::Duration;

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::load::{Run, Scale, Trouble, run};

/// How much longer a quiet tenant's object may take beside a noisy tenant and a dead hub: the machine has more to do, too.
const FACTOR: u32 = 3;
/// What may come on top of that.
const MARGIN: Duration = Duration::from_secs(8);

fn tell(what: &str, run: &Run) {
    println!("{what}: {} requests to the cloud, {} refused with 429, {} changes by the noisy tenant", run.requests, run.throttled, run.noise);
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
            let most = before.longest * FACTOR + MARGIN;
            assert!(beside.longest <= most, "{kind}: {:?} with nobody else, {:?} beside the others", before.longest, beside.longest);
        }
        assert_eq!((calm.throttled, storm.throttled), (0, 0), "the cloud never had to refuse a call");
        Ok(())
    })
}
