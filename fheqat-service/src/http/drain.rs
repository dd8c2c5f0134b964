//! What is left of a body when its request was answered early. A connection that is closed while a client still sends makes the client
//! lose the answer, so some of what comes is read and dropped.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream},
    extract::Request,
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

/// The most that is read and dropped.
const MOST: usize = 16 << 20;
const LONGEST: Duration = Duration::from_secs(10);
/// A client that sends nothing for so long is not waited for.
const PAUSE: Duration = Duration::from_millis(500);

/// Lets handlers leave bodies unread.
pub(super) async fn drain(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::from_stream(Drained(Some(body.into_data_stream()))))).await
}

/// A body until it ends.
struct Drained(Option<BodyDataStream>);

impl Stream for Drained {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(None) };
        let poll = stream.poll_next_unpin(context);
        if matches!(poll, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        poll
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let Some(mut stream) = self.0.take() else { return };
        let rest = async move {
            let mut read = 0;
            while let Ok(Some(Ok(piece))) = timeout(PAUSE, stream.next()).await {
                read += piece.len();
                if read > MOST {
                    return;
                }
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(LONGEST, rest));
        }
    }
}
