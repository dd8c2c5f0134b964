//! How the learning rate moves.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

/// How the rate falls from its largest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Along half a cosine to zero.
    Cosine,
    /// By a factor, every so many epochs.
    Step {
        /// Epochs between two falls.
        every: usize,
        /// What is left of the rate.
        factor: f32,
    },
}

impl Schedule {
    /// The fraction of the largest rate at `step` of `steps`, of which `an_epoch` make an epoch and the first `warmup` rise
    /// linearly.
    #[must_use]
    pub fn factor(self, step: usize, steps: usize, an_epoch: usize, warmup: usize) -> f32 {
        if step < warmup {
            return (step + 1) as f32 / warmup as f32;
        }
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let done = (step - warmup) as f32 / (steps - warmup).max(1) as f32;
                f32::midpoint(1.0, (PI * done).cos())
            }
            Self::Step { every, factor } => {
                let falls = step / (every * an_epoch).max(1);
                factor.powi(i32::try_from(falls).unwrap_or(i32::MAX))
            }
        }
    }
}
