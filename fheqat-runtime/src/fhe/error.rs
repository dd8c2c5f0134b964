//! What can go wrong with keys and ciphertexts.

use std::num::NonZeroUsize;

use thiserror::Error;

use super::ids::{KeyId, ModelId};
use crate::{
    error::InputError,
    params::{Decomposition, Parameters},
};

/// Why a pool of threads could not start.
#[derive(Debug, Error)]
#[error("{} could not start ({reason}): ask for fewer, or allow this process more threads and memory", in_words(*.threads))]
pub struct ThreadError {
    /// How many were asked for; `None` means one a core.
    pub threads: Option<NonZeroUsize>,
    /// The operating system's reason.
    pub reason: String,
}

fn in_words(threads: Option<NonZeroUsize>) -> String {
    match threads.map(NonZeroUsize::get) {
        None => "one thread for each core".to_owned(),
        Some(1) => "1 thread".to_owned(),
        Some(threads) => format!("{threads} threads"),
    }
}

/// A model, keys or ciphertexts that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// Keys and a model with different parameters.
    #[error(
        "the keys are for models with {}, and this one has {}: make keys with the client half of this model, or compile it for these keys with `CompileOptions::parameters`", shapes(.keys), shapes(.model)
    )]
    Parameters {
        /// The keys' parameters.
        keys: Box<Parameters>,
        /// The model's parameters.
        model: Box<Parameters>,
    },
    /// A ciphertext of another model.
    #[error(
        "the ciphertext belongs to model {found}, and this is {expected}: use the client and the server half of one compilation"
    )]
    Model {
        /// The ciphertext's.
        found: ModelId,
        /// The one at hand.
        expected: ModelId,
    },
    /// A ciphertext under another key.
    #[error(
        "the ciphertext was made under key {found}, and this is {expected}: use the client key and the evaluation keys of one key generation"
    )]
    Key {
        /// The ciphertext's.
        found: KeyId,
        /// The one at hand.
        expected: KeyId,
    },
    /// A ciphertext of another length than its model's plan says.
    #[error("the ciphertext has {found} bytes where {expected} belong: it was damaged or cut, send it again")]
    Shape {
        /// How many bytes its numbers have.
        found: usize,
        /// How many the plan says.
        expected: usize,
    },
}

impl Mismatch {
    pub(crate) fn check_parameters(keys: &Parameters, model: &Parameters) -> Result<(), Self> {
        if keys == model {
            return Ok(());
        }
        Err(Self::Parameters { keys: Box::new(*keys), model: Box::new(*model) })
    }

    pub(crate) fn check_ids(
        (model, key): (ModelId, KeyId),
        (expected_model, expected_key): (ModelId, KeyId),
    ) -> Result<(), Self> {
        if model != expected_model {
            return Err(Self::Model { found: model, expected: expected_model });
        }
        if key != expected_key {
            return Err(Self::Key { found: key, expected: expected_key });
        }
        Ok(())
    }
}

fn shapes(parameters: &Parameters) -> String {
    let Parameters {
        lwe_dimension,
        small_key,
        glwe_dimension,
        polynomial_size,
        rotation,
        key_switch,
        packing,
    } = parameters;
    let decomposition = |of: &Decomposition| format!("{} x {}", of.base_log.0, of.levels.0);
    let (n, k, size) = (lwe_dimension.0, glwe_dimension.0, polynomial_size.0);
    let small = format!("n = {n}{small_key}, k = {k}, N = {size}");
    let rotation = parameters.rotate().then(|| format!(", bootstrap key {}", decomposition(rotation)));
    let switch = key_switch.as_ref().map(|switch| format!(", key switch {}", decomposition(switch)));
    let packing = packing.as_ref().map(|packing| {
        let [trace, switch] = [packing.trace, packing.ring_switch].map(|of| decomposition(&of));
        format!(", packed results of k = {} by {trace} and {switch}", packing.glwe_dimension.0)
    });
    [rotation, switch, packing].into_iter().flatten().fold(small, |shapes, next| shapes + &next)
}

/// Why a sample cannot be encrypted.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The sample does not fit the model.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Why a server cannot be made of its parts.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The keys have other parameters than the model.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The threads could not start.
    #[error(transparent)]
    Threads(#[from] ThreadError),
}

/// Why a ciphertext cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// An empty batch.
    #[error("there are no ciphertexts: give at least one")]
    Empty,
    /// A ciphertext that does not belong to the server.
    #[error("ciphertext {index}: {mismatch}")]
    Mismatch {
        /// Its index in the batch.
        index: usize,
        /// What differs.
        mismatch: Mismatch,
    },
    /// The run was stopped by its `Control`.
    #[error("the run was cancelled")]
    Cancelled,
    /// The threads could not start.
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
    /// A ciphertext that does not belong to the client.
    #[error("ciphertext {index}: {mismatch}")]
    Mismatch {
        /// Its index in the batch.
        index: usize,
        /// What differs.
        mismatch: Mismatch,
    },
}
