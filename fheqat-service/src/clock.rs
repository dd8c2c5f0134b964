//! Time by which ages are counted: seconds that the server has run, in this process and in those before. The machine's clock may jump.

use std::time::Instant;

/// Seconds that the server has run.
#[derive(Debug)]
pub(crate) struct Clock {
    before: u64,
    started: Instant,
}

impl Clock {
    /// Goes on where the last process stopped.
    pub(crate) fn after(before: u64) -> Self {
        Self { before, started: Instant::now() }
    }

    /// Seconds since the first process with this state folder started, without the pauses between processes.
    pub(crate) fn seconds(&self) -> u64 {
        self.before + self.started.elapsed().as_secs()
    }
}
