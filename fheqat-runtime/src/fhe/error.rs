//! What can go wrong with keys and ciphertexts, and what to do about it.

use thiserror::Error;

use super::advice::Change;
use crate::{
    error::InputError,
    params::{Log2Probability, search::Infeasible, workload::GraphError},
};

/// Why a circuit has no encrypted form.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No parameters keep the promises.
    #[error("{reason}{}", listed(.changes))]
    Infeasible {
        /// Which promise is the hardest to keep.
        reason: Infeasible,
        /// Of each option that would help the least change that does; a network like this one, trained so, has parameters.
        changes: Vec<Change>,
    },
    /// The circuit breaks its own rules.
    #[error("the circuit is malformed: {0}")]
    Malformed(#[from] GraphError),
    /// A codec that does not fit the graph.
    #[error(
        "the circuit's codec gives {levels} levels and its graph takes {inputs}: lower the network again"
    )]
    Codec {
        /// Levels that the codec gives for a sample.
        levels: usize,
        /// Inputs of the graph.
        inputs: usize,
    },
    /// An option out of range.
    #[error("`p_fail` is {found}, but must be from 2^-256 to 2^-1: ask for a probability such as 2^-40")]
    Probability {
        /// The value.
        found: Log2Probability,
    },
}

fn listed(changes: &[Change]) -> String {
    let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
    if changes.is_empty() { String::new() } else { format!("; what would do: {}", changes.join(", or ")) }
}

/// Why a pool of threads could not start.
#[derive(Debug, Error)]
#[error("{threads} threads could not start ({reason}): ask for fewer with `threads`")]
pub struct ThreadError {
    /// How many.
    pub threads: usize,
    /// The operating system's reason.
    pub reason: String,
}

/// A key and a ciphertext, or a key and a circuit, that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// Of two circuits.
    #[error(
        "the ciphertext belongs to another circuit: encrypt with a key generated for the circuit that runs"
    )]
    Circuit,
    /// Of two key generations.
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
    /// Ciphertext and server key.
    #[error("ciphertext {index}: {mismatch}")]
    Mismatch {
        /// Its index in the batch.
        index: usize,
        /// What differs.
        mismatch: Mismatch,
    },
    /// Somebody stopped it.
    #[error("the run was cancelled")]
    Cancelled,
    /// No threads.
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
    /// Ciphertext and client key.
    #[error("ciphertext {index}: {mismatch}")]
    Mismatch {
        /// Its index in the batch.
        index: usize,
        /// What differs.
        mismatch: Mismatch,
    },
}
