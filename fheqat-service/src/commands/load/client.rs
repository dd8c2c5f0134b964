//! The requests that a load test measures: one attempt each, where `fheqat_client` would hide the others.

use std::time::{Duration, Instant};

use fheqat::MainError;
use fheqat_client::wire::Failure;
use reqwest::{Method, RequestBuilder, Response, StatusCode};

/// How long a request may take.
const LONGEST: Duration = Duration::from_mins(10);
/// Servers close connections that are idle for longer.
const IDLE: Duration = Duration::from_secs(5);
/// Seconds that a server is asked to wait for a result.
const WAIT: u32 = 60;
/// How long a refused request is tried again.
const PATIENCE: Duration = Duration::from_mins(5);

/// Who asks; clones share connections.
#[derive(Clone)]
pub(super) struct Asker {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// What became of a request.
pub(super) struct Answer {
    pub(super) result: Result<Vec<u8>, String>,
    pub(super) took: Duration,
    /// How often the server said that it has too much to do.
    pub(super) refused: usize,
}

impl Asker {
    pub(super) fn new(url: &str, token: Option<String>, certificates: &[u8]) -> Result<Self, MainError> {
        // Only the first call in a process has an effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = reqwest::Certificate::from_pem_bundle(certificates)?;
        let http = reqwest::Client::builder().timeout(LONGEST).pool_idle_timeout(IDLE);
        let http = if url.starts_with("https:") {
            http.tls_certs_merge(certificates)
        } else {
            http.tls_certs_only([])
        };
        let http = http.build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Submits a job and waits for its result; waits and tries again when the server has too much to do.
    pub(super) async fn predict(&self, body: Vec<u8>) -> Answer {
        let began = Instant::now();
        let mut refused = 0;
        let body = bytes::Bytes::from(body);
        let result = loop {
            match self.attempt(body.clone()).await {
                Err(Refused::Later(seconds)) if began.elapsed() < PATIENCE => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
                }
                Err(Refused::Later(_)) => break Err("the server has too much to do".to_owned()),
                Err(Refused::For(reason)) => break Err(reason),
                Ok(result) => break Ok(result),
            }
        };
        Answer { result, took: began.elapsed(), refused }
    }

    async fn attempt(&self, body: bytes::Bytes) -> Result<Vec<u8>, Refused> {
        let path = format!("/v1/jobs?wait={WAIT}");
        let mut response = self.request(Method::POST, &path).body(body).send().await?;
        while response.status() == StatusCode::ACCEPTED {
            let job = response.headers().get("fheqat-job").and_then(|job| job.to_str().ok());
            let path = format!("/v1/jobs/{}/result?wait={WAIT}", job.unwrap_or_default());
            response = self.request(Method::GET, &path).send().await?;
        }
        let is_busy =
            matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
        match after {
            Some(seconds) if is_busy => Err(Refused::Later(seconds)),
            _ => good(response).await.map_err(Refused::For),
        }
    }
}

/// Why there is no result.
enum Refused {
    Later(u32),
    For(String),
}

impl From<reqwest::Error> for Refused {
    fn from(error: reqwest::Error) -> Self {
        Self::For(error.to_string())
    }
}

/// The body of an answer, or the error in it.
async fn good(response: Response) -> Result<Vec<u8>, String> {
    let status = response.status();
    let body = response.bytes().await.map_err(|error| error.to_string())?;
    if status.is_success() {
        return Ok(body.into());
    }
    let failure = serde_json::from_slice(&body).map(|failure: Failure| failure.message);
    Err(format!("the server answered {status}: {}", failure.unwrap_or_default()))
}
