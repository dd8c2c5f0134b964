//! From float layers, or fresh ones, to layers with scales and steps.

use fheqat_spec::{Bias, Range};
use ndarray::{Array2, ArrayView2, Axis};

use super::start::{keep_tightest_budget, round_rows, sparse_start};
use crate::{
    Seed,
    nn::{
        NetworkError, Precision,
        matrix::slice,
        ops::{
            Kernel, Op,
            norm::moments,
            operation::{Context, Mode},
        },
        precision::Statistics,
        program::Program,
        runner::Runner,
    },
    quant::{
        Observer, Quantizer,
        activation::Function,
        transition::{middle, units_per_level},
    },
};

/// Rows that calibration looks at.
const SAMPLES: usize = 512;
/// The standard deviation of what a function reads when training starts: so far that one which bends around zero does. At 1
/// narrow rows lose cells of the checkerboard.
pub(super) const REACH: f32 = 2.0;

/// Where the weights of an output that reads the encoded input start, as a fraction of what fills their range: no later step forgets
/// what is drawn at random over all of it. Behind hidden layers alone weights that round to zero would teach them nothing.
const LAST_START: f32 = 0.1;

/// Budgets under which a clipped bias is held centred: narrow rows lose cells of the checkerboard where biases move.
const TIGHT: usize = 8;

/// Whether rounding starts a training or ends one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Training goes on: a layer with a budget gets a start that converges.
    Train,
    /// The float function is kept as well as rounding can.
    Keep,
}

/// Chooses every scale and step that is not chosen yet, in the order of the nodes, from some samples.
///
/// # Errors
/// When the program reads what is not there.
pub(crate) fn calibrate(
    program: &mut Program,
    features: &ArrayView2<'_, f32>,
    observer: Observer,
    purpose: Purpose,
) -> Result<(), NetworkError> {
    let starts = purpose == Purpose::Train
        && (0..program.nodes.len())
            .any(|index| program.linear(index).is_some_and(|state| state.scale.is_none()));
    if starts {
        keep_tightest_budget(program);
    }
    let stride = features.nrows().div_ceil(SAMPLES);
    let rows: Vec<usize> = (0..features.nrows()).step_by(stride).collect();
    let sample = features.select(Axis(0), &rows);
    let mode = Mode {
        precision: Precision::Quantized,
        statistics: Statistics::Running,
        batch: sample.nrows(),
        seed: Seed(0),
    };
    let is_fresh = vec![false; program.nodes.len()];
    let mut calibration =
        Calibration { program, sample, observer, purpose, runner: Runner::empty(mode), is_fresh };
    for index in 0..calibration.program.nodes.len() {
        calibration.node(index)?;
        let node = &calibration.program.nodes[index];
        // What stands behind layers of the client moves as they train.
        if starts && node.from.is_none() && matches!(node.op, Op::Quantizer(_) | Op::Thermometer(_)) {
            calibration.keep_reached(index, features)?;
        }
    }
    Ok(())
}

/// A program on its way to scales and steps.
///
/// Each node runs once, when a later one asks for what it gives: its integers do not change after that.
struct Calibration<'a> {
    program: &'a mut Program,
    sample: Array2<f32>,
    observer: Observer,
    purpose: Purpose,
    /// The nodes that have run.
    runner: Runner,
    /// Of each node whether what it gives was scaled here.
    is_fresh: Vec<bool>,
}

impl Calibration<'_> {
    fn node(&mut self, index: usize) -> Result<(), NetworkError> {
        match &self.program.nodes[index].op {
            Op::Quantizer(_) if self.program.owner(index) != Some(index) => {
                let from = self.program.nodes[index].from.filter(|&from| self.is_fresh[from]);
                match (from, self.purpose) {
                    (Some(from), Purpose::Train) => self.fit_scale(from, index),
                    (_, Purpose::Keep) | (None, Purpose::Train) => Ok(()),
                }
            }
            Op::Quantizer(state) if state.step.is_none() => {
                let step = match self.purpose {
                    Purpose::Keep if self.program.is_shared(index) => self.widest_step(index)?,
                    Purpose::Keep | Purpose::Train => self.step_of(index, self.purpose)?,
                };
                if let Op::Quantizer(state) = &mut self.program.nodes[index].op {
                    state.step = Some(step);
                }
                self.is_fresh[index] = true;
                Ok(())
            }
            Op::Linear(state) if state.scale.is_none() => {
                self.forget_unused(index)?;
                self.scale_linear(index)?;
                let starts_small = self.program.is_last(index) && self.program.sees_input(index);
                if let Op::Linear(state) = &mut self.program.nodes[index].op
                    && starts_small
                    && self.purpose == Purpose::Train
                    && state.limits.max_l1.is_none()
                {
                    state.weight *= LAST_START;
                }
                self.is_fresh[index] = true;
                Ok(())
            }
            Op::Quantizer(_) | Op::Linear(_) => Ok(()),
            op => {
                let is_norm = matches!(op, Op::Norm(_));
                let is_fresh = self.program.operands(index).iter().any(|&from| self.is_fresh[from]);
                self.is_fresh[index] = is_fresh;
                if is_norm && is_fresh && self.purpose == Purpose::Train {
                    self.measure(index)?;
                }
                Ok(())
            }
        }
    }

    /// Leaves a quantizer of the input the levels that samples reach, and zero. What they never reach widens every accumulator
    /// behind, and moves its middle, where a centred bias puts the transition, off what there is to tell apart.
    fn keep_reached(&mut self, index: usize, features: &ArrayView2<'_, f32>) -> Result<(), NetworkError> {
        let step = self.program.step(index)?;
        if let Op::Quantizer(state) = &mut self.program.nodes[index].op {
            let quantizer = Quantizer { step, levels: state.declared };
            let (lo, hi) = state.read(features).iter().fold((0, 0), |(lo, hi), &value| {
                let level = quantizer.level(value);
                (level.min(lo), level.max(hi))
            });
            if lo < hi {
                state.levels = Range::new(lo, hi);
            }
        }
        Ok(())
    }

    /// Gives a batch normalisation the statistics of the samples, to start its averages from.
    fn measure(&mut self, index: usize) -> Result<(), NetworkError> {
        let Some(from) = self.program.nodes[index].from else { return Ok(()) };
        let values = self.values_of(from)?;
        if let Op::Norm(state) = &mut self.program.nodes[index].op {
            state.measure(&values);
        }
        Ok(())
    }

    /// Scales a fresh layer, or the normalisation behind it, to the step of the quantizer behind, which is another quantizer's
    /// too.
    fn fit_scale(&mut self, from: usize, quantizer: usize) -> Result<(), NetworkError> {
        let is_free = match &self.program.nodes[from].op {
            Op::Linear(state) => state.limits.max_l1.is_none(),
            op => matches!(op, Op::Norm(_)),
        };
        let has_function = self.program.function(quantizer).is_some();
        if !is_free || has_function || self.program.readers(from).count() > 1 {
            return Ok(());
        }
        let ratio = self.program.step(quantizer)? / self.step_of(quantizer, Purpose::Train)?;
        if let Op::Linear(state) = &mut self.program.nodes[from].op {
            state.stretch(ratio);
        }
        if let Op::Norm(state) = &mut self.program.nodes[from].op {
            state.stretch(ratio);
        }
        Ok(())
    }

    /// The largest step that any of the quantizers which share that of `owner` would choose for what it reads in float.
    fn widest_step(&self, owner: usize) -> Result<f32, NetworkError> {
        let program = &*self.program;
        let mut runner = Runner::new(program, Precision::Float, self.sample.nrows())?;
        runner.run(&self.sample.view());
        let mut widest: f32 = 0.0;
        for (index, node) in program.nodes.iter().enumerate() {
            let Op::Quantizer(state) = &node.op else { continue };
            if program.owner(index) == Some(owner) {
                let values = slice(&runner.outputs[index]);
                let step = match state.curve.function() {
                    Some(_) => self.observer.step(&regular(values), state.levels),
                    None => self.observer.step(values, state.levels),
                };
                widest = widest.max(step);
            }
        }
        Ok(widest)
    }

    /// Starts the weights of inputs that are zero in every sample at zero, in a dense layer that reads what encodes the input: bits that
    /// a feature has no use for would take from the budget.
    fn forget_unused(&mut self, index: usize) -> Result<(), NetworkError> {
        let Some(from) = self.program.nodes[index].from else { return Ok(()) };
        let reads_input = self.program.nodes[from].from.is_none();
        if !reads_input || self.purpose != Purpose::Train {
            return Ok(());
        }
        self.run_to(from)?;
        let levels = &self.runner.outputs[from];
        let unused: Vec<usize> = (0..levels.ncols())
            .filter(|&column| levels.column(column).iter().all(|level| *level == 0.0))
            .collect();
        if let Op::Linear(state) = &mut self.program.nodes[index].op
            && state.filters.is_none()
            && unused.len() < levels.ncols()
        {
            for column in unused {
                state.weight.column_mut(column).fill(0.0);
            }
        }
        Ok(())
    }

    fn scale_linear(&mut self, index: usize) -> Result<(), NetworkError> {
        let program = &mut *self.program;
        let (step_in, levels_in) = program.input_levels(index)?;
        let reader = program.nodes.iter().position(|node| node.from == Some(index));
        let Op::Linear(state) = &mut program.nodes[index].op else { return Ok(()) };
        let budget = match self.purpose {
            Purpose::Train => {
                state.hold = state.declared;
                if state.hold == Bias::Clipped {
                    state.bias.fill(0.0);
                    if state.limits.max_l1.is_some_and(|budget| budget <= TIGHT) {
                        state.hold = Bias::Centred;
                    }
                }
                state.limits.max_l1
            }
            Purpose::Keep => {
                state.hold = if state.declared == Bias::None { Bias::None } else { Bias::Free };
                None
            }
        };
        let Some(budget) = budget else {
            round_rows(state);
            return match reader {
                Some(reader) if self.purpose == Purpose::Train && program.function(reader).is_some() => {
                    self.reach(index, f32::max)
                }
                Some(_) | None => Ok(()),
            };
        };
        let scale = sparse_start(state, budget);
        state.set_scale(scale);
        let Some(reader) = reader else {
            return self.spread_outputs(index);
        };
        // A step the user fixed leaves only the scale of the weights to place the transition.
        let Op::Quantizer(quantizer) = &program.nodes[reader].op else { return Ok(()) };
        let units = units_per_level(budget, levels_in, quantizer.levels);
        let (fixed, levels_out) = (program.held_step(reader), quantizer.levels);
        if program.function(reader).is_some() {
            if program.hold(index) == Bias::Free {
                self.centre_outputs(index, 0.0)?;
            }
            return self.reach(index, |_, ratio| ratio);
        }
        if let (Some(step_out), Op::Linear(state)) = (fixed, &mut program.nodes[index].op) {
            state.set_scale(step_out / (units * step_in));
        }
        if program.hold(index) == Bias::Free {
            self.centre_outputs(index, middle(levels_out) * units)?;
        }
        Ok(())
    }

    /// Chooses the free bias of each neuron so that its sums, bias included, are `middle` units on average.
    fn centre_outputs(&mut self, index: usize, middle: f32) -> Result<(), NetworkError> {
        let units: Vec<f32> = self.program.units(index)?.collect();
        self.run_to(index)?;
        let sums = &self.runner.outputs[index];
        if let Op::Linear(state) = &mut self.program.nodes[index].op {
            let positions = sums.ncols() / state.bias.len();
            let columns = sums.axis_chunks_iter(Axis(1), positions);
            for ((bias, columns), unit) in state.bias.iter_mut().zip(columns).zip(units.into_iter().cycle()) {
                *bias = (middle - columns.sum() / columns.len() as f32) * unit;
            }
        }
        Ok(())
    }

    /// Scales the linear layer at `index` so that the function behind it reads values of standard deviation [`REACH`];
    /// `choose` gives the factor from 1 and the one that does so.
    fn reach(&mut self, index: usize, choose: fn(f32, f32) -> f32) -> Result<(), NetworkError> {
        let deviation = deviation(slice(&self.values_of(index)?));
        let ratio = choose(1.0, REACH / deviation);
        if let Op::Linear(state) = &mut self.program.nodes[index].op {
            state.stretch(ratio);
        }
        Ok(())
    }

    /// Scales the last layer so that its outputs have a standard deviation of 1.
    fn spread_outputs(&mut self, index: usize) -> Result<(), NetworkError> {
        self.run_to(index)?;
        let deviation = deviation(slice(&self.runner.outputs[index]));
        let step_in = self.program.input_levels(index)?.0;
        if let Op::Linear(state) = &mut self.program.nodes[index].op {
            state.set_scale(1.0 / (deviation * step_in));
            state.bias.fill(0.0);
        }
        Ok(())
    }

    fn step_of(&mut self, index: usize, purpose: Purpose) -> Result<f32, NetworkError> {
        let node = &self.program.nodes[index];
        let Op::Quantizer(quantizer) = &node.op else { return Err(self.program.not_calibrated(index)) };
        let (levels, function) = (quantizer.levels, quantizer.curve.function());
        let Some(from) = node.from else {
            return Ok(self.observer.step(slice(&quantizer.read(&self.sample.view())), levels));
        };
        if let (Some(state), None, Purpose::Train) = (self.program.linear(from), function, purpose)
            && let Some(budget) = state.limits.max_l1
        {
            // Every row of a layer with a budget starts with the same scale.
            let units = units_per_level(budget, self.program.input_levels(from)?.1, levels);
            return Ok(self.program.unit(from)? * units);
        }
        let values = self.values_of(from)?;
        match (function, self.program.hold(from)) {
            (Some(function), _) => {
                let values: Vec<f32> = values.iter().map(|&value| function.apply(value)).collect();
                return Ok(self.observer.step(&regular(&values), levels));
            }
            (None, Bias::Centred | Bias::Clipped) => {
                // Two standard deviations reach from the middle of the levels to their ends.
                let half = (levels.hi - levels.lo).max(1) as f32 / 2.0;
                return Ok(2.0 * deviation(slice(&values)) / half);
            }
            (None, Bias::Free | Bias::None) => {}
        }
        Ok(self.observer.step(slice(&values), levels))
    }

    /// What the integers that the node at `index` gives stand for.
    fn values_of(&mut self, index: usize) -> Result<Array2<f32>, NetworkError> {
        self.run_to(index)?;
        let mut values = self.runner.outputs[index].clone();
        let row_sums = self.runner.kernels[self.program.source(index)].get().row_sums();
        let channels = self.program.dequantize(index, row_sums)?;
        let positions = values.ncols() / channels.len();
        for (mut columns, channel) in values.axis_chunks_iter_mut(Axis(1), positions).zip(&channels) {
            let bias = channel.bias();
            columns.mapv_inplace(|sum| sum * channel.share() + bias);
        }
        Ok(values)
    }

    /// Runs the nodes up to that at `index` which have not run yet, in integers.
    fn run_to(&mut self, index: usize) -> Result<(), NetworkError> {
        for next in self.runner.kernels.len()..=index {
            self.runner.push(self.program);
            if let Kernel::Linear(product) = &mut self.runner.kernels[next] {
                product.affine = None;
            }
            self.runner.refresh_node(self.program, next, None)?;
            self.runner.run_node(next, &self.sample.view());
        }
        Ok(())
    }
}

/// Values of a function without those where it is infinite, which tell nothing of a step.
fn regular(values: &[f32]) -> Vec<f32> {
    values.iter().copied().filter(|value| value.abs() < Function::LARGEST).collect()
}

/// The standard deviation, positive: of numbers that are all the same it is taken as [`f32::EPSILON`].
fn deviation(values: &[f32]) -> f32 {
    let deviation = moments(values.iter().copied()).1.sqrt() as f32;
    if deviation > 0.0 { deviation } else { f32::EPSILON }
}
