//! When a search tries nothing more.

use std::time::{Duration, Instant};

/// The end of a search. Trainings that run by then end as they would; no other begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// So many seconds from now; never where that is no time.
    pub(super) fn in_seconds(seconds: f64) -> Self {
        let duration = Duration::try_from_secs_f64(seconds).ok();
        Self(duration.and_then(|duration| Instant::now().checked_add(duration)))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}
