//! `/openapi.json`: the interface as `OpenAPI` 3.1, from the handlers.

use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{health, jobs, keys, models, status, workers};

#[derive(OpenApi)]
#[openapi(
    info(title = "fheqat", description = "Encrypted predictions over HTTP"),
    paths(
        status::status,
        models::list,
        models::client_half,
        keys::list,
        keys::get,
        keys::append,
        keys::remove,
        jobs::submit,
        jobs::get,
        jobs::result,
        jobs::remove,
        workers::list,
        health::alive,
        health::ready,
        health::metrics,
    ),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
