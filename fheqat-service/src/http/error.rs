//! Errors as answers.

use std::any::Any;

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fheqat_client::wire::{Code, Failure};

use crate::failure::{failure, internal};

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Failure);

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self(failure(code, message))
    }
}

/// The status of an error. `wire::Code` says it too.
fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Timeout => StatusCode::REQUEST_TIMEOUT,
        Code::WrongOffset
        | Code::UnknownModel
        | Code::UnknownKey
        | Code::OtherParameters
        | Code::KeyExists
        | Code::OtherRequest => StatusCode::CONFLICT,
        Code::Cancelled => StatusCode::GONE,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Malformed | Code::TooLong => StatusCode::UNPROCESSABLE_ENTITY,
        Code::TooManyKeys | Code::QueueFull => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        let status = status(failure.code);
        let retry_after = failure.retry_after;
        let mut response = (status, Json(failure)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

pub(super) async fn no_such_path() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such path: /openapi.json lists them")
}

pub(super) async fn no_such_method(request: Request) -> Refusal {
    let method = request.method();
    Refusal::new(Code::MethodNotAllowed, format!("the path has no method {method}: /openapi.json lists them"))
}

/// A handler panicked.
#[allow(clippy::needless_pass_by_value, reason = "what the layer hands over")]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = text, "a request made the server panic");
    Refusal(internal()).into_response()
}
