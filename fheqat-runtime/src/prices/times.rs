//! Times of one operation, on a clock that other programs do not move.

use std::{hint::black_box, time::Duration};

use crate::params::Seconds;

/// What this thread has run: the time of other programs does not count.
#[cfg(unix)]
fn clock() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn clock() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Times of one operation, in seconds per unit.
#[derive(Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Times `work`, which does the operation on so many units.
    pub(crate) fn time<R>(&mut self, units: f64, work: impl FnOnce() -> R) {
        let start = clock();
        black_box(work());
        self.0.push(clock().saturating_sub(start).as_secs_f64() / units);
    }

    /// The lower quartile: neighbours in the caches slow an operation and never speed it up.
    pub(crate) fn typical(mut self) -> Seconds {
        self.0.sort_by(f64::total_cmp);
        Seconds(self.0.get(self.0.len() / 4).copied().unwrap_or(0.0))
    }
}
