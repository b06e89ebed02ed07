//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::controller::{context::Env, queue::Lane};

/// Answers until `stop`.
///
/// # Errors
/// What the listener says.
pub async fn serve(listener: TcpListener, env: Arc<Env>, stop: CancellationToken) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(env);
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Ready once every watch has shown all it has; a replica that does not lead is ready as well.
async fn ready(State(env): State<Arc<Env>>) -> (StatusCode, &'static str) {
    if env.stores.complete() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "the watches are still being filled\n") }
}

async fn metrics(State(env): State<Arc<Env>>) -> String {
    let azure = env.clouds.azure();
    env.metrics.clouds(azure.headroom(), azure.not_answering().len());
    env.metrics.text(Lane::ALL.map(|lane| (lane, env.queue.depth(lane))), env.leadership.leads())
}
