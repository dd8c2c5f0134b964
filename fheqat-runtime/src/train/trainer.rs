//! The training loop.

#[cfg(test)]
mod tests;

use fheqat_spec::{Bias, Range, WeightScale};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;
use rand::seq::SliceRandom;

use super::{
    calibrate::{self, Purpose, REACH},
    class_weights::TargetWeights,
    config::TrainConfig,
    control::TrainControl,
    encode,
    error::TrainError,
    evaluate::{Evaluator, check_features},
    gain::{Gain, gain, rise},
    history::{Epoch, History},
    loss::{Objective, Tally, score},
    optimizer::{Moments, StepRate},
    ridge,
    select::Measure,
    weights::{rate_factor, release},
};
use crate::{
    data::Dataset,
    nn::{
        Precision,
        gradients::Gradients,
        matrix::{head, head_mut, slice, slice_mut},
        noise::Noise,
        ops::{Kernel, Op, client::ClientState, linear::LinearState, operation::Context},
        program::Program,
        prune,
        runner::Runner,
    },
};

/// How far beyond its range a float weight may go before it is held: not so far that it takes long to come back.
const MARGIN: f32 = 0.45;
/// The largest weight of three bits, at which weights train at the whole rate.
const THREE_BITS: f32 = 3.0;
/// The stream of a seed that orders the batches.
const BATCHES: u64 = 4;

/// Trains one network; the weights of the layers in `frozen` stay as they are. Where the time of a search is over behind the first
/// epoch, the network is the best epoch's till then, or without validation data as it is then.
///
/// # Errors
/// When a layer cannot be calibrated, the loss diverges, a number is left with which the network cannot run, or the time of a search is
/// over in the first epoch.
pub(crate) fn train_once(
    program: &mut Program,
    train: &Dataset,
    validation: Option<&Dataset>,
    config: &TrainConfig,
    frozen: &[usize],
) -> Result<History, TrainError> {
    if config.precision == Precision::Quantized {
        calibrate::calibrate(program, &train.features(), config.observer, Purpose::Train)?;
    } else {
        program.make_float();
    }
    let mut trainer = Trainer::new(program.clone(), config, train, frozen)?;
    // On a thread of the pool, so that handing parts to the others is cheap.
    let history = rayon::scope(|_| trainer.run(train, validation))?;
    trainer.program.check()?;
    *program = trainer.program;
    if let Some(control) = &config.control {
        control.count_network();
    }
    Ok(history)
}

/// Measures what encodes the input on `train`, then trains.
///
/// # Errors
/// When features cannot be encoded, and as [`train_once`].
pub(crate) fn train_encoded(
    program: &mut Program,
    train: &Dataset,
    validation: Option<&Dataset>,
    config: &TrainConfig,
) -> Result<History, TrainError> {
    encode::fit(program, train, config.features)?;
    if let Some(held) = validation {
        check_features(program, held)?;
    }
    train_once(program, train, validation, config, &[])
}

struct Trainer<'a> {
    config: &'a TrainConfig,
    frozen: &'a [usize],
    weights: TargetWeights,
    program: Program,
    runner: Runner,
    gradients: Gradients,
    /// One for each node.
    learners: Vec<Learner>,
    features: Array2<f32>,
    step: usize,
    steps: usize,
    steps_an_epoch: usize,
}

/// What the optimizer remembers of one node; of nothing where the node learns nothing of a kind.
struct Learner {
    /// Weights of rows that were not taken away for good; the others stay zero.
    used: usize,
    weights: Moments,
    biases: Moments,
    gammas: Moments,
    /// The gains of a quantizer, or the units of the last layer.
    gain: Gain,
    /// Of a function, the levels that one unit of its value makes.
    rise: Gain,
}

impl<'a> Trainer<'a> {
    fn new(
        program: Program,
        config: &'a TrainConfig,
        train: &Dataset,
        frozen: &'a [usize],
    ) -> Result<Self, TrainError> {
        let batch = config.batch.min(train.len());
        let mut runner = Runner::training(&program, config.precision, batch, config.seed)?;
        if config.precision == Precision::Quantized {
            runner.noise = Noise::new(&program, config.seed, config.noise);
        }
        let gains: Vec<Gain> =
            (0..program.nodes.len()).map(|index| gain(&program, &runner, index, config)).collect();
        let trained: Vec<usize> = gains.iter().map(Gain::trained).collect();
        let gradients = Gradients::new(&program, batch, &trained);
        let learners =
            gains.into_iter().zip(&gradients.nodes).enumerate().map(|(index, (gain, slopes))| Learner {
                used: program.linear(index).map_or(0, |state| state.used_rows() * state.weight.ncols()),
                weights: Moments::new(slopes.weights.len()),
                biases: Moments::new(slopes.biases.len()),
                gammas: Moments::new(slopes.gammas.len()),
                gain,
                rise: rise(&program, index, config),
            });
        let learners = learners.collect();
        let steps_an_epoch = train.len().div_ceil(batch);
        Ok(Self {
            gradients,
            features: Array2::zeros((batch, program.features)),
            step: 0,
            steps: steps_an_epoch.saturating_mul(config.epochs_of(train.len())),
            steps_an_epoch,
            config,
            frozen,
            weights: config.class_weights.of(train.targets())?,
            program,
            runner,
            learners,
        })
    }

    fn run(&mut self, train: &Dataset, validation: Option<&Dataset>) -> Result<History, TrainError> {
        let config = self.config;
        let mut evaluator = Evaluator::of_training(&self.program, config)?;
        let mut history = History::default();
        let mut best: Option<(Measure, Program)> = None;
        let mut order: Vec<usize> = (0..train.len()).collect();
        let mut rng = config.seed.rng(BATCHES);
        let epochs = config.epochs_of(train.len());
        let deadline = config.control.as_ref().map(TrainControl::deadline).unwrap_or_default();
        let bar = bar(config, epochs);
        'epochs: for epoch in 1..=epochs {
            order.shuffle(&mut rng);
            let mut tally = Tally::default();
            let mut rate = 0.0;
            for rows in order.chunks(self.features.nrows()) {
                if deadline.is_over() {
                    if epoch == 1 {
                        return Err(deadline.error());
                    }
                    break 'epochs;
                }
                rate = self.rate();
                tally.add(self.batch(train, rows, rate)?);
            }
            if !tally.loss.is_finite() {
                return Err(TrainError::Diverged { epoch, rate: config.rate });
            }
            let held = match validation {
                Some(held) => Some(evaluator.judge(&self.program, held, config)?),
                None => None,
            };
            history.epochs.push(Epoch {
                epoch,
                rate,
                train_loss: tally.mean_loss(),
                validation_loss: held.map(|metrics| metrics.loss),
                validation_accuracy: held.and_then(|metrics| metrics.accuracy),
                nonzero: self.nonzero()?,
            });
            bar.set_message(message(&history));
            bar.inc(1);
            let Some(held) = held else {
                history.kept = epoch - 1;
                continue;
            };
            let is_better = best.as_ref().is_none_or(|(best, _)| held.is_better(best));
            if is_better || !config.restore_best {
                history.kept = epoch - 1;
            }
            if is_better {
                best = Some((held, self.program.clone()));
            }
            let idle = epoch.saturating_sub(history.kept);
            if config.restore_best && config.patience.is_some_and(|patience| idle > patience) {
                break;
            }
        }
        bar.finish_and_clear();
        if let (true, Some((_, program))) = (config.restore_best, best) {
            self.program = program;
        }
        Ok(history)
    }

    fn rate(&self) -> f32 {
        let warmup = (self.config.warmup * self.steps as f32) as usize;
        self.config.rate * self.config.schedule.factor(self.step, self.steps, self.steps_an_epoch, warmup)
    }

    fn batch(&mut self, train: &Dataset, rows: &[usize], rate: f32) -> Result<Tally, TrainError> {
        let config = self.config;
        if let Some(control) = &config.control {
            if control.is_cancelled() {
                return Err(TrainError::Cancelled);
            }
            control.count_step();
        }
        let max_nonzero = self.ramp();
        let source = train.features();
        for (mut to, &row) in self.features.rows_mut().into_iter().zip(rows) {
            to.assign(&source.row(row));
        }
        let features = &head(&self.features, rows.len());
        self.runner.refresh(&self.program, max_nonzero)?;
        let outputs = self.runner.run(features);
        let last = self.gradients.outputs.len() - 1;
        let slopes = head_mut(&mut self.gradients.outputs[last], rows.len());
        let objective = Objective { loss: config.loss, smoothing: config.smoothing, weights: &self.weights };
        let tally = score(objective, &outputs, train.targets(), rows, slopes);
        self.gradients.run(&self.program, &self.runner, rows.len());
        ridge::add(&self.program, &self.runner, &mut self.gradients, config.ridge.unwrap_or(0.0));
        for (node, kernel) in self.program.nodes.iter_mut().zip(&self.runner.kernels) {
            node.op.observe(kernel);
        }
        self.update(StepRate::new(config.optimizer, rate, self.step));
        self.step += 1;
        Ok(tally)
    }

    /// The limit on rows without a budget while it falls to `max_nonzero`; when it has, the masks are fixed.
    fn ramp(&mut self) -> Option<usize> {
        if self.config.precision == Precision::Float {
            return None;
        }
        let end = (self.config.ramp * self.steps as f32) as usize;
        if self.step == end {
            for node in &mut self.program.nodes {
                if let Op::Linear(state) = &mut node.op
                    && state.limits.max_l1.is_none()
                {
                    prune::keep_largest(state, state.limits.max_nonzero);
                }
            }
        }
        if self.step >= end {
            return None;
        }
        let widest = self.runner.kernels.iter().filter_map(|kernel| Some(kernel.get().weights()?.ncols()));
        let left = 1.0 - self.step as f32 / end as f32;
        Some((widest.max().unwrap_or(0) as f32 * left.powi(3)).ceil() as usize)
    }

    fn update(&mut self, rate: StepRate) {
        let quantized = self.config.precision == Precision::Quantized;
        for (index, node) in self.program.nodes.iter_mut().enumerate() {
            let Op::Linear(state) = &mut node.op else { continue };
            let used = self.learners[index].used;
            if self.frozen.contains(&index) || used == 0 {
                continue;
            }
            let limit = if quantized {
                let range = state.limits.weights;
                (range.lo as f32 - MARGIN, range.hi as f32 + MARGIN)
            } else {
                (f32::NEG_INFINITY, f32::INFINITY)
            };
            let slopes = &slice(&self.gradients.nodes[index].weights)[..used];
            let rate = if quantized { rate.times(rate_factor(state)) } else { rate };
            let weights = &mut slice_mut(&mut state.weight)[..used];
            self.learners[index].weights.step(rate, weights, slopes, limit);
            if quantized {
                release(state, rate.rate);
            }
            state.apply_mask();
        }
        for index in 0..self.program.nodes.len() {
            self.update_client(index, rate);
            self.update_bias(index, rate);
            self.update_norm(index, rate);
        }
        self.update_gains(rate);
    }

    /// Quantized, a bias in front of a quantizer trains in levels, in front of a function in the units of what it reads.
    fn update_bias(&mut self, index: usize, rate: StepRate) {
        let trains = match self.config.precision {
            Precision::Float => self.program.hold(index) != Bias::None,
            Precision::Quantized => matches!(self.program.hold(index), Bias::Free | Bias::Clipped),
        };
        // A normalisation takes every constant away.
        if !trains || self.program.is_normalized(index) {
            return;
        }
        let reader = self.runner.sources.iter().position(|from| *from == Some(index));
        let staircase =
            reader.and_then(|reader| Some((reader, self.runner.kernels[reader].get().staircase()?)));
        let quantized = self.config.precision == Precision::Quantized;
        let is_function = staircase.is_some_and(|(_, staircase)| staircase.lookup.is_some());
        let (unit, gains) = match (staircase, self.runner.kernels[index].get().affine()) {
            (Some((reader, staircase)), _) => {
                let step = self.program.levels(reader).map_or(1.0, |(step, _)| step);
                let unit = if staircase.lookup.is_some() { 1.0 } else { step };
                (unit, Some(&staircase.gains))
            }
            (None, affine) => (1.0, affine.map(|affine| &affine.units)),
        };
        let (factor, reach) =
            match reader.filter(|_| quantized).and_then(|reader| self.program.levels(reader).ok()) {
                Some(_) if is_function => (1.0, REACH),
                Some((_, levels)) => (half(levels) / half(Range::unsigned(3)), half(levels)),
                None => (1.0, f32::INFINITY),
            };
        let reach =
            if self.program.hold(index) == Bias::Clipped && quantized { reach } else { f32::INFINITY };
        let Op::Linear(state) = &mut self.program.nodes[index].op else { return };
        let Some(bias) = state.bias.as_slice_mut() else { return };
        let slopes = &mut self.gradients.nodes[index].biases;
        if let Some(gains) = gains {
            let positions = gains.len() / slopes.len();
            for (slope, gain) in slopes.iter_mut().zip(gains.iter().step_by(positions)) {
                *slope /= gain;
            }
        }
        for bias in bias.iter_mut() {
            *bias /= unit;
        }
        self.learners[index].biases.step(rate.times(factor), bias, slopes, (-reach, reach));
        for bias in bias.iter_mut() {
            *bias *= unit;
        }
    }

    /// Quantized, floats of the client cross the range in which they are drawn in as many steps as three-bit weights cross theirs.
    fn update_client(&mut self, index: usize, rate: StepRate) {
        let Op::Client(ClientState::Linear(state)) = &mut self.program.nodes[index].op else { return };
        let rate = match self.config.precision {
            Precision::Quantized => rate.times(state.reach() / THREE_BITS),
            Precision::Float => rate,
        };
        let free = (f32::NEG_INFINITY, f32::INFINITY);
        let (learner, slopes) = (&mut self.learners[index], &self.gradients.nodes[index]);
        learner.weights.step(rate, slice_mut(&mut state.weight), slice(&slopes.weights), free);
        if let Some(bias) = state.bias.as_slice_mut() {
            learner.biases.step(rate, bias, &slopes.biases, free);
        }
    }

    fn update_norm(&mut self, index: usize, rate: StepRate) {
        let is_centred =
            self.config.precision == Precision::Quantized && self.program.hold(index).has_centre();
        let Some(state) = self.program.nodes[index].op.norm_mut() else { return };
        let free = (f32::NEG_INFINITY, f32::INFINITY);
        let (learner, slopes) = (&mut self.learners[index], &self.gradients.nodes[index]);
        if let Some(gamma) = state.gamma.as_slice_mut() {
            learner.gammas.step(rate, gamma, &slopes.gammas, free);
        }
        if let (Some(beta), false) = (state.beta.as_slice_mut(), is_centred) {
            learner.biases.step(rate, beta, &slopes.biases, free);
        }
    }

    fn update_gains(&mut self, rate: StepRate) {
        for (learner, slopes) in self.learners.iter_mut().zip(&self.gradients.nodes) {
            learner.gain.step(rate, &slopes.log_gains);
            learner.rise.step(rate, std::slice::from_ref(&slopes.log_rise));
        }
        if self.learners.iter().any(|learner| learner.gain.learns || learner.rise.learns) {
            for index in 0..self.program.nodes.len() {
                self.apply_gains(index);
            }
        }
    }

    /// Chooses the step of a quantizer, or the scales in front of it where its step is fixed or has several of them to follow,
    /// so that its gains are as trained. What a normalisation reads keeps its unit, and with it the running averages.
    fn apply_gains(&mut self, index: usize) {
        let node = &self.program.nodes[index];
        if let (Op::Quantizer(state), Some(from)) = (&node.op, node.from)
            && !self.program.encodes(index)
        {
            let step = state.step;
            self.apply_gains_of_a_quantizer(index, from, step);
        } else if matches!(node.op, Op::Linear(_))
            && (self.program.is_last(index) || self.program.is_normalized(index))
        {
            self.set_units(index, index, 1.0);
        }
    }

    fn apply_gains_of_a_quantizer(&mut self, index: usize, from: usize, step: Option<f32>) {
        if self.program.function(index).is_some() {
            if self.learners[index].rise.learns
                && let Op::Quantizer(state) = &mut self.program.nodes[index].op
            {
                state.step = Some(1.0 / self.learners[index].rise.values[0]);
            }
            if self.program.linear(from).is_some() && self.program.readers(from).count() == 1 {
                self.set_units(from, index, 1.0);
            }
            return;
        }
        let read = &self.program.nodes[from].op;
        if matches!(read, Op::Norm(_) | Op::Constant(_)) {
            return;
        }
        let held = match self.program.linear(from) {
            Some(linear) if linear.weight_scale == WeightScale::PerChannel => step,
            _ => self.program.held_step(index),
        };
        if let Some(step) = held {
            if matches!(read, Op::Linear(_)) {
                self.set_units(from, index, step);
            }
        } else if let Ok(unit) = self.program.unit(from) {
            self.set_step(index, unit / self.learners[index].gain.values[0]);
        }
    }

    /// Chooses the scales of the linear layer at `index` so that a unit of its sums stands for a gain of the node at `reader`
    /// times `step`.
    fn set_units(&mut self, index: usize, reader: usize, step: f32) {
        if let Ok((step_in, _)) = self.program.input_levels(index)
            && let Op::Linear(LinearState { scale: Some(scale), bias, hold, .. }) =
                &mut self.program.nodes[index].op
        {
            let rows = bias.len() / scale.len();
            let biases = bias.as_slice_mut().unwrap_or_default().chunks_exact_mut(rows);
            for ((scale, gain), biases) in
                scale.iter_mut().zip(&self.learners[reader].gain.values).zip(biases)
            {
                let old = *scale;
                *scale = gain * step / step_in;
                // A clipped bias keeps its place among the sums.
                if *hold == Bias::Clipped && index != reader {
                    for bias in biases {
                        *bias *= *scale / old;
                    }
                }
            }
        }
    }

    fn set_step(&mut self, index: usize, step: f32) {
        let from = self.program.nodes[index].from;
        let Op::Quantizer(state) = &mut self.program.nodes[index].op else { return };
        let ratio = state.step.map_or(1.0, |old| step / old);
        state.step = Some(step);
        // A free bias keeps its place among the levels.
        if let Some(from) = from
            && let Op::Linear(state) = &mut self.program.nodes[from].op
            && state.hold != Bias::Clipped
        {
            state.bias.mapv_inplace(|bias| bias * ratio);
        }
    }

    fn nonzero(&mut self) -> Result<usize, TrainError> {
        let max_nonzero = None;
        self.runner.refresh(&self.program, max_nonzero)?;
        Ok(self.runner.kernels.iter().map(nonzero).sum())
    }
}

/// Half the span of levels.
fn half(levels: Range) -> f32 {
    (levels.hi - levels.lo) as f32 / 2.0
}

fn nonzero(kernel: &Kernel) -> usize {
    let weights = kernel.get().weights();
    weights.map_or(0, |weights| weights.iter().filter(|weight| **weight != 0.0).count())
}

fn bar(config: &TrainConfig, epochs: usize) -> ProgressBar {
    if !config.progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("training {bar:32} {pos}/{len} {msg} {eta}");
    ProgressBar::new(epochs as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn message(history: &History) -> String {
    let Some(epoch) = history.epochs.last() else { return String::new() };
    let accuracy = epoch.validation_accuracy.map(|accuracy| format!(", {:.2} %", 100.0 * accuracy));
    format!("loss {:.4}{}", epoch.train_loss, accuracy.unwrap_or_default())
}
