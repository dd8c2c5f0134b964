//! Waits for the network, while other threads of Python go on and Ctrl-C is heard.

use std::{
    process,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use fheqat_client::Error as ClientError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::errors::{of_client, other};

/// The threads that wait, of the process with this id: after a fork the child has none of them.
static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);

fn runtime() -> PyResult<&'static Runtime> {
    let mut known = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    match *known {
        Some((process, runtime)) if process == process::id() => Ok(runtime),
        _ => {
            let runtime =
                Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(other)?;
            let runtime: &'static Runtime = Box::leak(Box::new(runtime));
            *known = Some((process::id(), runtime));
            Ok(runtime)
        }
    }
}

/// The result of a future. An exception of a signal ends it, and what it has the service do.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    future: impl Future<Output = Result<T, ClientError>> + Send + 'static,
) -> PyResult<T> {
    const BETWEEN_SIGNALS: Duration = Duration::from_millis(50);
    let (send, mut receive) = mpsc::channel();
    let task = runtime()?.spawn(async move {
        // Nobody receives after a signal.
        let _ = send.send(future.await);
    });
    loop {
        let received;
        (receive, received) = py.detach(move || {
            let received = receive.recv_timeout(BETWEEN_SIGNALS);
            (receive, received)
        });
        match received {
            Ok(result) => return result.map_err(|error| of_client(py, &error)),
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals().inspect_err(|_| task.abort())?;
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(other("the call broke off by a fault of fheqat: standard error has more"));
            }
        }
    }
}
