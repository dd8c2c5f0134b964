//! Gains of quantizers and units of the last layer, as they train: by their logarithms.

use super::{
    config::{Activations, TrainConfig},
    optimizer::{Moments, StepRate},
};
use crate::nn::{
    Precision,
    ops::{Op, linear::LinearState, operation::Context},
    program::Program,
    runner::Runner,
};

/// Gains between layers train at this multiple of the rate: at 1 wide rows lose cells of the checkerboard that were right,
/// at 0 narrow rows never find them. The unit of the last layer needs the whole rate.
const GAIN_RATE_FACTOR: f32 = 0.2;

/// The gains of a quantizer, or the units of the last layer, as they train: one for each scale of the weights in front. In front of a function
/// a gain is the unit of what it reads.
pub(super) struct Gain {
    moments: Moments,
    pub(super) values: Vec<f32>,
    logs: Vec<f32>,
    pub(super) learns: bool,
    /// The multiple of the rate at which it trains.
    rate_factor: f32,
}

impl Gain {
    /// Moves the gains against slopes by their logarithms.
    pub(super) fn step(&mut self, rate: StepRate, slopes: &[f32]) {
        if !self.learns {
            return;
        }
        self.moments.step(
            rate.times(self.rate_factor),
            &mut self.logs,
            slopes,
            (f32::NEG_INFINITY, f32::INFINITY),
        );
        for (value, log) in self.values.iter_mut().zip(&self.logs) {
            *value = log.exp();
        }
    }

    fn new(values: Vec<f32>, learns: bool, rate_factor: f32) -> Self {
        let logs = values.iter().map(|value| value.ln()).collect();
        Self { moments: Moments::new(values.len()), values, logs, learns, rate_factor }
    }

    /// How many of them train.
    pub(super) fn trained(&self) -> usize {
        if self.learns { self.logs.len() } else { 0 }
    }
}

/// The gains of the node at `index`.
pub(super) fn gain(program: &Program, runner: &Runner, index: usize, config: &TrainConfig) -> Gain {
    let node = &program.nodes[index];
    let learned = config.activations == Activations::Learned;
    let rate_factor = if program.is_last(index) { 1.0 } else { GAIN_RATE_FACTOR };
    let scales = |index| program.linear(index).map_or(1, LinearState::scales);
    if config.precision == Precision::Quantized && program.is_normalized(index) {
        let units = program.units(index).map_or_else(|_| vec![1.0], Iterator::collect);
        return Gain::new(units, false, rate_factor);
    }
    let kernel = runner.kernels[index].get();
    let (numbers, count, learns) = match (kernel.staircase(), kernel.affine(), node.from) {
        (Some(staircase), _, Some(from)) => {
            (Some(&staircase.gains), scales(from), learned && can_learn(program, index))
        }
        (_, Some(affine), _) => {
            (Some(&affine.units), scales(index), config.precision == Precision::Quantized)
        }
        (_, None, _) => (None, 1, false),
    };
    let values = match numbers {
        Some(numbers) => numbers.iter().copied().step_by(numbers.len() / count).collect(),
        None => vec![1.0],
    };
    Gain::new(values, learns, rate_factor)
}

/// The levels that one unit of a function's value makes; they train where nothing holds the step.
pub(super) fn rise(program: &Program, index: usize, config: &TrainConfig) -> Gain {
    let step = program.step(index).ok().filter(|_| program.function(index).is_some());
    let learned = config.activations == Activations::Learned && config.precision == Precision::Quantized;
    let learns = learned && step.is_some() && program.held_step(index).is_none();
    Gain::new(vec![1.0 / step.unwrap_or(1.0)], learns, GAIN_RATE_FACTOR)
}

/// A gain trains where something is free to follow it: the step of its quantizer, or the scale in front of a step that is
/// held. What two quantizers read follows neither, and a budget needs the gain it starts with. The unit in front of a
/// function is that of the weights. A batch normalisation has gains of its own, and constants stay.
fn can_learn(program: &Program, index: usize) -> bool {
    let Some(from) = program.nodes[index].from else { return false };
    let has_function = program.function(index).is_some();
    match program.linear(from) {
        Some(state) => (has_function || state.limits.max_l1.is_none()) && program.readers(from).count() == 1,
        None if matches!(program.nodes[from].op, Op::Norm(_) | Op::Constant(_)) => false,
        None => !has_function && program.held_step(index).is_none(),
    }
}
