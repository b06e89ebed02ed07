//! Many tenants behind a few subscriptions, one of them noisy, one of their hubs dead: how long the others wait.

mod crowd;
mod noise;
mod waits;

use std::time::Duration;

use anyhow::Context as _;
use kube::ResourceExt;
use moorage_simulator::{Fault, Match, Occurrence, Options, Rule, Subscription};

use crate::controlplane::ControlPlane;
use crate::harness::{Harness, TENANT, cloud_options};

pub use crowd::{Crowd, Scale};
pub use waits::{Spread, Waits};

use noise::Noise;

/// How long a run waits for everybody to be Ready.
const DEADLINE: Duration = Duration::from_mins(15);

/// What is wrong while the quiet tenants arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// One tenant makes, changes and deletes objects all the time, and the hub of another hangs in the resource manager.
    NoisyAndDead,
}

/// What one run showed.
pub struct Run {
    /// How long each quiet tenant's object took to become Ready.
    pub waits: Waits,
    /// Requests that the cloud refused with 429.
    pub throttled: usize,
    /// Requests to the cloud.
    pub requests: usize,
    /// Objects that the noisy tenant made, changed or deleted.
    pub noise: usize,
}

/// Lets the quiet tenants arrive, in trouble or without.
///
/// # Errors
/// If somebody does not become Ready in time.
pub async fn run(control: &'static ControlPlane, scale: Scale, trouble: Trouble) -> anyhow::Result<Run> {
    let name = if trouble == Trouble::None { "calm" } else { "storm" };
    let crowd = Crowd::new(scale, name)?;
    let harness = Harness::set(control, &format!("load-{name}"), &crowd.namespaces(), cloud(&crowd)).await?;
    let operator = harness.operator().await?;
    let mut watching = waits::watch(&harness.control().admin(), name);
    harness.apply(&crowd.platform()).await?;
    for tenant in [Crowd::NOISY, Crowd::DEAD] {
        harness.apply(&crowd.tenant(tenant)).await?;
        watching.until_ready(&crowd.tenant(tenant), DEADLINE).await?;
    }
    let noise = match trouble {
        Trouble::None => None,
        Trouble::NoisyAndDead => {
            let hub = Match { path: Some(format!("IotHubs/{}", Crowd::hub(Crowd::DEAD))), ..Match::default() };
            let hangs = Rule { matching: hub, occurrence: Occurrence::Every, fault: Fault::Slow(120_000) };
            harness.cloud().faults().add(hangs).context("the dead hub's fault")?;
            wake(&harness, &crowd).await?;
            Some(Noise::begin(&harness, &crowd).await?)
        }
    };
    let quiet = crowd.quiet();
    harness.apply(&quiet).await?;
    let waits = watching.until_ready(&quiet, DEADLINE).await?;
    let noise = match noise {
        Some(noise) => noise.end().await?,
        None => 0,
    };
    anyhow::ensure!(harness.cloud().violations().is_empty(), "{:?}", harness.cloud().violations());
    let requests = harness.cloud().requests();
    let throttled = requests.iter().filter(|request| request.status == Some(429)).count();
    operator.kill();
    Ok(Run { waits, throttled, requests: requests.len(), noise })
}

/// A cloud with a subscription for each group of tenants, at the documented limits.
fn cloud(crowd: &Crowd) -> Options {
    let subscription = |number| Subscription { id: Crowd::subscription(number), tenant: TENANT.to_owned() };
    Options { subscriptions: (0..crowd.scale.subscriptions).map(subscription).collect(), ..cloud_options() }
}

/// Has the operator look at the dead hub, as it does from time to time.
async fn wake(harness: &Harness, crowd: &Crowd) -> anyhow::Result<()> {
    let namespace = crowd.namespace(Crowd::DEAD);
    let groups = harness.objects("TenantHubGroup", &namespace).list(&kube::api::ListParams::default()).await?;
    for group in groups {
        let asked = "moorage.dev/sync-requested-at=now";
        harness.kubectl(&["annotate", "--overwrite", "TenantHubGroup", &group.name_any(), "-n", &namespace, asked], "").await?;
    }
    Ok(())
}
