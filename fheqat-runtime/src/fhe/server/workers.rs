//! Threads, and the memory that each needs to run a block of rotations.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::rotate::{Cpu, Rotate};
use crate::{fhe::error::ThreadError, params::cost::BLOCK, plan::ServerPlan};

/// Threads, each with buffers that are allocated once.
pub(crate) struct Workers {
    pool: ThreadPool,
    /// One a thread; none where nothing rotates.
    buffers: Vec<Mutex<Buffers>>,
}

/// What one thread works on.
pub(in crate::fhe) struct Buffers {
    /// Sums of a block that are switched, `[BLOCK, kN + 1]`.
    pub(in crate::fhe) big: Vec<Vec<u64>>,
    /// What the rotations of a block read, `[BLOCK, n + 1]`: those that are switched first.
    pub(in crate::fhe) small: Vec<Vec<u32>>,
    /// One extraction, `[kN + 1]`.
    pub(in crate::fhe) extracted: Vec<u64>,
    pub(in crate::fhe) rotation: <Cpu as Rotate>::Buffers,
}

impl Workers {
    pub(crate) fn new(threads: Option<NonZeroUsize>, plan: &ServerPlan) -> Result<Self, ThreadError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZeroUsize::get)).build();
        let pool = pool.map_err(|error| ThreadError { threads, reason: error.to_string() })?;
        let extension =
            plan.stages.iter().flatten().map(|rotation| rotation.modulus_switch.extension).max().unwrap_or(0);
        let big = plan.parameters.big_dimension().to_lwe_size().0;
        let small = plan.parameters.lwe_dimension.to_lwe_size().0;
        let buffers = || Buffers {
            big: vec![vec![0; big]; BLOCK],
            small: vec![vec![0; small]; BLOCK],
            extracted: vec![0; big],
            rotation: Cpu::buffers(&plan.parameters, extension),
        };
        let threads = if plan.rotations() == 0 { 0 } else { pool.current_num_threads() };
        let buffers = (0..threads).map(|_| Mutex::new(buffers())).collect();
        Ok(Self { pool, buffers })
    }

    pub(crate) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Does the work on one of the threads; what it starts in parallel stays on these threads.
    #[cfg(feature = "fhe")]
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Does the work on every thread at once.
    pub(in crate::fhe) fn on_every_thread(&self, work: impl Fn() + Sync) {
        self.pool.broadcast(|_| work());
    }

    pub(in crate::fhe) fn with_buffers<R>(&self, work: impl FnOnce(&mut Buffers) -> R) -> R {
        let buffers = &self.buffers[rayon::current_thread_index().unwrap_or(0)];
        work(&mut buffers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("threads", &self.threads()).finish_non_exhaustive()
    }
}
