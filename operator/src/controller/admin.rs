//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::controller::{Controller, metrics::Metrics, queue::Priority};

/// Brings gauges of what others keep up to date, before they are read.
pub type Sample = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// Answers until `stop`.
///
/// # Errors
/// What the listener says.
pub async fn serve(listener: TcpListener, controller: Arc<Controller>, sample: Sample, stop: CancellationToken) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state((controller, sample));
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Ready once every watch has shown all it has; a replica that does not lead is ready as well.
async fn ready(State((controller, _)): State<(Arc<Controller>, Sample)>) -> (StatusCode, &'static str) {
    if controller.caches.objects.is_synced() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the caches are not synced yet\n")
    }
}

async fn metrics(State((controller, sample)): State<(Arc<Controller>, Sample)>) -> String {
    let Controller { metrics, queue, leadership, .. } = &*controller;
    sample(metrics);
    metrics.text(Priority::ALL.map(|priority| (priority, queue.depth(priority))), leadership.leads())
}
