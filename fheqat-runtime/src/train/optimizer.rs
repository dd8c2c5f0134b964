//! From gradients to steps.

use rayon::prelude::*;

use super::config::Optimizer;
use crate::vectors::on_vectors;

const MEAN: f32 = 0.9;
const SQUARE: f32 = 0.999;
const TINY: f32 = 1e-8;
/// The largest slope that counts: the squares of those beyond overflow, and nothing would move any more.
const STEEPEST: f32 = 1e18;
/// Numbers that are worth a thread.
const PART: usize = 1 << 15;

/// What an optimizer remembers of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// The rate of one step, corrected for the moments' start at zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepRate {
    optimizer: Optimizer,
    pub(crate) rate: f32,
    /// `sqrt(1 - SQUARE^t) / (1 - MEAN^t)`.
    correction: f32,
    tiny: f32,
}

impl StepRate {
    /// The rate of step `step`, counted from 0.
    pub(crate) fn new(optimizer: Optimizer, rate: f32, step: usize) -> Self {
        let t = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let root = (1.0 - SQUARE.powi(t)).sqrt();
        Self { optimizer, rate, correction: root / (1.0 - MEAN.powi(t)), tiny: TINY * root }
    }

    /// The same at another multiple of the rate.
    pub(crate) fn times(self, factor: f32) -> Self {
        Self { rate: self.rate * factor, ..self }
    }
}

impl Moments {
    pub(crate) fn new(len: usize) -> Self {
        Self { mean: vec![0.0; len], square: vec![0.0; len] }
    }

    /// Moves `values` against `slopes` and holds them within `-limit.0..=limit.1`.
    pub(crate) fn step(&mut self, rate: StepRate, values: &mut [f32], slopes: &[f32], limit: (f32, f32)) {
        let state = self.mean.par_chunks_mut(PART).zip(self.square.par_chunks_mut(PART));
        let values = values.par_chunks_mut(PART).zip(slopes.par_chunks(PART));
        values.zip(state).for_each(|((values, slopes), state)| {
            on_vectors(|| rate.step(values, slopes, state, limit));
        });
    }
}

impl StepRate {
    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into a dispatch is compiled for its instructions"
    )]
    #[inline(always)]
    fn step(
        self,
        values: &mut [f32],
        slopes: &[f32],
        (mean, square): (&mut [f32], &mut [f32]),
        limit: (f32, f32),
    ) {
        let all = values.iter_mut().zip(slopes).zip(mean.iter_mut().zip(square));
        match self.optimizer {
            Optimizer::AdamW { decay } => {
                let (rate, shrink) = (self.rate * self.correction, 1.0 - self.rate * decay);
                for ((value, &slope), (mean, square)) in all {
                    let slope = slope.clamp(-STEEPEST, STEEPEST);
                    *mean = MEAN * *mean + (1.0 - MEAN) * slope;
                    *square = SQUARE * *square + (1.0 - SQUARE) * slope * slope;
                    let moved = *value * shrink - rate * *mean / (square.sqrt() + self.tiny);
                    *value = moved.max(limit.0).min(limit.1);
                }
            }
            Optimizer::Sgd { momentum } => {
                for ((value, &slope), (mean, _)) in all {
                    *mean = momentum * *mean + slope;
                    *value = (*value - self.rate * *mean).max(limit.0).min(limit.1);
                }
            }
        }
    }
}
