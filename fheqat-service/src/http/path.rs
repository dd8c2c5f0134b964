//! What a path names.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use fheqat_client::wire::Code;
use serde::de::DeserializeOwned;

use super::Refusal;

/// The parts of a path, with an error like all others.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(error) => Err(Refusal::new(Code::BadRequest, format!("the path cannot be read: {error}"))),
        }
    }
}
