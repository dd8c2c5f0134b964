//! The weights that quantized training starts from.

use crate::{
    nn::{
        matrix::{slice, slice_mut},
        ops::{Op, linear::LinearState},
        program::Program,
    },
    quant::row::best_scale,
};

const SCALES: usize = 100;

/// A layer that cannot exceed the tightest budget of the network keeps it anyway, and starts like those that have it: behind a
/// dense start tight rows lose cells of the checkerboard.
pub(super) fn keep_tightest_budget(program: &mut Program) {
    let states = (0..program.nodes.len()).filter_map(|index| program.linear(index));
    let Some(tightest) = states.filter_map(|state| state.limits.max_l1).min() else { return };
    for node in &mut program.nodes {
        if let Op::Linear(state) = &mut node.op
            && state.scale.is_none()
            && state.limits.max_l1.is_none()
            && state.limits.reach() <= tightest
        {
            state.limits.max_l1 = Some(state.limits.reach());
        }
    }
}

/// Gives each scale of a layer the value that rounds its weights with the least squared error, and puts them in its units.
pub(super) fn round_rows(state: &mut LinearState) {
    let width = state.weight.ncols();
    let shared = slice(&state.weight).len() / state.scales();
    let parts = slice(&state.weight).chunks_exact(shared);
    let scale: Vec<f32> =
        parts.map(|rows| best_scale(&state.limits, &rows.chunks_exact(width), SCALES)).collect();
    for (rows, scale) in slice_mut(&mut state.weight).chunks_exact_mut(shared).zip(&scale) {
        for weight in rows {
            *weight /= scale;
        }
    }
    state.scale = Some(scale.into());
}

/// The start that tight budgets need: in each row half the budget in weights of 0.6 to 2.4 units, the others below 0.3.
///
/// Of uniform weights the largest magnitudes are at random places and uniform between the largest that is left and the
/// bound; so a stretch of each part gives the start, keeps order and signs, and needs no other draw. Gives the scale.
pub(super) fn sparse_start(state: &mut LinearState, budget: usize) -> f32 {
    let widest = state.weight.fold(0.0f32, |most, weight| most.max(weight.abs()));
    let width = state.weight.ncols();
    let kept = (budget / 2).max(1);
    let mut magnitudes: Vec<f32> = Vec::with_capacity(width);
    for row in slice_mut(&mut state.weight).chunks_exact_mut(width) {
        magnitudes.clear();
        magnitudes.extend(row.iter().map(|weight| weight.abs()));
        magnitudes.sort_unstable_by(|a, b| b.total_cmp(a));
        let left = magnitudes.get(kept).copied().unwrap_or(0.0);
        let span = (magnitudes[0] - left).max(f32::MIN_POSITIVE);
        for weight in row {
            let magnitude = weight.abs();
            let units = if magnitude > left {
                0.6 + 1.8 * (magnitude - left) / span
            } else if left > 0.0 {
                0.3 * magnitude / left
            } else {
                0.0
            };
            *weight = units.copysign(*weight);
        }
    }
    if widest > 0.0 { widest / state.limits.weights.hi as f32 } else { 1.0 }
}
