//! The operator, run in this process on a runtime of its own, so that it can be stopped, or killed between any two instructions.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use moorage_cloud::{Azure, Cloud, DateListener, EndpointMap, Transport, TransportOptions};
use moorage_operator::{
    clock::{Clock, simulated::Follower},
    cluster::client,
    controller::{Controller, context::Installation, leader_election::Term, metrics::Metrics},
    run::{self, Operator},
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;

/// How an operator is started in a test.
#[derive(Clone)]
pub struct Launch {
    /// As whom it calls the API server.
    pub kubeconfig: Kubeconfig,
    /// Where the clouds are.
    pub clouds: EndpointMap,
    /// Who it is.
    pub installation: Installation,
    /// Namespaces that it watches.
    pub namespaces: Vec<String>,
    /// Name in the Lease; no Lease if `None`.
    pub replica: Option<String>,
    /// The time by which it lives; the simulator's if `None`.
    pub clock: Option<Clock>,
    /// Who is told what time the clouds say it is.
    pub dates: Option<DateListener>,
}

/// An operator that runs.
pub struct Running {
    runtime: Option<Runtime>,
    stop: CancellationToken,
    ended: Option<JoinHandle<anyhow::Result<()>>>,
    controller: Arc<Controller>,
}

impl Running {
    /// Starts an operator; it follows the simulator's clock.
    ///
    /// # Errors
    /// If the cluster or the simulator cannot be reached.
    pub async fn start(launch: Launch) -> anyhow::Result<Self> {
        log_if_asked();
        let runtime = builder().build()?;
        Self::start_on(runtime, launch).await
    }

    /// The same, with what it logs going elsewhere.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub async fn start_logging(launch: Launch, log: Dispatch) -> anyhow::Result<Self> {
        // For as long as the thread lives.
        let runtime = builder().on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&log))).build()?;
        Self::start_on(runtime, launch).await
    }

    async fn start_on(runtime: Runtime, launch: Launch) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let starting = runtime.spawn(begin(launch, stop.clone()));
        let (controller, running) = starting.await.context("the operator did not start")??;
        Ok(Self { runtime: Some(runtime), stop, ended: Some(running), controller })
    }

    /// What it works with.
    pub fn controller(&self) -> &Arc<Controller> {
        &self.controller
    }

    /// Tells it to stop and waits until it has.
    ///
    /// # Errors
    /// If it does not within its time.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let ended = self.ended.take().context("it was stopped already")?;
        tokio::time::timeout(Duration::from_secs(40), ended).await.context("the operator did not stop")??
    }

    /// Ends it between two instructions, as a power cut would.
    pub fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().thread_name("operator");
    builder
}

async fn begin(launch: Launch, stop: CancellationToken) -> anyhow::Result<(Arc<Controller>, JoinHandle<anyhow::Result<()>>)> {
    let Launch { kubeconfig, clouds, installation, namespaces, replica, clock, dates } = launch;
    let config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.context("failed to read the kubeconfig")?;
    let client = client::to(config)?;
    let name = format!("{}-{}", installation.id, replica.as_deref().unwrap_or("only"));
    let (clock, follower) = if let Some(clock) = clock {
        (clock, None)
    } else {
        let (follower, clock) = Follower::new(name, &clouds)?;
        follower.take_time().await?;
        (clock, Some(follower))
    };
    let metrics = Arc::new(Metrics::default());
    let transport = Transport::new(&TransportOptions { endpoint_map: Some(clouds), ..TransportOptions::default() })?;
    let transport = match dates {
        Some(dates) => transport.telling_dates(dates),
        None => transport,
    };
    let told = metrics.clone();
    let observer = Arc::new(move |call: &moorage_cloud::CallRecord| told.call(call.host, call.operation, call.outcome.as_str()));
    let time = clock.clone();
    let azure = Azure::observed(Cloud::public(), transport, Arc::new(move || time.now()), observer);
    let config = run::Config { installation, namespaces, concurrency: 32, replica, term: Term::DEFAULT, clock, azure, metrics };
    let operator = Operator::new(config, client);
    let controller = operator.controller();
    if let Some(follower) = follower {
        let engine = controller.clone();
        tokio::spawn(follower.run(controller.clock.clone(), move || engine.rest()));
    }
    Ok((controller, tokio::spawn(operator.run(None, stop))))
}

/// What the operator logs is shown if `RUST_LOG` asks for it.
fn log_if_asked() {
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        // A second operator in the process finds it set.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    }
}
