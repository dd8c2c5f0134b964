//! Who asks.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use fheqat_client::wire::Code;

use super::{Refusal, Service};
use crate::store::ids::{Client, OPEN};

/// The client of a request.
pub(super) struct Caller(pub(super) Client);

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Refusal> {
        let Some(tokens) = &service.tokens else { return Ok(Self(OPEN.into())) };
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let refusal = || {
            Refusal::new(
                Code::Unauthorized,
                "send a token that this server knows: `Authorization: Bearer TOKEN`",
            )
        };
        token.and_then(|token| tokens.client(token)).map(Self).ok_or_else(refusal)
    }
}
