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
            return step.saturating_add(1) as f32 / warmup as f32;
        }
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let done = (step - warmup) as f32 / steps.saturating_sub(warmup).max(1) as f32;
                f32::midpoint(1.0, (PI * done).cos())
            }
            Self::Step { every, factor } => {
                let falls = step / every.saturating_mul(an_epoch).max(1);
                factor.powi(i32::try_from(falls).unwrap_or(i32::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-5
    }

    #[test]
    fn the_rate_rises_then_falls() {
        assert!(close(Schedule::Constant.factor(0, 100, 10, 10), 0.1));
        assert!(close(Schedule::Constant.factor(50, 100, 10, 10), 1.0));
        assert!(close(Schedule::Cosine.factor(10, 110, 10, 10), 1.0));
        assert!(close(Schedule::Cosine.factor(60, 110, 10, 10), 0.5));
        assert!(Schedule::Cosine.factor(109, 110, 10, 10) < 0.001);
    }

    #[test]
    fn steps_fall_every_so_many_epochs() {
        let schedule = Schedule::Step { every: 2, factor: 0.5 };
        assert!(close(schedule.factor(19, 100, 10, 0), 1.0));
        assert!(close(schedule.factor(20, 100, 10, 0), 0.5));
        assert!(close(schedule.factor(45, 100, 10, 0), 0.25));
    }

    #[test]
    fn no_count_is_too_large() {
        const MOST: usize = usize::MAX;
        let counts = [0, 1, 7, MOST - 1, MOST];
        let schedules =
            counts.map(|every| Schedule::Step { every, factor: 0.5 }).into_iter().chain([Schedule::Cosine]);
        for schedule in schedules {
            for (step, steps) in counts.into_iter().flat_map(|step| counts.map(|steps| (step, steps))) {
                for (an_epoch, warmup) in
                    counts.into_iter().flat_map(|epoch| counts.map(|warmup| (epoch, warmup)))
                {
                    let factor = schedule.factor(step, steps, an_epoch, warmup);
                    assert!((0.0..=1.0).contains(&factor), "{schedule:?} {step} {steps} {an_epoch} {warmup}");
                }
            }
        }
    }
}
