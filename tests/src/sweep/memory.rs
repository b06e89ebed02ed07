//! The in-memory API server and the simulator as a place of runs: trouble comes between the operator and its clients.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use kube::Client;
use kube::client::Body;
use moorage_cloud::{Interceptor, Interruption, Response as CloudResponse, Transport};
use moorage_operator::controller::context::Installation;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::judge::{Judge, Side};
use super::log::Log;
use super::passage::{Later, Passage, carry_out};
use crate::apiserver::{ApiServer, Reply};
use crate::harness::cloud_options;
use crate::test_env::TestEnv;
use crate::world::{Reach, Setup, World};

/// How long the answer to a write is on its way, in tokio's time.
const ON_ITS_WAY: Duration = Duration::from_millis(1);

/// A world, and who starts another operator in it when one was killed.
pub(super) struct Memory {
    pub world: Arc<World>,
    pub env: TestEnv,
    watch: Option<AbortHandle>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.watch.iter().for_each(AbortHandle::abort);
    }
}

impl Memory {
    /// A world for a run, before anything happens in it and without an operator.
    ///
    /// # Errors
    /// The cloud does not start.
    pub async fn new(name: &str, namespaces: &[String], judge: Arc<Judge>) -> anyhow::Result<Self> {
        let mut cloud = cloud_options();
        // Devices poll in tokio's time, in which the domain stands still.
        cloud.latency.assignment = SignedDuration::ZERO;
        let setup = Setup {
            cloud,
            installation: Installation::new(name.to_owned(), format!("moorage-{name}"), "here"),
            watched: namespaces.to_vec(),
            namespaces: Vec::new(),
            reach: reach(judge),
        };
        let world = Arc::new(World::new(setup).await?);
        let env = TestEnv::new(world.cluster.admin(), world.cloud.clone(), name, namespaces);
        Ok(Self { world, env, watch: None })
    }

    /// Starts the first operator, and from then on another one for each that dies.
    pub fn start(&mut self, judge: Arc<Judge>, deaths: mpsc::UnboundedReceiver<()>, log: Log) {
        self.world.restart();
        self.watch = Some(tokio::spawn(replace(self.world.clone(), judge, deaths, log)).abort_handle());
    }
}

async fn replace(world: Arc<World>, judge: Arc<Judge>, mut deaths: mpsc::UnboundedReceiver<()>, log: Log) {
    while deaths.recv().await.is_some() {
        world.kill();
        log.note("the operator was killed; another one starts");
        judge.revive();
        world.restart();
    }
}

/// By clients that ask the judge first.
fn reach(judge: Arc<Judge>) -> Reach {
    Box::new(move |cluster, transport| {
        let (server, of_cluster) = (cluster.clone(), judge.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, judge) = (server.clone(), of_cluster.clone());
            async move { to_cluster(server, &judge, request).await }
        });
        (Client::new(service, "default"), transport.intercepted(Arc::new(ToCloud(judge.clone()))))
    })
}

async fn to_cluster(server: ApiServer, judge: &Judge, request: Request<Body>) -> anyhow::Result<Response<Reply>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let verdict = judge.judge(Side::Cluster, parts.method.as_str(), parts.uri.path(), &body);
    carry_out(judge, verdict, Side::Cluster, ClusterPassage { server, parts, body }).await
}

struct ClusterPassage {
    server: ApiServer,
    parts: Parts,
    body: Bytes,
}

impl Passage for ClusterPassage {
    type Answer = Response<Reply>;
    type Error = anyhow::Error;

    async fn pass(&self) -> anyhow::Result<Response<Reply>> {
        let request = Request::from_parts(self.parts.clone(), Body::from(self.body.to_vec()));
        let answer = self.server.serve(request).await?;
        if self.parts.method != Method::GET {
            // Watches mostly show a write before its answer is there, as on the real API server.
            tokio::time::sleep(ON_ITS_WAY).await;
        }
        Ok(answer)
    }

    async fn whole(&self) -> anyhow::Result<()> {
        self.pass().await.map(drop)
    }

    fn status(answer: &Self::Answer) -> u16 {
        answer.status().as_u16()
    }

    fn lost(why: &'static str) -> anyhow::Error {
        std::io::Error::new(std::io::ErrorKind::ConnectionReset, why).into()
    }

    fn later(self) -> (Bytes, Later) {
        (self.body.clone(), async move { Ok(self.pass().await?.status()) }.boxed())
    }
}

struct ToCloud(Arc<Judge>);

#[async_trait]
impl Interceptor for ToCloud {
    async fn send(&self, transport: &Transport, request: reqwest::Request) -> Result<CloudResponse, Interruption> {
        let bytes = request.body().and_then(reqwest::Body::as_bytes).map(Bytes::copy_from_slice);
        let body = bytes.unwrap_or_default();
        let verdict = self.0.judge(Side::Cloud, request.method().as_str(), request.url().path(), &body);
        carry_out(&self.0, verdict, Side::Cloud, CloudPassage { transport: transport.clone(), request, body }).await
    }
}

struct CloudPassage {
    transport: Transport,
    request: reqwest::Request,
    body: Bytes,
}

impl Passage for CloudPassage {
    type Answer = CloudResponse;
    type Error = Interruption;

    async fn pass(&self) -> Result<CloudResponse, Interruption> {
        self.transport.send(self.request.try_clone().expect("its body is no stream")).await
    }

    async fn whole(&self) -> Result<(), Interruption> {
        self.pass().await.map(drop)
    }

    fn status(answer: &Self::Answer) -> u16 {
        answer.status
    }

    fn lost(why: &'static str) -> Interruption {
        Interruption::Broken(why.to_owned())
    }

    fn later(self) -> (Bytes, Later) {
        let body = self.body.clone();
        let serve = async move {
            let answer = self.pass().await?;
            StatusCode::from_u16(answer.status).context("an answer has a status")
        };
        (body, serve.boxed())
    }
}
