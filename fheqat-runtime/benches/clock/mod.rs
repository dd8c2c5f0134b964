//! Core-seconds of this process: the time of other programs does not count.

use std::time::Duration;

use criterion::{
    Criterion,
    measurement::{Measurement, ValueFormatter, WallTime},
};

static WALL: WallTime = WallTime;

/// What this process has run on any core.
pub(crate) struct CoreTime;

/// What this process has run on any core until now.
#[cfg(unix)]
pub(crate) fn clock() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Wall time, where the system does not tell.
#[cfg(not(unix))]
pub(crate) fn clock() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

impl Measurement for CoreTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        clock()
    }

    fn end(&self, start: Duration) -> Duration {
        clock().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WALL.formatter()
    }
}

pub(crate) fn core_time() -> Criterion<CoreTime> {
    Criterion::default().with_measurement(CoreTime)
}
