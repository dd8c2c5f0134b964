//! Connections: a limited number, and none that takes nothing for long.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

/// Closes connections beyond a number.
#[derive(Clone, Debug)]
pub(crate) struct Limited {
    limit: usize,
    open: Arc<AtomicUsize>,
    idle: Duration,
}

impl Limited {
    /// At most so many connections, which `open` counts. One whose client takes nothing of what is written for `idle` is closed.
    pub(crate) fn new(limit: usize, open: Arc<AtomicUsize>, idle: Duration) -> Self {
        Self { limit, open, idle }
    }
}

impl<S> Accept<TcpStream, S> for Limited {
    type Stream = Connection;
    type Service = S;
    type Future = std::future::Ready<io::Result<(Connection, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let counted = Counted(Arc::clone(&self.open));
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let accept = || {
            if before >= self.limit {
                return Err(io::Error::other("too many connections"));
            }
            stream.set_nodelay(true)?;
            let stalled = Box::pin(sleep(self.idle));
            Ok((Connection { stream, idle: self.idle, stalled, waits: false, _counted: counted }, service))
        };
        std::future::ready(accept())
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that fails when its client takes nothing for too long.
pub(crate) struct Connection {
    stream: TcpStream,
    idle: Duration,
    stalled: Pin<Box<Sleep>>,
    /// The last write did not end at once.
    waits: bool,
    _counted: Counted,
}

impl Connection {
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waits = false;
            return poll;
        }
        if !self.waits {
            self.waits = true;
            let limit = Instant::now() + self.idle;
            self.stalled.as_mut().reset(limit);
        }
        self.stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
