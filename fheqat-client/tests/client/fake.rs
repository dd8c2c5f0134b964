//! A service that keeps everything in memory, runs jobs at once, and has faults on demand.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use fheqat::prelude::*;
use fheqat_client::{
    frames,
    wire::{Code, Failure, Job, Key, Models, State as Stage},
};
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "a token";

/// What happens to one request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is answered so, and nothing else is done.
    Answer(u16, Option<u32>, Option<Failure>),
    /// What it asks for is done, and the answer breaks off.
    LoseAnswer,
    /// So many bytes of each upload are left, and the answer breaks off, as when a service is killed.
    Forget(usize),
    /// It is answered with these bytes.
    Lie(Vec<u8>),
    /// It is answered that the job has failed.
    FailJob(Failure),
    /// It is never answered.
    Hang,
    /// It is answered with a redirection.
    Redirect(String),
}

/// The service, and what a test sees of it.
#[derive(Default)]
pub(crate) struct Fake {
    /// Faults of requests to come, by the start of `METHOD /path`.
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    /// Requests, `METHOD /path`.
    pub(crate) requests: Mutex<Vec<String>>,
    /// Uploads and keys: length of the whole, and the bytes that are there.
    pub(crate) keys: Mutex<HashMap<String, (u64, Vec<u8>)>>,
    /// Bytes of chunks that came.
    pub(crate) received: Mutex<usize>,
    /// Jobs, with their results.
    pub(crate) jobs: Mutex<HashMap<String, Vec<u8>>>,
    /// Jobs by their idempotency keys.
    repeated: Mutex<HashMap<String, String>>,
    /// How often a result has to be asked for.
    polls: Mutex<HashMap<String, u32>>,
    /// Polls before a job is done.
    slowness: u32,
    /// Samples of a job at most.
    samples: usize,
    half: Vec<u8>,
    server: Option<ServerHalf>,
}

type Shared = State<Arc<Fake>>;

impl Fake {
    pub(crate) fn new() -> Self {
        let server = ServerHalf::from_bytes(&crate::read("flat.server")).unwrap();
        Self { samples: 64, half: crate::read("flat.client"), server: Some(server), ..Self::default() }
    }

    /// A job is done when it was asked for more often.
    pub(crate) fn slow(self, polls: u32) -> Self {
        Self { slowness: polls, ..self }
    }

    pub(crate) fn with_jobs_of(self, samples: usize) -> Self {
        Self { samples, ..self }
    }

    /// Starts it, and gives its address.
    pub(crate) async fn start(self) -> (Arc<Self>, SocketAddr) {
        let fake = Arc::new(self);
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/models/{name}/{version}/client", get(client_half))
            .route("/v1/keys/{sha256}", get(key).patch(append))
            .route("/v1/jobs", post(submit))
            .route("/v1/jobs/{id}", get(job).delete(cancel))
            .route("/v1/jobs/{id}/result", get(result))
            .layer(middleware::from_fn_with_state(Arc::clone(&fake), disturb))
            .with_state(Arc::clone(&fake));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (fake, address)
    }

    pub(crate) fn fail(&self, request: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push_back((request, fault));
    }

    pub(crate) fn recover(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// How many requests there were that start so.
    pub(crate) fn count(&self, request: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|made| made.starts_with(request)).count()
    }

    fn fault(&self, request: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let index = faults.iter().position(|(of, _)| request.starts_with(of))?;
        faults.remove(index).map(|(_, fault)| fault)
    }

    fn key(&self, sha256: &str) -> Option<Key> {
        let keys = self.keys.lock().unwrap();
        let (length, bytes) = keys.get(sha256)?;
        let is_whole = bytes.len() as u64 == *length;
        let id = is_whole.then(|| EvaluationKeys::from_bytes(bytes).unwrap().id().to_string());
        Some(Key { sha256: sha256.to_owned(), length: *length, offset: bytes.len() as u64, key: id })
    }

    fn evaluation(&self, of: &EncryptedInput) -> Option<EvaluationKeys> {
        let keys = self.keys.lock().unwrap();
        let mut whole = keys.values().filter(|(length, bytes)| bytes.len() as u64 == *length);
        whole.find_map(|(_, bytes)| {
            EvaluationKeys::from_bytes(bytes).ok().filter(|keys| keys.id() == of.key())
        })
    }
}

pub(crate) fn failure(code: Code) -> Failure {
    Failure { code, message: "words".to_owned(), retry_after: None }
}

fn refuse(status: u16, code: Code) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(failure(code))).into_response()
}

async fn disturb(State(fake): Shared, request: Request, next: Next) -> Response {
    let made = format!("{} {}", request.method(), request.uri().path());
    fake.requests.lock().unwrap().push(made.clone());
    if request.headers()["authorization"] != format!("Bearer {TOKEN}") {
        return refuse(401, Code::Unauthorized);
    }
    match fake.fault(&made) {
        None => next.run(request).await,
        Some(Fault::Answer(status, after, failure)) => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = match failure {
                Some(failure) => (status, Json(failure)).into_response(),
                None => (status, "<html>").into_response(),
            };
            if let Some(after) = after {
                response.headers_mut().insert(RETRY_AFTER, after.into());
            }
            response
        }
        Some(Fault::LoseAnswer) => broken_off(next.run(request).await),
        Some(Fault::Forget(left)) => {
            let response = next.run(request).await;
            fake.keys.lock().unwrap().values_mut().for_each(|(_, bytes)| bytes.truncate(left));
            broken_off(response)
        }
        Some(Fault::Lie(bytes)) => bytes.into_response(),
        Some(Fault::FailJob(failure)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [("fheqat-job", "a0")], Json(failure)).into_response()
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
    }
}

fn broken_off(response: Response) -> Response {
    let pieces = [Ok(Bytes::from_static(b"x")), Err(io::Error::other("lost"))];
    Response::from_parts(response.into_parts().0, Body::from_stream(stream::iter(pieces)))
}

async fn models() -> Json<Models> {
    Json(Models { models: Vec::new(), broken: Vec::new() })
}

async fn client_half(State(fake): Shared, Path((name, version)): Path<(String, String)>) -> Response {
    match (name.as_str(), version.as_str()) {
        ("flat", "latest" | "1") => fake.half.clone().into_response(),
        _ => refuse(404, Code::NotFound),
    }
}

async fn key(State(fake): Shared, Path(sha256): Path<String>) -> Response {
    fake.key(&sha256).map_or_else(|| refuse(404, Code::NotFound), |key| Json(key).into_response())
}

async fn append(State(fake): Shared, Path(sha256): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let number = |name: &str| headers[name].to_str().unwrap().parse::<u64>().unwrap();
    let (length, offset) = (number("upload-length"), number("upload-offset"));
    let there = fake.key(&sha256).map_or(0, |key| key.offset);
    if there != offset {
        return refuse(409, Code::WrongOffset);
    }
    let mut body = body.into_data_stream();
    while let Some(Ok(bytes)) = body.next().await {
        *fake.received.lock().unwrap() += bytes.len();
        let mut keys = fake.keys.lock().unwrap();
        keys.entry(sha256.clone()).or_insert((length, Vec::new())).1.extend_from_slice(&bytes);
    }
    let mut keys = fake.keys.lock().unwrap();
    let bytes = &keys.entry(sha256.clone()).or_insert((length, Vec::new())).1;
    let found = Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let is_whole = bytes.len() as u64 == length;
    if is_whole && found != sha256 {
        keys.remove(&sha256);
        return refuse(422, Code::Malformed);
    }
    drop(keys);
    let status = if is_whole { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(fake.key(&sha256))).into_response()
}

async fn submit(State(fake): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let once = headers["idempotency-key"].to_str().unwrap().to_owned();
    let known = fake.repeated.lock().unwrap().get(&once).cloned();
    if let Some(id) = known {
        return answer(&fake, &id);
    }
    let Ok(files) = frames::split(&body, fake.samples) else { return refuse(413, Code::TooLarge) };
    let inputs: Vec<_> = files.iter().map(|file| EncryptedInput::from_bytes(file).unwrap()).collect();
    let Some(keys) = fake.evaluation(&inputs[0]) else { return refuse(409, Code::UnknownKey) };
    let server = Server::new(fake.server.clone().unwrap(), ServerKey::from(keys), None).unwrap();
    let results: Vec<_> = server.run_batch(&inputs).unwrap().iter().map(EncryptedOutput::to_bytes).collect();
    let id = format!("{:032x}", fake.jobs.lock().unwrap().len() + 0xa0);
    fake.jobs.lock().unwrap().insert(id.clone(), frames::join(&results));
    fake.repeated.lock().unwrap().insert(once, id.clone());
    answer(&fake, &id)
}

async fn result(State(fake): Shared, Path(id): Path<String>) -> Response {
    answer(&fake, &id)
}

async fn job(State(fake): Shared, Path(id): Path<String>) -> Response {
    let known = fake.jobs.lock().unwrap().contains_key(&id);
    if known { Json(described(id, Stage::Done)).into_response() } else { refuse(404, Code::NotFound) }
}

async fn cancel(State(fake): Shared, Path(id): Path<String>) -> StatusCode {
    fake.jobs.lock().unwrap().remove(&id);
    StatusCode::NO_CONTENT
}

fn described(id: String, state: Stage) -> Job {
    Job { id, model: String::new(), key: String::new(), samples: 1, state }
}

fn answer(fake: &Fake, id: &str) -> Response {
    let mut polls = fake.polls.lock().unwrap();
    let asked = polls.entry(id.to_owned()).or_default();
    *asked += 1;
    let Some(result) = fake.jobs.lock().unwrap().get(id).cloned() else { return refuse(404, Code::NotFound) };
    if *asked <= fake.slowness {
        return (StatusCode::ACCEPTED, Json(described(id.to_owned(), Stage::Queued))).into_response();
    }
    ([("fheqat-job", id.to_owned())], result).into_response()
}
