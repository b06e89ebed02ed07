//! What one tenant's objects, as large as the cluster holds them, cost the others: how long theirs take beside them, and the operator's
//! memory.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use moorage_crds::DeviceCredential;
use serde_json::json;

use super::arrivals::Arrivals;
use super::fleet::{self, FLEET};
use super::rounds::{deadline, start_operator};
use crate::controlplane::owned;
use crate::harness::{Harness, cloud_options};

/// How many objects are created at the same time: each holds the API server up for a while.
const CREATORS: usize = 4;
/// Text of a hostile object's twin, in bytes. A thousand objects of the largest size (1.5 MiB) do not fit into etcd's default quota of 2 GiB,
/// which holds several versions of each.
const TWIN: usize = 150_000;
/// Where the numbers of hostile objects begin.
const OTHERS: usize = 5_000_000;
/// One value of the twin, in bytes.
const TEXT: usize = 1000;
/// Text of its annotation, in bytes: below what Kubernetes allows (256 KiB).
const ANNOTATION: usize = 150_000;

/// What was measured.
#[derive(Debug)]
pub struct Hostility {
    objects: usize,
    alone: Side,
    beside: Side,
}

/// Ordinary objects, from the start of the operator until the last is Ready.
#[derive(Debug)]
struct Side {
    wall: Duration,
    peak_kib: u64,
}

impl fmt::Display for Hostility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, alone, beside } = self;
        let line = |side: &Side| format!("{:.1} s, {} MiB at most", side.wall.as_secs_f64(), side.peak_kib >> 10);
        writeln!(f, "{objects} objects alone:  {}", line(alone))?;
        writeln!(f, "{objects} beside {objects} hostile: {}", line(beside))?;
        write!(f, "ratio {:.2}", beside.wall.as_secs_f64() / alone.wall.as_secs_f64())
    }
}

/// Measures as many ordinary objects alone, and beside as many hostile ones.
///
/// # Errors
/// If a part does not start, or does not get the ordinary objects Ready in time.
pub(super) async fn measure(objects: usize) -> anyhow::Result<Hostility> {
    let [alone, beside, hostile] = ["alone", "beside", "hostile"].map(|name| format!("{FLEET}{name}"));
    let namespaces = [fleet::platform_namespace(), alone.clone(), beside.clone(), hostile.clone()];
    let harness = Harness::set(owned().await?, "bench", &namespaces, cloud_options()).await?;
    harness.apply(&fleet::platform()?).await?;
    // The platform is Ready before anything is measured.
    fleet::fill(harness.control(), &alone, 1).await?;
    let (child, _) = start_operator(&harness, &[&alone]).await?;
    harness.until_condition("EnrollmentGroup", &fleet::platform_namespace(), fleet::GROUP, "Ready", "Ready").await?;
    child.end().await?;
    harness.kubectl(&["delete", "devcred", "--all", "-n", &alone, "--wait=false"], "").await?;
    let alone = side(&harness, &alone, &[&alone], objects).await?;
    eprintln!("alone: {alone:?}");
    fill(&harness, &hostile, objects).await?;
    let beside = side(&harness, &beside, &[&hostile, &beside], objects).await?;
    eprintln!("beside: {beside:?}");
    Ok(Hostility { objects, alone, beside })
}

async fn side(harness: &Harness, namespace: &str, watched: &[&str], objects: usize) -> anyhow::Result<Side> {
    fleet::fill(harness.control(), namespace, objects).await?;
    let mut arrivals = Arrivals::watch(harness.control().admin(), namespace).await?;
    let (child, _) = start_operator(harness, watched).await?;
    let last = arrivals.until((0..objects).map(fleet::device), deadline(objects)).await.with_context(|| child.last_words())?;
    // What is hostile is looked at for a while longer.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let side = Side { wall: last - child.started, peak_kib: child.peak_memory()? };
    child.end().await?;
    Ok(side)
}

async fn fill(harness: &Harness, namespace: &str, count: usize) -> anyhow::Result<()> {
    let api: Api<DynamicObject> = Api::namespaced_with(harness.control().admin(), namespace, &ApiResource::erase::<DeviceCredential>(&()));
    let creations = (0..count).map(|number| {
        let api = api.clone();
        async move {
            // Not the ids of the ordinary ones, which would be the first who asks.
            let name = fleet::device(OTHERS + number);
            let created = api.create(&PostParams::default(), &hostile(&name)?).await;
            created.with_context(|| format!("failed to create {namespace}/{name}")).map(drop)
        }
    });
    stream::iter(creations).buffer_unordered(CREATORS).try_collect::<Vec<()>>().await?;
    fleet::quiet(harness.control()).await
}

/// A credential with a large twin, and an annotation. Many small values would take ten times the room, in the API server before all.
fn hostile(name: &str) -> anyhow::Result<DynamicObject> {
    // Not as the types have it, which keep no such twin.
    let mut credential = serde_json::to_value(fleet::cold(name)?)?;
    credential["spec"]["individualEnrollment"] = json!({ "initialTwin": { "tags": { "values": vec!["x".repeat(TEXT); TWIN / TEXT] } } });
    credential["metadata"]["annotations"] = json!({ "example.com/filler": "x".repeat(ANNOTATION) });
    Ok(serde_json::from_value(credential)?)
}
