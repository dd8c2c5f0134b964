//! What bounds the service.

use std::time::Duration;

/// Limits on what is stored and on how long; `fheqat serve --help` says what each is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the body of a job.
    pub(crate) body: usize,
    pub(crate) samples: usize,
    /// Bytes of a result.
    pub(crate) result: usize,
    /// How long a job may run.
    pub(crate) run: Duration,
    pub(crate) waiting: usize,
    pub(crate) waiting_of_client: usize,
    /// Jobs of a client, done and failed ones too.
    pub(crate) jobs_of_client: usize,
    /// Bytes of a client's jobs.
    pub(crate) bytes_of_client: u64,
    pub(crate) keys_of_client: usize,
    /// Bytes of a file of evaluation keys.
    pub(crate) key_file: u64,
    /// Bytes of expanded keys in memory.
    pub(crate) key_memory: u64,
    /// Seconds that results are kept.
    pub(crate) keep: u64,
    /// Seconds that fetched results are kept.
    pub(crate) keep_fetched: u64,
    /// Seconds that an upload without chunks is kept.
    pub(crate) keep_upload: u64,
    pub(crate) connections: usize,
    /// How long a client may send or take nothing.
    pub(crate) idle: Duration,
}
