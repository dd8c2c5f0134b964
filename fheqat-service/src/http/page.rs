//! The page at `/`.

use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};

use super::Shared;

/// A page about the server.
pub(super) async fn page(State(service): State<Shared>) -> Response {
    let waiting = service.store.jobs.waiting();
    let expanded = service.engine.cache_use().keys;
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>fheqat</title>\
         <h1>fheqat</h1><p>{waiting} jobs wait or run, {expanded} keys are expanded.</p>\
         <p><a href=\"/openapi.json\">Requests</a>, <a href=\"/metrics\">metrics</a></p></html>"
    ))
    .into_response()
}
