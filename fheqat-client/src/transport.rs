//! One request: what is sent, how much of an answer is read, and what its status means.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Certificate, Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::{
    error::Error,
    options::Options,
    retry::{Again, Call, Reason},
    wire::{Code, Failure},
};

/// The header that names a job. An error with it is not that of the request but the end of the job.
const JOB: &str = "fheqat-job";
/// Bytes of an answer in JSON at most.
const LARGEST_JSON: usize = 4 << 20;
/// Bytes of an error at most.
const LARGEST_ERROR: usize = 64 << 10;
/// Bytes a second that a slow network sends.
const SLOW: f64 = 32_000.0;

/// An answer after less time did not wait.
const EARLY: Duration = Duration::from_millis(100);

/// A request that may be made several times.
pub(crate) struct Request {
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    largest: usize,
    waits: bool,
}

/// How long a connection may rest and be used again: less than a service keeps it, by default ten seconds.
const POOL_IDLE: Duration = Duration::from_secs(5);

impl Request {
    pub(crate) const fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Bytes::new(), largest: LARGEST_JSON, waits: false }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    /// The body.
    pub(crate) fn octets(mut self, body: Bytes) -> Self {
        self.body = body;
        self.header("content-type", HeaderValue::from_static("application/octet-stream"))
    }

    /// Bytes of an answer at most.
    pub(crate) const fn largest(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// The server may wait for a result before it answers.
    pub(crate) const fn waits(mut self) -> Self {
        self.waits = true;
        self
    }
}

/// An answer that is no error.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) job: Option<HeaderValue>,
    pub(crate) body: Bytes,
    /// It came long before the time to wait was over.
    pub(crate) is_early: bool,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self, doing: &'static str) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Answer { doing, reason: format!("is not what it should be: {error}") })
    }
}

/// Why there is no answer.
enum Fault {
    Again(Again),
    Last(Error),
}

/// What makes requests.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    token: Option<HeaderValue>,
}

impl Transport {
    pub(crate) fn new(is_encrypted: bool, options: &Options) -> Result<Self, Error> {
        let setup = |error: reqwest::Error| Error::Setup { reason: chain(&error) };
        // An error says that the program has chosen a provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A client never sends what it was given for one address to another.
        let http = reqwest::Client::builder()
            .user_agent(concat!("fheqat-client/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(options.silence)
            .pool_idle_timeout(POOL_IDLE);
        let certificates = Certificate::from_pem_bundle(&options.certificates).map_err(setup)?;
        if certificates.is_empty() && !options.certificates.is_empty() {
            return Err(Error::Setup { reason: "what was given has no certificate in PEM".to_owned() });
        }
        // Without TLS the system's certificates need not be read, nor be there.
        let http =
            if is_encrypted { http.tls_certs_merge(certificates) } else { http.tls_certs_only(certificates) };
        Ok(Self { http: http.build().map_err(setup)?, token: None })
    }

    pub(crate) fn set_token(&mut self, token: &str) -> Result<(), Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(())
    }

    /// Makes a request until it has an answer, or the call gives up.
    pub(crate) async fn send(&self, call: &mut Call, request: &Request) -> Result<Answer, Error> {
        loop {
            if let Some(answer) = self.send_once(call, request).await? {
                return Ok(answer);
            }
        }
    }

    /// Makes a request once. Nothing where it failed for now: then the call has paused.
    pub(crate) async fn send_once(
        &self,
        call: &mut Call,
        request: &Request,
    ) -> Result<Option<Answer>, Error> {
        match self.attempt(call, request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Fault::Last(error)) => Err(error),
            Err(Fault::Again(again)) => call.pause(again).await.map(|()| None),
        }
    }

    async fn attempt(&self, call: &Call, request: &Request) -> Result<Answer, Fault> {
        let left = call.left();
        if left.is_zero() {
            return Err(Fault::Last(call.late()));
        }
        let wait = if request.waits { call.wait() } else { Duration::ZERO };
        let sending = Duration::from_secs_f64(request.body.len() as f64 / SLOW);
        let silence = call.silence();
        let started = tokio::time::Instant::now();
        let head =
            timeout(left.min(silence.saturating_add(wait + sending)), self.build(request, wait).send()).await;
        let response = head
            .map_err(|_| lost("the server did not answer in time"))?
            .map_err(|error| unsent(call, &error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(call, response).await);
        }
        let job = response.headers().get(JOB).cloned();
        let body = read(call, response, request.largest).await?;
        let is_early = started.elapsed() < (wait / 2).max(EARLY);
        Ok(Answer { status, job, body, is_early })
    }

    fn build(&self, request: &Request, wait: Duration) -> RequestBuilder {
        let mut builder = self.http.request(request.method.clone(), request.url.clone());
        if request.waits {
            builder = builder.query(&[("wait", wait.as_millis() as f64 / 1e3)]);
        }
        if let Some(token) = &self.token {
            builder = builder.header(AUTHORIZATION, token.clone());
        }
        for (name, value) in &request.headers {
            builder = builder.header(name.clone(), value.clone());
        }
        // An empty body is a body too: `POST` and `PATCH` have one always.
        if [Method::POST, Method::PATCH].contains(&request.method) {
            builder = builder.body(request.body.clone());
        }
        builder
    }
}

/// A request that did not get through. A certificate will be no better the next time.
fn unsent(call: &Call, error: &reqwest::Error) -> Fault {
    let first: &(dyn std::error::Error + 'static) = error;
    let mut errors = std::iter::successors(Some(first), |error| error.source());
    match errors.find_map(of_tls) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => {
            Fault::Last(Error::Certificate { doing: call.doing(), reason: error.to_string() })
        }
        _ => lost(chain(error)),
    }
}

/// The error of TLS that an error is, or is made of: one of the system may hold another, and `source` leaves out what it holds.
fn of_tls(error: &(dyn std::error::Error + 'static)) -> Option<rustls::Error> {
    let mut inner = error;
    while let Some(held) = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        inner = held;
    }
    inner.downcast_ref().cloned()
}

fn lost(reason: impl Into<String>) -> Fault {
    Fault::Again(Again { reason: Reason::Lost(reason.into()), after: None })
}

/// The bytes of an answer, at most so many, whatever its headers say.
async fn read(call: &Call, mut response: Response, largest: usize) -> Result<Bytes, Fault> {
    let too_large = || {
        let reason = format!("has more than the {largest} bytes that it may have");
        Fault::Last(Error::Answer { doing: call.doing(), reason })
    };
    if response.content_length().is_some_and(|length| length > largest as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        let chunk = timeout(call.left().min(call.silence()), response.chunk()).await;
        let chunk = chunk
            .map_err(|_| lost("the server stopped in the middle of its answer"))?
            .map_err(|error| lost(chain(&error)))?;
        let Some(chunk) = chunk else { return Ok(body.into()) };
        if body.len() + chunk.len() > largest {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}

/// As [`Failure`](crate::wire::Failure), but of a newer service too, which may have other codes.
#[derive(Deserialize)]
struct AnyFailure {
    code: serde_json::Value,
    message: String,
    retry_after: Option<u32>,
}

/// What a server says, for a terminal: it cannot move the cursor or fake lines, and is not long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 2000;
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST).collect()
}

/// What an answer means that is an error.
async fn refused(call: &Call, response: Response) -> Fault {
    let (status, doing) = (response.status(), call.doing());
    if let Some(to) = response.headers().get("location")
        && status.is_redirection()
    {
        let reason = format!("sends to `{}`", shown(&String::from_utf8_lossy(to.as_bytes())));
        return Fault::Last(Error::Answer { doing, reason });
    }
    let job = response.headers().get(JOB).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let seconds = |value: &HeaderValue| value.to_str().ok()?.trim().parse().ok();
    let header: Option<u32> = response.headers().get(RETRY_AFTER).and_then(seconds);
    let body = match read(call, response, LARGEST_ERROR).await {
        Ok(body) => body,
        // What is cut off here is the text of an error, whose status is known.
        Err(_) => Bytes::new(),
    };
    if let Some((id, mut failure)) = job.zip(serde_json::from_slice::<Failure>(&body).ok()) {
        failure.message = shown(&failure.message);
        return Fault::Last(Error::Job { id, failure });
    }
    let failure: Option<AnyFailure> = serde_json::from_slice(&body).ok();
    let code = failure.as_ref().and_then(|failure| serde_json::from_value(failure.code.clone()).ok());
    let after = header.or(failure.as_ref().and_then(|failure| failure.retry_after));
    let message = failure.map_or_else(
        || status.canonical_reason().unwrap_or("an error without words").to_owned(),
        |failure| shown(&failure.message),
    );
    let error = Error::Refused { doing, status: status.as_u16(), code, message };
    if is_for_now(status, code) {
        let after = after.map(|seconds| Duration::from_secs(seconds.into()));
        Fault::Again(Again { reason: Reason::Refused(error), after })
    } else {
        Fault::Last(error)
    }
}

/// Whether the same request may succeed later.
fn is_for_now(status: StatusCode, code: Option<Code>) -> bool {
    match code {
        Some(Code::Timeout | Code::QueueFull | Code::Unavailable | Code::Internal) => true,
        Some(_) => false,
        None => matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504),
    }
}

/// An error and all that it was made of.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}
