//! `/openapi.json`: the interface as `OpenAPI` 3.1, from the handlers.

use axum::{Json, extract::State};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{Shared, health, jobs, keys, models, status, workers};

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

/// The document. Of a server without tokens it asks for none.
pub(super) async fn document(State(service): State<Shared>) -> Json<utoipa::openapi::OpenApi> {
    let mut document = Document::openapi();
    if service.tokens.is_none() {
        let items = document.paths.paths.values_mut();
        let operations =
            items.flat_map(|item| [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete]);
        operations.flatten().for_each(|operation| operation.security = None);
        if let Some(components) = &mut document.components {
            components.security_schemes.clear();
        }
    }
    Json(document)
}
