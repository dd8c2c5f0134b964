//! `/v1/models`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use fheqat_client::wire::{self, Code};

use super::{Refusal, Shared, auth::Caller, path::Named};

/// All models and versions, and those that cannot be used.
#[utoipa::path(get, path = "/v1/models", operation_id = "list_models", tag = "models", security(("token" = [])), responses(
    (status = 200, description = "All models", body = wire::Models),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn list(_: Caller, State(service): State<Shared>) -> Json<wire::Models> {
    Json(service.models.list())
}

/// The client half of a version of a model.
#[utoipa::path(get, path = "/v1/models/{name}/{version}/client", operation_id = "get_client_half", tag = "models", security(("token" = [])), params(
    ("name" = String, Path, description = "The model's folder"),
    ("version" = String, Path, description = "A number from 1, or `latest`"),
    ("If-None-Match" = Option<String>, Header, description = "The ETag of a half that the client has"),
), responses(
    (status = 200, description = "The client half", body = Vec<u8>, content_type = "application/octet-stream",
        headers(("etag" = String, description = "Its SHA-256, in quotation marks"))),
    (status = 304, description = "The client has this half"),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn client_half(
    _: Caller,
    State(service): State<Shared>,
    Named((name, version)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let number = match &*version {
        "latest" => Some(None),
        digits if digits.starts_with(|first: char| first.is_ascii_digit() && first != '0') => {
            digits.parse().ok().map(Some)
        }
        _ => None,
    };
    let loaded = number.and_then(|number| service.models.get(&name, number));
    let loaded = loaded.ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            format!("there is no model `{name}` of version {version}: /v1/models lists them"),
        )
    })?;
    let etag = format!("\"{}\"", loaded.sha256);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known =
        known.is_some_and(|known| known.split(',').any(|known| [&*etag, "*"].contains(&known.trim())));
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let headers = [(header::ETAG, etag), (header::CONTENT_TYPE, super::BINARY.to_owned())];
    Ok((headers, loaded.client.clone()).into_response())
}
