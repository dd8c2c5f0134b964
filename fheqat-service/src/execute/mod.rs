//! Who runs jobs. A job is on disk before an executor hears of it, and its result before anybody else does.

pub(crate) mod fair;
mod gather;
mod isolate;
pub(crate) mod local;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fheqat::fhe::{KeyId, ModelId, ServerHalf};
use fheqat_client::wire::{self, Failure};

use crate::store::{
    ids::{Client, JobId, Sha256},
    writer::Unavailable,
};

/// A job that has no result yet. Its inputs are in the store until it has.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: JobId,
    pub(crate) client: Client,
    pub(crate) model: ModelId,
    pub(crate) key_id: KeyId,
    /// The file of evaluation keys.
    pub(crate) key: Sha256,
    pub(crate) samples: usize,
    /// Blind rotations of a sample.
    pub(crate) rotations: usize,
    /// Of its inputs and its result.
    pub(crate) bytes: u64,
    /// The process ended when it ran before: it runs with no other.
    pub(crate) alone: bool,
}

/// Framed results, or why there are none.
pub(crate) type Outcome = Result<Bytes, Failure>;

/// Runs jobs, in this process or elsewhere, and hands progress and results to the store
/// ([`Jobs::progress`](crate::store::Jobs::progress), [`Jobs::finish`](crate::store::Jobs::finish)), which drops a second result of a job.
pub(crate) trait Executor: Send + Sync {
    /// Takes a job. Those that were unfinished when the server started are submitted again, in their order.
    fn submit(&self, task: Task);

    /// The job's result is not wanted any more; the store drops it if it comes all the same.
    fn cancel(&self, job: JobId);

    /// Begins no other job. Blocks until those that have begun are done, at most so long; what then still runs is stopped, and runs
    /// again after the next start.
    fn stop(&self, timeout: Duration);

    /// The workers on other machines; none where this process runs jobs itself.
    fn workers(&self) -> Option<wire::Workers> {
        None
    }
}

/// Where an executor on threads of this process finds inputs, and puts results.
pub(crate) trait Book: Send + Sync {
    /// The framed inputs of a job; none if it is not wanted any more. Blocks.
    fn inputs(&self, job: JobId) -> Result<Option<Bytes>, Unavailable>;

    /// Jobs begin to run on the threads of this process.
    fn begin_run(&self, _jobs: &[JobId]) {}

    /// They do not run any more.
    fn end_run(&self, _jobs: &[JobId]) {}

    /// Blind rotations that are done, of all samples.
    fn progress(&self, job: JobId, rotations: usize);

    /// The ends of jobs. Blocks.
    fn finish(&self, outcomes: Vec<(JobId, Outcome)>);
}

/// Where it finds models.
pub(crate) trait Halves: Send + Sync {
    /// A server half. Blocks.
    ///
    /// # Errors
    /// Why there is none.
    fn half(&self, model: ModelId) -> Result<Arc<ServerHalf>, String>;

    /// A model's name for people.
    fn name(&self, model: ModelId) -> String;
}
