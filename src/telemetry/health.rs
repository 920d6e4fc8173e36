//! The listener for machines that watch: `/metrics`, `/live`, `/ready`.
//!
//! Liveness never depends on a quorum: a node without one must not be restarted for it.
//! Readiness means that the node answers devices now.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::Metrics;

/// Says whether the node answers devices now.
pub type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Clone)]
struct Watched {
    metrics: Arc<Metrics>,
    ready: Ready,
}

/// Serves until `stop` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    ready: Ready,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics_text))
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(readiness))
        .with_state(Watched { metrics, ready });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

async fn metrics_text(State(watched): State<Watched>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], watched.metrics.render())
}

async fn readiness(State(watched): State<Watched>) -> (StatusCode, &'static str) {
    if (watched.ready)() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: not in sync, or no quorum\n",
        )
    }
}
