//! How quantized weights of any width and budget train alike.

use ndarray::Axis;

use crate::{nn::ops::linear::LinearState, quant::row::RowLimits};

/// Of a row whose sum of magnitudes is twice its budget or more, the fraction of the rate by which its weights shrink in a step.
const RELEASE: f32 = 0.2;

/// How fast the rate rises with the largest weight.
const BY_WIDTH: f32 = 2.0 / 3.0;

/// The budget from which on rows train at the whole rate.
const LOOSE: f32 = 32.0;

/// The budget that a limit on the count of weights stands for, as a part of it, where it leaves some out. At a half of it some of the guide's
/// networks with 10 of 100 weights a neuron lose a cell of the checkerboard.
const OF_NONZERO: f32 = 0.25;

/// The multiple of the rate at which weights train: one at three bits, and in proportion to the power [`BY_WIDTH`] of the largest weight.
/// In proportion to the largest weight itself wide weights would never settle, at one rate for all they would cross their range
/// too slowly; in proportion to its root those of 8 bits still do. Of rows with a small budget, or with few of their weights, it is in proportion to the
/// root of that too: each of their few weights counts for more, and one that is left out comes back at random.
pub(super) fn rate_factor(state: &LinearState) -> f32 {
    let RowLimits { weights, max_nonzero, max_l1 } = state.limits;
    let leaves_out = max_nonzero < state.weight.ncols();
    let of_count = if leaves_out { OF_NONZERO * max_nonzero as f32 } else { LOOSE };
    let budget = max_l1.map_or(LOOSE, |budget| budget as f32).min(of_count).min(LOOSE);
    (weights.hi as f32 / 3.0).powf(BY_WIDTH) * (budget / LOOSE).sqrt()
}

/// Shrinks rows above their budget, in proportion to how far they are above it. The budget leaves weights out of them that still
/// have gradients; unless those are let go of, rows fill up with weights near the clip, of which chance chooses.
pub(super) fn release(state: &mut LinearState, rate: f32) {
    let Some(budget) = state.limits.max_l1 else { return };
    for mut row in state.weight.axis_iter_mut(Axis(0)) {
        // A cast rounds down what is positive, on vectors.
        let sum = row.fold(0.0f32, |sum, weight| sum + ((weight.abs() + 0.5) as i32) as f32);
        let excess = (sum / budget as f32 - 1.0).clamp(0.0, 1.0);
        if excess > 0.0 {
            row *= 1.0 - RELEASE * rate * excess;
        }
    }
}
