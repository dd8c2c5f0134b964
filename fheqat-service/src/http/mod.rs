//! The HTTP interface; docs/service.md lists the requests.

mod auth;
mod body;
mod connection;
mod drain;
mod error;
mod health;
mod jobs;
mod keys;
mod models;
mod openapi;
mod page;
mod path;
mod status;
mod workers;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use body::{ANSWERS, BODIES};
pub(crate) use connection::Limited;
pub(crate) use error::Refusal;

use crate::{
    config::Limits, engine::Engine, execute::Executor, metrics::Metrics, models::Models, store::Store,
    tokens::Tokens,
};

/// What requests need.
pub(crate) struct Service {
    pub(crate) started: Instant,
    pub(crate) store: Store,
    pub(crate) models: Arc<Models>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) metrics: Arc<Metrics>,
    /// None where everybody may ask.
    pub(crate) tokens: Option<Arc<Tokens>>,
    pub(crate) limits: Limits,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Kilobytes of bodies that are held in memory.
    pub(crate) bodies: Arc<tokio::sync::Semaphore>,
    /// Kilobytes of results that are being sent.
    pub(crate) answers: Arc<tokio::sync::Semaphore>,
}

type Shared = Arc<Service>;

/// Every route.
pub(crate) fn router(service: Shared) -> Router {
    let v1 = Router::new()
        .route("/v1/status", get(status::status))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{name}/{version}/client", get(models::client_half))
        .route("/v1/workers", get(workers::list))
        .route("/v1/keys", get(keys::list))
        .route("/v1/keys/{sha256}", get(keys::get).patch(keys::append).delete(keys::remove))
        .route("/v1/jobs", axum::routing::post(jobs::submit))
        .route("/v1/jobs/{id}", get(jobs::get).delete(jobs::remove))
        .route("/v1/jobs/{id}/result", get(jobs::result));
    Router::new()
        .merge(v1)
        .route("/", get(page::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(middleware::from_fn(drain::drain))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&service), observe))
        .with_state(service)
}

/// Counts a request, and writes a line of the log. Neither tokens nor bodies are in it.
async fn observe(State(service): State<Shared>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let method = known(request.method());
    let response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    service.metrics.answered(method, &route, status, took);
    let milliseconds = took.as_secs_f64() * 1e3;
    if status >= 500 {
        tracing::warn!(method, route, status, milliseconds, "request");
    } else {
        tracing::debug!(method, route, status, milliseconds, "request");
    }
    response
}

/// Clients may invent methods; metrics have those that there are.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The content type of files of fheqat.
const BINARY: &str = "application/octet-stream";

/// Seconds that a request may wait for a job's end.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
