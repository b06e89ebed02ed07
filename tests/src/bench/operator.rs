//! The operator as a part: what the binary runs, on the machine's clock, with a Lease, logging as it does in a cluster.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use moorage_cloud::{Azure, Cloud, EndpointMap, Transport, TransportOptions};
use moorage_operator::cli::log_filter;
use moorage_operator::clock::Clock;
use moorage_operator::controller::admin::Endpoints;
use moorage_operator::controller::leader_election::Term;
use moorage_operator::controller::metrics::Metrics;
use moorage_operator::run::{self, Operator};
use moorage_operator::{cluster::client, controller::context::Installation};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::child;
use crate::operator::Launch;

/// How many objects the operator works on at the same time, if nobody says otherwise.
const CONCURRENCY: u16 = 32;

/// What the operator is told.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    kubeconfig: Kubeconfig,
    cloud_address: SocketAddr,
    cloud_ca: String,
    installation: String,
    namespace: String,
    namespaces: Vec<String>,
}

impl Orders {
    /// Orders for the operator of a harness, to watch these namespaces.
    pub(super) fn new(launch: Launch, namespaces: Vec<String>) -> Self {
        let Launch { kubeconfig, clouds, installation, .. } = launch;
        let Installation { id, namespace, .. } = installation;
        Self { kubeconfig, cloud_address: clouds.address, cloud_ca: clouds.ca_pem, installation: id, namespace, namespaces }
    }
}

/// Runs the operator until standard input ends; says the address of its admin endpoints first.
///
/// # Errors
/// If the orders are not understood, or the cluster's configuration cannot be used.
pub fn run() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    log()?;
    let (orders, let_go) = child::orders()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(orders, let_go))
}

async fn serve(orders: Orders, stop: CancellationToken) -> anyhow::Result<()> {
    let Orders { kubeconfig, cloud_address, cloud_ca, installation, namespace, namespaces } = orders;
    let cluster = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let clouds = EndpointMap { address: cloud_address, ca_pem: cloud_ca };
    let transport = Transport::new(&TransportOptions { endpoint_map: Some(clouds), ..TransportOptions::default() })?;
    let clock = Clock::system();
    let time = clock.clone();
    let azure = Azure::new(Cloud::public(), transport, Arc::new(move || time.now()));
    let config = run::Config {
        installation: Installation::new(installation, namespace, "here"),
        namespaces,
        concurrency: CONCURRENCY,
        replica: Some("bench".to_owned()),
        term: Term::DEFAULT,
        clock,
        azure,
        metrics: Arc::new(Metrics::default()),
    };
    let operator = Operator::new(config, client::to(cluster)?);
    let health = TcpListener::bind("127.0.0.1:0").await.context("failed to listen on loopback")?;
    println!("{}", health.local_addr()?);
    operator.run(Some(Endpoints { health, metrics: None }), stop).await
}

/// As the binary logs: a line for each action.
fn log() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(log_filter()?).with_writer(std::io::stderr).init();
    Ok(())
}
