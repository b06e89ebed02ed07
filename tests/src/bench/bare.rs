//! The bare program: the operator's client, watches, requests and bytes, and nothing of what it thinks.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures::TryStreamExt;
use http::header::{ACCEPT, CONTENT_TYPE};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Config, Resource};
use moorage_crds::DeviceCredential;
use moorage_operator::cluster::{FIELD_MANAGER, client};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::child;
use super::fleet::{Blank, Template};

/// What the bare program is told.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) kubeconfig: Kubeconfig,
    pub(super) namespace: String,
    /// How many objects it works on at the same time.
    pub(super) concurrency: usize,
    pub(super) template: Template,
}

/// One who writes.
#[derive(Clone)]
struct Writer {
    client: Client,
    template: Arc<Template>,
    namespace: Arc<str>,
}

/// Writes Secret and status of each object that its watch lists, and watches on until standard input ends.
///
/// # Errors
/// If the orders are not understood, or a write is refused.
pub fn run() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (orders, let_go) = child::orders()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(orders, let_go))
}

async fn serve(orders: Orders, let_go: CancellationToken) -> anyhow::Result<()> {
    let Orders { kubeconfig, namespace, concurrency, template } = orders;
    let client = client::to(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?;
    let (found, objects) = mpsc::unbounded_channel();
    let objects = Arc::new(Mutex::new(objects));
    let writer = Writer { client: client.clone(), template: Arc::new(template), namespace: namespace.as_str().into() };
    let mut tasks = JoinSet::new();
    tasks.spawn(watch_secrets(Api::namespaced(client.clone(), &namespace)));
    tasks.spawn(watch_objects(Api::namespaced(client, &namespace), found));
    for _ in 0..concurrency {
        let (writer, objects) = (writer.clone(), objects.clone());
        tasks.spawn(async move { writer.work(&objects).await });
    }
    let failed = async {
        while let Some(ended) = tasks.join_next().await {
            ended.context("a task of the bare program ended")??;
        }
        std::future::pending::<anyhow::Result<()>>().await
    };
    tokio::select! {
        () = let_go.cancelled() => Ok(()),
        failed = failed => failed,
    }
}

async fn watch_secrets(api: Api<PartialObjectMeta<Secret>>) -> anyhow::Result<()> {
    let events = watcher(api, watcher::Config::default());
    events.try_for_each(|_| async { Ok(()) }).await.context("the watch of Secrets broke off")
}

async fn watch_objects(api: Api<DeserializeGuard<DeviceCredential>>, found: mpsc::UnboundedSender<DeviceCredential>) -> anyhow::Result<()> {
    let events = watcher(api, watcher::Config::default());
    let listed = events.try_for_each(|event| async {
        if let Event::InitApply(DeserializeGuard(Ok(object))) = event {
            // The writers listen for as long as this runs.
            let _ = found.send(object);
        }
        Ok(())
    });
    listed.await.context("the watch of objects broke off")
}

impl Writer {
    async fn work(&self, objects: &Mutex<mpsc::UnboundedReceiver<DeviceCredential>>) -> anyhow::Result<()> {
        loop {
            let next = objects.lock().await.recv().await;
            let Some(object) = next else { return Ok(()) };
            let meta = object.meta();
            let name = meta.name.as_deref().unwrap_or_default();
            self.write(&Blank { namespace: &self.namespace, name, uid: meta.uid.as_deref().unwrap_or_default() }).await?;
        }
    }

    async fn write(&self, object: &Blank<'_>) -> anyhow::Result<()> {
        let secrets = Secret::url_path(&(), Some(&self.namespace));
        let post = http::Request::post(format!("{secrets}?&fieldManager={FIELD_MANAGER}")).header(CONTENT_TYPE, "application/json");
        let version = self.send(post.body(self.template.secret(object).into_bytes())?).await?;

        let credentials = DeviceCredential::url_path(&(), Some(&self.namespace));
        let patch = http::Request::patch(format!("{credentials}/{}/status?&fieldManager={FIELD_MANAGER}", object.name));
        let patch = patch.header(ACCEPT, "application/json").header(CONTENT_TYPE, "application/merge-patch+json");
        self.send(patch.body(self.template.status(object, &version).into_bytes())?).await.map(drop)
    }

    async fn send(&self, request: http::Request<Vec<u8>>) -> anyhow::Result<String> {
        let reply = self.client.send(request.map(Body::from)).await?;
        let status = reply.status();
        let reply = reply.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("the API server refused a write: {status}");
        }
        version_of(&reply)
    }
}

#[derive(Deserialize)]
struct Written {
    metadata: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: String,
}

fn version_of(reply: &Bytes) -> anyhow::Result<String> {
    let written: Written = serde_json::from_slice(reply).ok().context("a reply has no version")?;
    Ok(written.metadata.resource_version)
}
