//! When a search ends.

use std::time::{Duration, Instant};

use super::error::TrainError;

/// The end of a search: no training begins behind it, and those that run then end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadline(Option<End>);

#[derive(Clone, Copy, Debug)]
struct End {
    half: Instant,
    at: Instant,
    seconds: f64,
}

impl Deadline {
    /// So many seconds from now; never where that is no time.
    pub(super) fn in_seconds(seconds: f64) -> Self {
        let now = Instant::now();
        let duration = Duration::try_from_secs_f64(seconds).ok();
        let ends =
            duration.and_then(|duration| Some((now.checked_add(duration / 2)?, now.checked_add(duration)?)));
        Self(ends.map(|(half, at)| End { half, at, seconds }))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end.at)
    }

    pub(super) fn is_half_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end.half)
    }

    /// That nothing was finished by then.
    pub(super) fn error(&self) -> TrainError {
        TrainError::OutOfTime { max_seconds: self.0.map_or(f64::INFINITY, |end| end.seconds) }
    }
}
