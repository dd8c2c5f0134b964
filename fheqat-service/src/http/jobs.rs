//! `/v1/jobs`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use fheqat::fhe::EncryptedInput;
use fheqat_client::{
    frames::{self, FrameError},
    wire::{self, Code, State as Stage},
};

use super::{LONGEST_WAIT, Refusal, Shared, auth::Caller, body, path::Named};
use crate::{
    failure::{disk, internal},
    store::{
        NewJob, Request,
        ids::{Client, JobId, Sha256},
    },
};

const JOB: HeaderName = HeaderName::from_static("fheqat-job");
const IDEMPOTENCY: &str = "idempotency-key";
/// Longest `Idempotency-Key`.
const IDEMPOTENCY_LENGTH: usize = 128;

/// Submits encrypted inputs of one model and key.
#[utoipa::path(post, path = "/v1/jobs", operation_id = "submit_job", tag = "jobs", security(("token" = [])), params(
    ("wait" = Option<f64>, Query, description = "Seconds to wait for the result, 0 to 60", minimum = 0, maximum = 60),
    ("Idempotency-Key" = Option<String>, Header, description = "A repeated request with the same key is the same job",
        min_length = 1, max_length = 128, pattern = "^[!-~]+$"),
), request_body(content = Vec<u8>, content_type = "application/octet-stream",
    description = "Inputs, each with its length in front"), responses(
    (status = 200, description = "The results, each with its length in front", body = Vec<u8>,
        content_type = "application/octet-stream", headers(("fheqat-job" = String, description = "The job's id"))),
    (status = 202, description = "The job is on disk and will run", body = wire::Job,
        headers(("fheqat-job" = String, description = "The job's id"))),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn submit(
    Caller(client): Caller,
    State(service): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let wait = wait(query.as_deref())?;
    let (inputs, permit) = body::whole(&service, &headers, body, service.limits.body).await?;
    let request = request(&headers, &inputs)?;
    let checking = Arc::clone(&service);
    let caller = Arc::clone(&client);
    let check = move || {
        let new = check(&checking, caller, inputs, request)?;
        let loaded = checking.models.by_id(new.model).ok_or_else(|| unknown_model(&new.model.to_string()))?;
        checking.models.keep(&loaded).map_err(|error| {
            tracing::error!(%error, "cannot keep a server half");
            Refusal(disk())
        })?;
        Ok::<_, Refusal>(new)
    };
    let new = tokio::task::spawn_blocking(check).await.map_err(|_| internal())??;
    let id = service.store.jobs.submit(new).await?;
    drop(permit);
    answer(&service, &client, id, wait).await
}

/// A job.
#[utoipa::path(get, path = "/v1/jobs/{id}", operation_id = "get_job", tag = "jobs", security(("token" = [])), params(
    ("id" = String, Path, description = "The job's id, 32 lower-case hexadecimal digits"),
    ("wait" = Option<f64>, Query, description = "Seconds to wait for its end, 0 to 60", minimum = 0, maximum = 60),
), responses(
    (status = 200, description = "The job", body = wire::Job),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn get(
    Caller(client): Caller,
    State(service): State<Shared>,
    Named(id): Named<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<wire::Job>, Refusal> {
    let wait = wait(query.as_deref())?;
    let job = service.store.jobs.wait(&client, parse(&id)?, wait).await;
    job.map(Json).ok_or_else(no_such_job)
}

/// The results of a job.
#[utoipa::path(get, path = "/v1/jobs/{id}/result", operation_id = "get_result", tag = "jobs", security(("token" = [])), params(
    ("id" = String, Path, description = "The job's id, 32 lower-case hexadecimal digits"),
    ("wait" = Option<f64>, Query, description = "Seconds to wait for them, 0 to 60", minimum = 0, maximum = 60),
), responses(
    (status = 200, description = "The results, each with its length in front", body = Vec<u8>,
        content_type = "application/octet-stream", headers(("fheqat-job" = String, description = "The job's id"))),
    (status = 202, description = "There are none yet", body = wire::Job,
        headers(("fheqat-job" = String, description = "The job's id"))),
    (status = "default", description = "An error, of the job too", body = wire::Failure),
))]
pub(super) async fn result(
    Caller(client): Caller,
    State(service): State<Shared>,
    Named(id): Named<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    answer(&service, &client, parse(&id)?, wait(query.as_deref())?).await
}

/// Cancels a job, or removes its result.
#[utoipa::path(delete, path = "/v1/jobs/{id}", operation_id = "remove_job", tag = "jobs", security(("token" = [])), params(
    ("id" = String, Path, description = "The job's id, 32 lower-case hexadecimal digits"),
), responses(
    (status = 204, description = "It does not run any more; if it had ended, it is gone"),
    (status = "default", description = "An error", body = wire::Failure),
))]
pub(super) async fn remove(
    Caller(client): Caller,
    State(service): State<Shared>,
    Named(id): Named<String>,
) -> Result<StatusCode, Refusal> {
    let removed = service.store.jobs.remove(&client, parse(&id)?).await;
    removed.ok_or_else(no_such_job)??;
    Ok(StatusCode::NO_CONTENT)
}

/// The result if there is one within the time, otherwise the job.
async fn answer(service: &Shared, client: &Client, id: JobId, wait: Duration) -> Result<Response, Refusal> {
    let job = service.store.jobs.wait(client, id, wait).await.ok_or_else(no_such_job)?;
    let named = [(JOB, job.id.clone())];
    match job.state {
        Stage::Failed { error } => Ok((named, Refusal(error)).into_response()),
        Stage::Done => {
            let bytes = service.store.jobs.result_bytes(client, id).ok_or_else(no_such_job)?;
            let Some(permit) = body::room(service, bytes).await else {
                return Ok((StatusCode::ACCEPTED, named, Json(job)).into_response());
            };
            let result = service.store.jobs.result(client, id).await?.ok_or_else(no_such_job)?;
            let kind = [
                (header::CONTENT_TYPE, super::BINARY.to_owned()),
                (header::CONTENT_LENGTH, result.len().to_string()),
            ];
            Ok((named, kind, body::sent(result, permit)).into_response())
        }
        _ => Ok((StatusCode::ACCEPTED, named, Json(job)).into_response()),
    }
}

/// Reads the inputs, and finds their model and key.
fn check(service: &Shared, client: Client, body: Bytes, request: Option<Request>) -> Result<NewJob, Refusal> {
    let limits = &service.limits;
    let files = frames::split(&body, limits.samples).map_err(|error| {
        let code = if matches!(error, FrameError::TooMany { .. }) { Code::TooLarge } else { Code::Malformed };
        Refusal::new(code, error.to_string())
    })?;
    let samples = files.len();
    let mut first: Option<EncryptedInput> = None;
    for (index, file) in files.into_iter().enumerate() {
        let input = EncryptedInput::from_bytes(file)
            .map_err(|error| Refusal::new(Code::Malformed, format!("item {index}: {error}")))?;
        let first = first.get_or_insert_with(|| input.clone());
        if (first.model(), first.key()) != (input.model(), input.key()) {
            let message =
                format!("item {index} has another model or key than item 0: send them as jobs of their own");
            return Err(Refusal::new(Code::Malformed, message));
        }
    }
    let first = first.ok_or_else(|| Refusal::new(Code::Malformed, FrameError::Empty.to_string()))?;
    let (model, key) = (first.model(), first.key());
    let loaded = service.models.by_id(model).ok_or_else(|| unknown_model(&model.to_string()))?;
    let registered = service.store.keys.find(&client, key).ok_or_else(|| {
        Refusal::new(
            Code::UnknownKey,
            format!("you have registered no key {key}: upload the evaluation keys first"),
        )
    })?;
    if registered.parameters != *loaded.half.parameters() {
        let message = "the key has other parameters than the model: make a key with the model's client half";
        return Err(Refusal::new(Code::OtherParameters, message));
    }
    let result = fheqat::params::Bytes(loaded.result.0 * samples as u64);
    if result.0 > limits.result as u64 {
        let message = format!(
            "the result would have {} bytes, and {} are allowed: send fewer items",
            result.0, limits.result
        );
        return Err(Refusal::new(Code::TooLarge, message));
    }
    let rotations = loaded.wire.rotations;
    Ok(NewJob {
        client,
        model,
        key,
        key_file: registered.file,
        samples,
        rotations,
        result,
        inputs: body,
        request,
    })
}

fn request(headers: &HeaderMap, body: &[u8]) -> Result<Option<Request>, Refusal> {
    let Some(header) = headers.get(IDEMPOTENCY) else { return Ok(None) };
    let key = header.to_str().ok().filter(|key| (1..=IDEMPOTENCY_LENGTH).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let message = format!("an Idempotency-Key has 1 to {IDEMPOTENCY_LENGTH} visible characters of ASCII");
        Refusal::new(Code::BadRequest, message)
    })?;
    Ok(Some(Request { key: key.to_owned(), sha256: Sha256::of(body) }))
}

/// The parameter `wait`.
fn wait(query: Option<&str>) -> Result<Duration, Refusal> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut wait = Duration::ZERO;
    for pair in pairs {
        let seconds = pair.strip_prefix("wait=").and_then(|value| value.parse::<f64>().ok());
        let longest = LONGEST_WAIT.as_secs_f64();
        let seconds = seconds.filter(|seconds| (0.0..=longest).contains(seconds)).ok_or_else(|| {
            Refusal::new(Code::BadRequest, format!("the one parameter is `wait`, 0 to {longest} seconds"))
        })?;
        wait = Duration::from_secs_f64(seconds);
    }
    Ok(wait)
}

fn parse(id: &str) -> Result<JobId, Refusal> {
    id.parse().map_err(|_| no_such_job())
}

fn no_such_job() -> Refusal {
    Refusal::new(Code::NotFound, "you have no such job: it may have expired")
}

fn unknown_model(model: &str) -> Refusal {
    let message =
        format!("the server has no model {model}: fetch the client half again and encrypt with that");
    Refusal::new(Code::UnknownModel, message)
}
