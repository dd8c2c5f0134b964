//! Watching a training from another thread, and stopping it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::deadline::Deadline;

/// A handle on a training. Clones are of the same one: give one to [`TrainConfig::control`](super::TrainConfig::control) and keep another.
///
/// ```
/// use fheqat_runtime::train::{TrainConfig, TrainControl};
///
/// let control = TrainControl::new();
/// let config = TrainConfig { control: Some(control.clone()), ..TrainConfig::default() };
/// let watcher = std::thread::spawn(move || control.cancel()); // `train` with this config fails
/// # watcher.join().unwrap_or_default();
/// # assert!(config.control.is_some_and(|control| control.is_cancelled()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrainControl {
    shared: Arc<Shared>,
    /// That of the search whose trainings have this clone.
    deadline: Deadline,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    steps: AtomicUsize,
    networks: AtomicUsize,
}

impl TrainControl {
    /// Of one training.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the training behind the optimizer steps that run now: it fails with
    /// [`TrainError::Cancelled`](super::TrainError::Cancelled), and the network is as before.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }

    /// Optimizer steps that are done, of all networks together.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.shared.steps.load(Ordering::Relaxed)
    }

    /// Networks that are trained, those that a search tries among them.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.shared.networks.load(Ordering::Relaxed)
    }

    /// The same handle, for trainings that end at `deadline`.
    pub(super) fn until(&self, deadline: Deadline) -> Self {
        Self { deadline, ..self.clone() }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    pub(super) fn count_step(&self) {
        self.shared.steps.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_network(&self) {
        self.shared.networks.fetch_add(1, Ordering::Relaxed);
    }
}
