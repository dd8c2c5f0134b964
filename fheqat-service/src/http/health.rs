//! Whether the server lives and works.

use std::sync::atomic::Ordering;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{Refusal, Service, Shared};
use crate::{
    failure::{disk, internal, later},
    metrics::Levels,
};
use fheqat_client::wire::{self, Code, Failure};

/// The process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "alive", tag = "health", responses(
    (status = 200, description = "The process lives", body = String, content_type = "text/plain"),
))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The server accepts jobs.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "health", responses(
    (status = 200, description = "The server accepts jobs", body = String, content_type = "text/plain"),
    (status = 503, description = "The server stops, or cannot use its disk", body = wire::Failure),
))]
pub(super) async fn ready(State(service): State<Shared>) -> Result<String, Refusal> {
    service.check_ready()?;
    Ok(match service.executor.workers() {
        Some(workers) if !workers.connected => "ready, without NATS: jobs wait on disk\n".to_owned(),
        Some(workers) => format!("ready, with {} workers\n", workers.workers.len()),
        None => "ready\n".to_owned(),
    })
}

impl Service {
    /// Whether it accepts jobs, or why not.
    pub(super) fn check_ready(&self) -> Result<(), Failure> {
        if self.store.jobs.stops() {
            return Err(later(Code::Unavailable, "the server stops: try again later", 5));
        }
        if self.store.records.are_usable() { Ok(()) } else { Err(disk()) }
    }
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", responses(
    (status = 200, description = "Metrics", body = String, content_type = "application/openmetrics-text"),
))]
pub(super) async fn metrics(State(service): State<Shared>) -> Result<Response, Refusal> {
    let cache = service.engine.cache_use();
    let levels = Levels {
        waiting: service.store.jobs.waiting(),
        jobs: service.store.jobs.kept(),
        keys: service.store.keys.count(),
        expanded: cache.keys,
        expanded_bytes: cache.bytes,
        connections: service.connections.load(Ordering::Relaxed),
        disk: service.store.records.are_usable(),
    };
    let workers = service.executor.workers();
    let text = service.metrics.text(levels, workers.as_ref()).map_err(|_| internal())?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
