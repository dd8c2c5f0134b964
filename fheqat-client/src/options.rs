//! How long a client waits and repeats, and how much it accepts from a server.

use std::time::Duration;

/// How long calls may take, how they are repeated, and how much an answer may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How long a whole call may take, with all its requests; 10 minutes by default.
    pub deadline: Duration,
    /// How long a server may be silent: until it accepts a connection, before an answer begins, and in the middle of one. The time
    /// that it was asked to wait for a result is added, and the time to send the body at 32 kB/s. 30 s by default.
    pub silence: Duration,
    /// How many requests in a row may fail before the call does, from 1; 8 by default. One that the service answers with a time after
    /// which to ask again is not counted: only the deadline ends those.
    pub attempts: u32,
    /// The pause after the first failure, which each further one doubles; 0.2 s by default. A random part of up to a half is left out,
    /// so that clients that failed together do not come back together.
    pub first_pause: Duration,
    /// No pause is longer, unless the service asks for it; 10 s by default.
    pub longest_pause: Duration,
    /// Seed of the random parts of pauses; `None`, the default, takes one from the operating system.
    pub seed: Option<u64>,
    /// How long a request waits for a result before it asks again, up to 60 s; 30 s by default.
    pub wait: Duration,
    /// Bytes of a chunk of evaluation keys; 1 MB by default.
    pub chunk: usize,
    /// Encrypted inputs of a job at most; 64 by default. Where the service takes fewer, a job is sent in halves.
    pub samples: usize,
    /// Jobs of one call that are with the service at a time; 4 by default.
    pub jobs: usize,
    /// Bytes of a client half at most; 64 MiB by default.
    pub largest_half: usize,
    /// Bytes of the result of one sample at most; 16 MiB by default.
    pub largest_result: usize,
    /// Certificates (PEM) of authorities that sign the service's certificate, beside those of the system.
    pub certificates: Vec<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(10),
            silence: Duration::from_secs(30),
            attempts: 8,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            seed: None,
            wait: Duration::from_secs(30),
            chunk: 1_000_000,
            samples: 64,
            jobs: 4,
            largest_half: 64 << 20,
            largest_result: 16 << 20,
            certificates: Vec::new(),
        }
    }
}
