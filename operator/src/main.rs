//! The operator's binary: reads the command line and runs until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use moorage_cloud::{Azure, Cloud, EndpointMap, Transport, TransportOptions};
use moorage_operator::{
    cli::{Args, log_filter},
    clock::{Clock, simulated::Follower, skew::ClockCorrection},
    cluster::{ApiReader, client},
    controller::{
        admin::{
            Endpoints,
            certificate::{CertificateFiles, ServerCertificate},
        },
        context::Installation,
        metrics::Metrics,
    },
    run::{Config, Operator},
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

fn main() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok().context("another TLS provider is installed")?;
    let args = Args::parse();
    log(args.log_json)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args))
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let Args {
        installation_id,
        take_over_from,
        namespace,
        namespaces,
        concurrency,
        replica,
        lease_duration: term,
        health_probe_bind_address,
        metrics_bind_address,
        metrics_tls_cert,
        metrics_tls_key,
        cloud_address,
        cloud_ca,
        follow_clock,
        log_json: _,
    } = args;
    let endpoint_map = match cloud_address.zip(cloud_ca) {
        Some((address, ca)) => {
            let ca_pem = std::fs::read_to_string(&ca).with_context(|| format!("failed to read {}", ca.display()))?;
            Some(EndpointMap { address, ca_pem })
        }
        None => None,
    };
    let follower = match (&endpoint_map, follow_clock) {
        (Some(map), true) => Some(Follower::new(format!("operator-{installation_id}"), map)?),
        _ => None,
    };
    let (correction, corrected) = ClockCorrection::new();
    // Whoever follows a simulator's clock has no other time.
    let clock = follower.as_ref().map_or(corrected, |(_, clock)| clock.clone());
    let metrics = Arc::new(Metrics::default());
    let transport = Transport::new(&TransportOptions { endpoint_map, ..TransportOptions::default() })?
        .telling_dates(Arc::new(move |date| correction.heard(date)));
    let azure = Azure::observed(Cloud::public(), transport, in_domain_time(clock.clone()), counted(metrics.clone()));

    let certificate = metrics_certificate(metrics_tls_cert.zip(metrics_tls_key), &namespace).await?;
    let client = client::from_environment().await?;
    let cluster = ApiReader::new(client.clone(), &namespace).cluster_uid().await?;
    let installation = Installation { takes_over_from: take_over_from, ..Installation::new(installation_id, namespace, &cluster) };
    let config = Config { installation, namespaces, concurrency, replica, term, clock, azure, metrics };
    let operator = Operator::new(config, client);
    if let Some((follower, _)) = follower {
        follower.take_time().await?;
        let controller = operator.controller();
        tokio::spawn(follower.run(controller.clock.clone(), move || controller.rest()));
    }
    let (health, metrics) = (bind(health_probe_bind_address).await?, bind(metrics_bind_address).await?);
    tracing::info!(health_probe_address = %health.local_addr()?, metrics_address = %metrics.local_addr()?, "Listening");
    operator.run(Some(Endpoints { health, metrics: Some((metrics, certificate)) }), stop_on_signal()?).await
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))
}

/// The certificate of the metrics' port: the one in the files given, or one for the names of the chart's Service.
async fn metrics_certificate(files: Option<(PathBuf, PathBuf)>, namespace: &str) -> anyhow::Result<ServerCertificate> {
    match files {
        Some((certificate, key)) => ServerCertificate::read(CertificateFiles { certificate, key }).await,
        None => ServerCertificate::self_signed(vec![format!("moorage-metrics.{namespace}.svc"), "localhost".to_owned()]),
    }
    .context("the metrics' port has no certificate")
}

fn in_domain_time(clock: Clock) -> moorage_cloud::Clock {
    Arc::new(move || clock.now())
}

fn counted(metrics: Arc<Metrics>) -> Arc<dyn moorage_cloud::Observer> {
    Arc::new(move |call: &moorage_cloud::CallRecord| metrics.call(call.host, call.operation, call.outcome.as_str()))
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}

fn log(json: bool) -> anyhow::Result<()> {
    let registry = tracing_subscriber::registry().with(log_filter()?);
    if json {
        registry.with(tracing_subscriber::fmt::layer().json()).init();
    } else {
        registry.with(tracing_subscriber::fmt::layer()).init();
    }
    Ok(())
}
