//! A server: the server half of a model and the expanded evaluation keys of one client. It runs encrypted samples.

pub(crate) mod blocks;
mod half;
mod key;
pub(crate) mod key_switch;
pub(crate) mod packed;
pub(in crate::fhe) mod packing;
mod product;
pub(crate) mod rotate;
pub(crate) mod running;
pub(super) mod schedule;
pub(crate) mod workers;

use std::{num::NonZeroUsize, sync::Arc};

use self::workers::Workers;
use super::{
    error::{Mismatch, ServerError, ThreadError},
    ids::KeyId,
};
use crate::{params::Bytes, plan::ServerPlan};

pub use half::ServerHalf;
pub use key::ServerKey;
pub use schedule::Control;

/// The server half of a model, the keys of one client, and threads.
#[derive(Clone, Debug)]
pub struct Server {
    half: Arc<ServerHalf>,
    key: Arc<ServerKey>,
    pub(in crate::fhe) workers: Arc<Workers>,
}

impl Server {
    /// Joins the half of a model and keys of the same parameters, and starts `threads` threads; `None` means one a core. In an `Arc`, one
    /// half may serve several clients and one key several models.
    ///
    /// # Errors
    /// When the keys have other parameters than the model, or the threads cannot start.
    pub fn new(
        half: impl Into<Arc<ServerHalf>>,
        key: impl Into<Arc<ServerKey>>,
        threads: Option<NonZeroUsize>,
    ) -> Result<Self, ServerError> {
        let (half, key) = (half.into(), key.into());
        Mismatch::check_parameters(key.parameters(), half.parameters())?;
        let workers = Arc::new(Workers::new(threads, &half.plan)?);
        Ok(Self { half, key, workers })
    }

    /// From parts that were made for each other.
    #[cfg(feature = "fhe")]
    pub(crate) fn of_parts(half: ServerHalf, key: ServerKey, workers: Workers) -> Self {
        Self { half: half.into(), key: key.into(), workers: workers.into() }
    }

    /// The server half.
    #[must_use]
    pub fn half(&self) -> &ServerHalf {
        &self.half
    }

    /// The keys.
    #[must_use]
    pub fn key(&self) -> &ServerKey {
        &self.key
    }

    /// The keys' random id, which the client key shares.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// What the server computes, as data.
    #[must_use]
    pub fn plan(&self) -> &ServerPlan {
        &self.half.plan
    }

    /// What the keys take in memory.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        self.key.memory()
    }

    /// How many threads it runs on.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.threads()
    }

    /// Runs on `threads` threads from now on; `None` means one a core. Results do not depend on it.
    ///
    /// # Errors
    /// When the threads cannot start.
    pub fn set_threads(&mut self, threads: Option<NonZeroUsize>) -> Result<(), ThreadError> {
        self.workers = Arc::new(Workers::new(threads, &self.half.plan)?);
        Ok(())
    }
}
