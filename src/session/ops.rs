//! For the operator: `/metrics`, `/health/live`, `/health/ready`.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::listener::Running;
use super::proxy::Proxy;

/// Seconds, from a cached proof on tmpfs to a slow disk.
const BUCKETS: [f64; 13] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Histograms keep every sample until they are drained.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder, once a process.
pub fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets");
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Another recorder in the process means that its owner does the exporting.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("metrics.listen: cannot listen on {address}"))
}

pub async fn upkeep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}

#[derive(Clone)]
struct Ops {
    metrics: PrometheusHandle,
    proxy: Arc<Proxy>,
}

pub async fn serve(listener: TcpListener, metrics: PrometheusHandle, proxy: Arc<Proxy>) {
    let routes = Router::new()
        .route("/metrics", get(render))
        .route("/health/live", get(|| async { "ok\n" }))
        .route("/health/ready", get(ready))
        .with_state(Ops { metrics, proxy });
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%error, "metrics are not served any more");
    }
}

async fn render(State(ops): State<Ops>) -> String {
    for (name, pool) in [("read", &ops.proxy.pool), ("reader", &ops.proxy.readers)] {
        let counts = pool.counts();
        metrics::gauge!("pgwarrant_pool_connections", "pool" => name, "state" => "in_use").set(counts.in_use as f64);
        metrics::gauge!("pgwarrant_pool_connections", "pool" => name, "state" => "idle").set(counts.idle as f64);
        metrics::gauge!("pgwarrant_pool_waiting", "pool" => name).set(counts.waiting as f64);
    }
    metrics::gauge!("pgwarrant_held_bytes").set(ops.proxy.hold.used() as f64);
    metrics::gauge!("pgwarrant_proofs_cached").set(ops.proxy.proofs.count() as f64);
    metrics::gauge!("pgwarrant_ledger_size").set(ops.proxy.ledger.head().size() as f64);
    ops.metrics.render()
}

/// Ready while statements can be recorded and nobody asked for the end.
async fn ready(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    if *ops.proxy.running.borrow() != Running::Serving {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if !ops.proxy.ledger.health().is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the ledger cannot record\n");
    }
    (StatusCode::OK, "ok\n")
}
