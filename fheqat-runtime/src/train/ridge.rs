//! A penalty on large weights.

use crate::nn::{
    gradients::Gradients,
    ops::{Op, operation::Context},
    program::Program,
    runner::Runner,
};

/// Adds the gradient of `ridge / 2 * sum (w r)^2` over the weights `w` of the layer that gives the output to its slopes; `r` is half the
/// span of the levels that it reads, but at least one. With `w = unit * q` and integers `q` that is `ridge r^2 unit^2 q` by `q`, and
/// `ridge r^2 unit^2 sum q^2` by the logarithm of a unit.
pub(super) fn add(program: &Program, runner: &Runner, gradients: &mut Gradients, ridge: f32) {
    if ridge <= 0.0 {
        return;
    }
    for (index, own) in gradients.nodes.iter_mut().enumerate() {
        if !program.is_last(index) {
            continue;
        }
        let kernel = runner.kernels[index].get();
        let (Some(weights), Some(affine)) = (kernel.weights(), kernel.affine()) else { continue };
        let Op::Linear(state) = &program.nodes[index].op else { continue };
        let reach = match program.input_levels(index) {
            Ok((_, levels)) if state.scale.is_some() => ((levels.hi - levels.lo) as f32 / 2.0).max(1.0),
            Ok(_) | Err(_) => 1.0,
        };
        let (rows, units) = (weights.nrows(), &affine.units);
        let (positions, gains) = (units.len() / rows, own.log_gains.len());
        for (row, (slopes, weights)) in own.weights.rows_mut().into_iter().zip(weights.rows()).enumerate() {
            let factor = ridge * (reach * units[row * positions]).powi(2);
            let mut squares = 0.0;
            for (slope, weight) in slopes.into_iter().zip(weights) {
                *slope += factor * weight;
                squares += weight * weight;
            }
            if gains > 0 {
                own.log_gains[row * gains / rows] += factor * squares;
            }
        }
    }
}
