//! `/v1/workers`.

use axum::{Json, extract::State};
use fheqat_client::wire;

use super::{Refusal, Shared, auth::Caller};

/// The workers on other machines.
#[utoipa::path(get, path = "/v1/workers", operation_id = "list_workers", tag = "health", security(("token" = [])), responses(
    (status = 200, description = "Workers that were heard lately; none where this process runs jobs itself",
        body = wire::Workers),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn list(_: Caller, State(service): State<Shared>) -> Result<Json<wire::Workers>, Refusal> {
    let none = wire::Workers { connected: false, workers: Vec::new() };
    Ok(Json(service.executor.workers().unwrap_or(none)))
}
