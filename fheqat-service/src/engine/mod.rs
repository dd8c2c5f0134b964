//! Runs batches of samples of one model under one key.

mod cache;

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use fheqat::{
    fhe::{EncryptedInput, EncryptedOutput, Mismatch, RunError, ServerHalf, ServerKey},
    prelude::Control,
};

pub(crate) use cache::{CacheUse, KeySource};

use self::cache::Cache;
use crate::store::ids::Sha256;

/// Expanded keys, and what runs under them.
pub(crate) struct Engine {
    cache: Cache,
}

/// Why a batch has no results.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// This sample cannot run; none has.
    #[error("sample {index}: {mismatch}")]
    Sample { index: usize, mismatch: Mismatch },
    /// The keys cannot be read, or do not suit the model.
    #[error("{0}")]
    Key(String),
    #[error("the run was stopped")]
    Cancelled,
    /// The engine panicked, or threads could not start.
    #[error("{0}")]
    Fault(String),
}

impl Engine {
    /// With so many bytes for expanded keys.
    pub(crate) fn new(memory: u64, source: Arc<dyn KeySource>) -> Self {
        Self { cache: Cache::new(memory, source) }
    }

    /// Runs samples on so many threads, once the key is expanded. Blocks.
    pub(crate) fn run(
        &self,
        half: &Arc<ServerHalf>,
        key: &Sha256,
        inputs: &[EncryptedInput],
        threads: NonZeroUsize,
        control: &Control,
    ) -> Result<Vec<EncryptedOutput>, EngineError> {
        let run = || {
            let lease = self.cache.get(key)?;
            let server = lease.server(half, threads)?;
            server.run_watched(inputs, control).map_err(|error| match error {
                RunError::Mismatch { index, mismatch } => EngineError::Sample { index, mismatch },
                RunError::Cancelled => EngineError::Cancelled,
                error => EngineError::Fault(error.to_string()),
            })
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(EngineError::Fault(text(&*panic))))
    }

    /// The files of the keys that are expanded.
    pub(crate) fn expanded(&self) -> Vec<Sha256> {
        self.cache.expanded()
    }

    /// How many keys are expanded, and what they take.
    pub(crate) fn cache_use(&self) -> CacheUse {
        self.cache.usage()
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// What a cache holds for a key.
type Expanded = Arc<ServerKey>;
