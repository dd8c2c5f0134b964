//! What can go wrong with keys and ciphertexts, and what to do about it.

use thiserror::Error;

use crate::error::InputError;

/// Why a pool of threads could not start.
#[derive(Debug, Error)]
#[error("{threads} threads could not start ({reason}): ask for fewer with `threads`")]
pub struct ThreadError {
    /// How many were asked for; 0 means all cores.
    pub threads: usize,
    /// The operating system's reason.
    pub reason: String,
}

/// A key and a ciphertext, or a key and a circuit, that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// They are of two circuits.
    #[error(
        "the ciphertext belongs to another circuit: encrypt with a key generated for the circuit that runs"
    )]
    Circuit,
    /// They are of two key generations.
    #[error("the ciphertext was made under another key: use the client and server key of one key generation")]
    Key,
    /// A ciphertext of another shape than its key says.
    #[error(
        "the ciphertext has {found} integers where {expected} belong: it was damaged or cut, send it again"
    )]
    Shape {
        /// Integers found.
        found: usize,
        /// Integers expected.
        expected: usize,
    },
}

/// Why a sample cannot be encrypted.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The sample.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Why a ciphertext cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// An empty batch.
    #[error("there are no ciphertexts: give at least one")]
    Empty,
    /// A ciphertext that does not belong to the server key.
    #[error("ciphertext {index}: {mismatch}")]
    Mismatch {
        /// Its index in the batch.
        index: usize,
        /// What differs.
        mismatch: Mismatch,
    },
    /// [`Control::cancel`](super::Control::cancel) stopped the run.
    #[error("the run was cancelled")]
    Cancelled,
    /// Threads that cannot start.
    #[error(transparent)]
    Threads(#[from] ThreadError),
}

/// Why a ciphertext cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// An empty batch.
    #[error("there are no ciphertexts: give at least one")]
    Empty,
    /// A ciphertext that does not belong to the client key.
    #[error("ciphertext {index}: {mismatch}")]
    Mismatch {
        /// Its index in the batch.
        index: usize,
        /// What differs.
        mismatch: Mismatch,
    },
}
