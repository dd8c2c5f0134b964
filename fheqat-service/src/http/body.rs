//! Bodies, within limits of size and time.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use fheqat_client::wire::Code;
use futures_util::StreamExt;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{Refusal, Service};
use crate::failure::later;

/// Kilobytes of bodies of jobs that are held in memory at once.
pub(crate) const BODIES: usize = 64 * 1024;
/// Kilobytes of results that are held in memory while clients read them.
pub(crate) const ANSWERS: usize = 32 * 1024;
/// Bytes of a result that are handed to a connection at a time.
const PIECE: usize = 64 * 1024;
/// How long a body may take, times the limit for a client that sends nothing.
const WHOLE: u32 = 30;

/// Reads a body in pieces.
pub(super) struct Pieces {
    stream: axum::body::BodyDataStream,
    idle: Duration,
    deadline: Instant,
}

impl Pieces {
    pub(super) fn new(body: Body, idle: Duration) -> Self {
        Self { stream: body.into_data_stream(), idle, deadline: Instant::now() + idle * WHOLE }
    }

    /// The next piece, none at the end.
    ///
    /// # Errors
    /// `timeout` when it does not come in time, `bad_request` when the body breaks off.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let limit = self.deadline.min(Instant::now() + self.idle);
        match timeout_at(limit, self.stream.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(_))) => Err(Refusal::new(Code::BadRequest, "the body broke off: send it again")),
            Err(_) => Err(Refusal::new(
                Code::Timeout,
                format!("no byte of the body came for {} seconds: send it faster", self.idle.as_secs()),
            )),
        }
    }
}

/// A result with its share of the memory for results, which ends when the last byte of it is handed to the system.
struct Held {
    result: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.result
    }
}

/// A share of the memory for results; none if so much is being sent for as long as a client may be idle.
pub(super) async fn room(service: &Service, bytes: u64) -> Option<OwnedSemaphorePermit> {
    let kilobytes = bytes.div_ceil(1024).min(ANSWERS as u64) as u32;
    let permit = std::sync::Arc::clone(&service.answers).acquire_many_owned(kilobytes);
    tokio::time::timeout(service.limits.idle, permit).await.ok()?.ok()
}

/// A result as a body, in pieces: no connection copies all of it.
pub(super) fn sent(result: Bytes, permit: OwnedSemaphorePermit) -> Body {
    let held = Bytes::from_owner(Held { result, _permit: permit });
    let pieces = (0..held.len()).step_by(PIECE).map(move |start| {
        let end = held.len().min(start + PIECE);
        Ok::<_, std::convert::Infallible>(held.slice(start..end))
    });
    Body::from_stream(futures_util::stream::iter(pieces))
}

/// A whole body, and its share of the memory for bodies.
pub(super) async fn whole(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
    let too_large =
        || Refusal::new(Code::TooLarge, format!("the body has more than {limit} bytes: send it in parts"));
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let most = length.unwrap_or(limit);
    if most > limit {
        return Err(too_large());
    }
    let kilobytes = most.div_ceil(1024).min(BODIES) as u32;
    let permit = std::sync::Arc::clone(&service.bodies).acquire_many_owned(kilobytes);
    let permit = tokio::time::timeout(service.limits.idle, permit).await;
    let permit = permit
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Refusal(later(Code::QueueFull, "too many requests are being read: try again", 2)))?;
    let mut pieces = Pieces::new(body, service.limits.idle);
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await? {
        if whole.len() + piece.len() > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok((whole.freeze(), permit))
}
