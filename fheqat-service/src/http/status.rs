//! `/v1/status`: what the page shows.

use std::time::Instant;

use axum::{Json, extract::State};
use fheqat_client::wire;

use super::{Shared, auth::Caller};
use crate::metrics::process_memory;

/// Models, queue, workers and what ran in the last five minutes. Nothing in it is of one client.
#[utoipa::path(get, path = "/v1/status", operation_id = "get_status", tag = "health", security(("token" = [])), responses(
    (status = 200, description = "What the server does", body = wire::Status),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn status(_: Caller, State(service): State<Shared>) -> Json<wire::Status> {
    let now = Instant::now();
    let (activity, of_models) = service.metrics.activity.lately(now);
    let wire::Models { models, broken } = service.models.list();
    let with_activity = |model: wire::Model| {
        let (samples, seconds) = of_models.get(&model.name).copied().unwrap_or_default();
        let seconds = (samples > 0).then(|| seconds / samples as f64);
        let report = service.models.report(&model.name, model.version);
        wire::ModelStatus { model, samples, seconds, report }
    };
    let jobs = &service.store.jobs;
    let expanded = service.engine.cache_use();
    Json(wire::Status {
        fheqat: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: now.saturating_duration_since(service.started).as_secs(),
        ready: service.check_ready().is_ok(),
        models: models.into_iter().map(with_activity).collect(),
        broken,
        waiting: jobs.waiting(),
        keys: service.store.keys.count(),
        memory: process_memory(),
        activity,
        expanded: expanded.keys,
        expanded_memory: expanded.bytes,
        workers: service.executor.workers(),
    })
}
