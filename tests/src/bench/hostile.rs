//! What one tenant's objects, as large as the cluster holds them, cost the others: how long theirs take beside them, and the operator's
//! memory.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use moorage_crds::DeviceCredential;
use serde_json::json;

use super::arrivals::Arrivals;
use super::child::Child;
use super::fleet::{self, FLEET};
use super::newcomers;
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
    /// From the start of an operator that finds all of them.
    at_a_start: Sides,
    /// From the first creation, under an operator that has nothing left to do for the others.
    later: Sides,
}

/// Ordinary objects until the last is Ready, alone and beside hostile ones.
#[derive(Debug)]
struct Sides {
    alone: Side,
    beside: Side,
}

/// Ordinary objects until the last is Ready.
#[derive(Debug)]
struct Side {
    wall: Duration,
    peak_kib: u64,
}

impl fmt::Display for Hostility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, at_a_start, later } = self;
        let line = |side: &Side| format!("{:.1} s, {} MiB at most", side.wall.as_secs_f64(), side.peak_kib >> 10);
        for (when, Sides { alone, beside }) in [("found at a start", at_a_start), ("created later", later)] {
            writeln!(f, "{objects} {when}, alone:  {}", line(alone))?;
            writeln!(f, "{objects} {when}, beside {objects} hostile: {}", line(beside))?;
            writeln!(f, "ratio {:.2}", beside.wall.as_secs_f64() / alone.wall.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Measures as many ordinary objects alone, and beside as many hostile ones.
///
/// # Errors
/// If a part does not start, or does not get the ordinary objects Ready in time.
pub(super) async fn measure(objects: usize) -> anyhow::Result<Hostility> {
    let [alone, beside, alone_later, beside_later, hostile] =
        ["alone", "beside", "alone-later", "beside-later", "hostile"].map(|name| format!("{FLEET}{name}"));
    let own = [&alone, &beside, &alone_later, &beside_later, &hostile].map(Clone::clone);
    let namespaces: Vec<_> = std::iter::once(fleet::platform_namespace()).chain(own).collect();
    let harness = Harness::set(owned().await?, "bench", &namespaces, cloud_options()).await?;
    harness.apply(&fleet::platform()?).await?;
    // The platform is Ready before anything is measured.
    fleet::fill(harness.control(), &alone, 1).await?;
    let (child, _) = start_operator(&harness, &[&alone]).await?;
    harness.until_condition("EnrollmentGroup", &fleet::platform_namespace(), fleet::GROUP, "Ready", "Ready").await?;
    child.end().await?;
    harness.kubectl(&["delete", "devcred", "--all", "-n", &alone, "--wait=false"], "").await?;
    let alone = at_a_start(&harness, &alone, &[&alone], objects).await?;
    eprintln!("alone, at a start: {alone:?}");
    let alone_later = later(&harness, &alone_later, &[&alone_later], 0, objects).await?;
    eprintln!("alone, later: {alone_later:?}");
    fill(&harness, &hostile, objects).await?;
    let beside = at_a_start(&harness, &beside, &[&hostile, &beside], objects).await?;
    eprintln!("beside, at a start: {beside:?}");
    let beside_later = later(&harness, &beside_later, &[&hostile, &beside_later], objects, objects).await?;
    eprintln!("beside, later: {beside_later:?}");
    let sides = |alone, beside| Sides { alone, beside };
    Ok(Hostility { objects, at_a_start: sides(alone, beside), later: sides(alone_later, beside_later) })
}

async fn at_a_start(harness: &Harness, namespace: &str, watched: &[&str], objects: usize) -> anyhow::Result<Side> {
    fleet::fill(harness.control(), namespace, objects).await?;
    let arrivals = Arrivals::watch(harness.control().admin(), namespace).await?;
    let (child, _) = start_operator(harness, watched).await?;
    let began = child.started;
    until_all_ready(child, arrivals, began, objects).await
}

async fn later(harness: &Harness, namespace: &str, watched: &[&str], others: usize, objects: usize) -> anyhow::Result<Side> {
    let arrivals = Arrivals::watch(harness.control().admin(), namespace).await?;
    let (child, admin) = start_operator(harness, watched).await?;
    newcomers::until_at_rest(admin, others, deadline(others)).await.with_context(|| child.last_words())?;
    fleet::quiet(harness.control()).await?;
    let began = Instant::now();
    fleet::fill(harness.control(), namespace, objects).await?;
    until_all_ready(child, arrivals, began, objects).await
}

async fn until_all_ready(child: Child, mut arrivals: Arrivals, began: Instant, objects: usize) -> anyhow::Result<Side> {
    let last = arrivals.until((0..objects).map(fleet::device), deadline(objects)).await.with_context(|| child.last_words())?;
    // What is hostile is looked at for a while longer.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let side = Side { wall: last - began, peak_kib: child.peak_memory()? };
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
