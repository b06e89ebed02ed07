use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Crowd;
use crate::harness::Harness;

/// Time between two things that the noisy tenant does: as many a second as the budget of its provisioning service has calls.
const PACE: Duration = Duration::from_millis(75);

/// A tenant that makes, changes and deletes objects all the time.
pub(super) struct Noise {
    stop: CancellationToken,
    done: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Noise {
    /// Begins, with as many guests as there may be.
    pub(super) async fn begin(harness: &Harness, crowd: &Crowd) -> anyhow::Result<Self> {
        let namespace = crowd.namespace(Crowd::NOISY);
        let devices = harness.objects("DeviceCredential", &namespace);
        let guests = crowd.guests(Crowd::NOISY, crowd.scale.noise);
        for guest in &guests {
            create(&devices, guest).await?;
        }
        let hubs = harness.objects("TenantHubGroup", &namespace);
        let (stop, done) = (CancellationToken::new(), Arc::new(AtomicUsize::new(guests.len())));
        let coming = come_and_go(devices, guests, done.clone());
        let changing = change_weights(hubs, done.clone());
        let until_stopped = stop.clone();
        let first = tokio::spawn(async move { until_stopped.run_until_cancelled_owned(coming).await.unwrap_or(Ok(())) });
        let until_stopped = stop.clone();
        let second = tokio::spawn(async move { until_stopped.run_until_cancelled_owned(changing).await.unwrap_or(Ok(())) });
        Ok(Self { stop, done, tasks: vec![first, second] })
    }

    /// Ends it, and says how much was done.
    pub(super) async fn end(self) -> anyhow::Result<usize> {
        self.stop.cancel();
        for task in self.tasks {
            task.await?.context("the noisy tenant was stopped by something else")?;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}

async fn create(devices: &Api<DynamicObject>, guest: &Value) -> anyhow::Result<()> {
    match devices.create(&PostParams::default(), &serde_json::from_value(guest.clone())?).await {
        // It is still on its way out.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => Ok(created.map(drop)?),
    }
}

/// Devices are deleted, which disenrolls them, and come back, which lets them in again.
async fn come_and_go(devices: Api<DynamicObject>, guests: Vec<Value>, done: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let mut pace = tokio::time::interval(PACE);
    loop {
        for guest in &guests {
            pace.tick().await;
            let name = guest["metadata"]["name"].as_str().unwrap_or_default();
            match devices.delete(name, &DeleteParams::default()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => create(&devices, guest).await?,
                Err(error) => return Err(error.into()),
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The weight of the hub changes, and with it the link in the provisioning service.
async fn change_weights(hubs: Api<DynamicObject>, done: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let names: Vec<_> = hubs.list(&kube::api::ListParams::default()).await?.into_iter().filter_map(|group| group.metadata.name).collect();
    let mut pace = tokio::time::interval(PACE);
    for weight in (1..=100).cycle() {
        for name in &names {
            pace.tick().await;
            let change = json!([{ "op": "add", "path": "/spec/hubs/0/link", "value": { "allocationWeight": weight } }]);
            let change: Patch<Value> = Patch::Json(serde_json::from_value(change)?);
            hubs.patch(name, &PatchParams::default(), &change).await?;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
