//! Errors as they go to clients.

use fheqat_client::wire::{Code, Failure};

/// An error that another attempt does not change.
pub(crate) fn failure(code: Code, message: impl Into<String>) -> Failure {
    Failure { code, message: message.into(), retry_after: None }
}

/// An error that may be gone after so many seconds.
pub(crate) fn later(code: Code, message: impl Into<String>, seconds: u32) -> Failure {
    Failure { code, message: message.into(), retry_after: Some(seconds) }
}

/// The server cannot write to its disk, or read it.
pub(crate) fn disk() -> Failure {
    later(Code::Unavailable, "the server cannot use its disk now: try again later", 5)
}

/// A fault of the server; the log has more.
pub(crate) fn internal() -> Failure {
    failure(Code::Internal, "a fault of the server: its log has the reason")
}
