//! What the operator answers by itself: `/livez`, `/readyz` and counts, to everybody; all metrics, to those who may read them.

mod access;
mod authorizer;
pub mod certificate;
mod connections;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::response::{IntoResponse, Response};
use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, http::header, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{access::Access, authorizer::Authorizer, certificate::ServerCertificate};
use crate::{
    cluster::ApiReader,
    controller::{Controller, metrics::Detail, metrics::Metrics, queue::Priority},
};

/// What Prometheus is told that the text is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Brings gauges of what others keep up to date, before they are read.
pub type Sample = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// Where the operator answers.
pub struct Endpoints {
    /// Plain HTTP, to everybody: probes, and metrics that name nothing.
    pub health: TcpListener,
    /// HTTPS: all metrics, to those who may `get` the path `/metrics`. Nowhere if `None`.
    pub metrics: Option<(TcpListener, ServerCertificate)>,
}

/// Answers until `stop`.
///
/// # Errors
/// What a listener says.
pub async fn serve(
    endpoints: Endpoints,
    controller: Arc<Controller>,
    api: ApiReader,
    sample: Sample,
    stop: CancellationToken,
) -> io::Result<()> {
    let Endpoints { health, metrics } = endpoints;
    let source = Source { controller, sample };
    let plain = connections::serve(health, None, health_routes(source.clone()), stop.clone());
    let Some((listener, certificate)) = metrics else { return plain.await };
    let tls = certificate.acceptor().map_err(io::Error::other)?;
    let secured = async {
        tokio::select! {
            ended = connections::serve(listener, Some(tls), metrics_routes(source, Arc::new(Authorizer::new(api))), stop) => ended,
            never = certificate.follow() => match never {},
        }
    };
    tokio::try_join!(plain, secured).map(|_| ())
}

fn health_routes(source: Source) -> Router {
    Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready)).route("/metrics", get(counts)).with_state(source)
}

fn metrics_routes(source: Source, authorizer: Arc<Authorizer>) -> Router {
    Router::new().route("/metrics", get(all_metrics)).with_state((source, authorizer))
}

/// What is told.
#[derive(Clone)]
struct Source {
    controller: Arc<Controller>,
    sample: Sample,
}

impl Source {
    fn text(&self, detail: Detail) -> Response {
        let Controller { metrics, queue, leadership, .. } = &*self.controller;
        (self.sample)(metrics);
        let depths = Priority::ALL.map(|priority| (priority, queue.depth(priority)));
        ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.text(detail, depths, leadership.leads())).into_response()
    }
}

/// Ready once every watch has shown all it has; a replica that does not lead is ready as well.
async fn ready(State(source): State<Source>) -> (StatusCode, &'static str) {
    if source.controller.caches.objects.is_synced() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the caches are not synced yet\n")
    }
}

async fn counts(State(source): State<Source>) -> Response {
    source.text(Detail::Counts)
}

async fn all_metrics(State((source, authorizer)): State<(Source, Arc<Authorizer>)>, headers: HeaderMap) -> Response {
    let access = authorizer.access(&headers, Instant::now()).await;
    let (status, why) = (access.status(), refusal(access));
    match access {
        Access::Allowed => source.text(Detail::Everything),
        Access::Unauthenticated => (status, [(header::WWW_AUTHENTICATE, "Bearer")], why).into_response(),
        Access::Busy | Access::Unknown => (status, [(header::RETRY_AFTER, "1")], why).into_response(),
        Access::Forbidden => (status, why).into_response(),
    }
}

/// What whoever is refused is told: nothing of who they are, and what to do.
fn refusal(access: Access) -> &'static str {
    match access {
        Access::Allowed => "",
        Access::Unauthenticated => "send a bearer token that this cluster's API server accepts\n",
        Access::Forbidden => "the ClusterRole moorage-metrics-reader is not bound to the token's user\n",
        Access::Busy => "too many tokens are being reviewed\n",
        Access::Unknown => "the API server did not review the token\n",
    }
}
