//! The training loop.

#[cfg(test)]
mod tests;

use fheqat_spec::{Bias, WeightScale};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;
use rand::seq::SliceRandom;

use super::{
    TrainError,
    backward::Gradients,
    calibrate::{self, Purpose},
    config::{Activations, TrainConfig, Validation},
    economy,
    evaluate::{Evaluator, Metrics},
    history::{Epoch, History},
    loss::{Objective, Tally, judge},
    optimizer::{Moments, Pace},
};
use crate::{
    data::Dataset,
    nn::{
        Precision,
        forward::{Kernel, Product, Runner},
        head, head_mut,
        layer::LinearState,
        noise::Noise,
        program::{Op, Program},
        slice, slice_mut,
    },
    prune,
};

/// How far beyond its range a float weight may go before it is held: not so far that it takes long to come back.
const MARGIN: f32 = 0.45;
/// Gains between layers train at this multiple of the rate: at 1 wide rows lose cells of the checkerboard that were right,
/// at 0 narrow rows never find them. The unit of the last layer needs the whole rate.
const GAIN_HASTE: f32 = 0.2;
/// The stream of a seed that orders the batches.
const BATCHES: u64 = 4;

/// Trains `program` on `data` and gives the log.
///
/// # Errors
/// When an option is out of range, the data does not fit the network, or the loss diverges.
pub(crate) fn fit(
    program: &mut Program,
    data: &Dataset,
    config: &TrainConfig,
) -> Result<History, TrainError> {
    config.check()?;
    super::check_data(program, data, config.loss)?;
    let economy =
        config.economy.as_ref().filter(|_| config.precision == Precision::Quantized && is_fresh(program));
    let (train, validation) = match &config.validation {
        Validation::None => (data.clone(), None),
        Validation::Fraction(fraction) => {
            let fraction = economy.map_or(*fraction, |_| economy::held_out(*fraction, data.len()));
            let (train, held) = data.split(fraction, config.seed)?;
            (train, Some(held))
        }
        Validation::Set(held) => {
            super::check_data(program, held, config.loss)?;
            (data.clone(), Some(held.clone()))
        }
    };
    if config.standardize {
        program.standardize(&train.features());
    }
    match (economy, &validation) {
        (Some(economy), Some(validation)) => {
            economy::search(program, data, &train, validation, config, economy)
        }
        _ => train_once(program, &train, validation.as_ref(), config, &[]),
    }
}

fn is_fresh(program: &Program) -> bool {
    (0..program.nodes.len()).filter_map(|index| program.linear(index)).all(|state| state.scale.is_none())
}

/// Trains one network; the weights of the layers in `frozen` stay as they are.
///
/// # Errors
/// When a layer cannot be calibrated, or the loss diverges.
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
    *program = trainer.program;
    Ok(history)
}

struct Trainer<'a> {
    config: &'a TrainConfig,
    frozen: &'a [usize],
    program: Program,
    runner: Runner,
    gradients: Gradients,
    weights: Vec<Moments>,
    biases: Vec<Moments>,
    gammas: Vec<Moments>,
    gains: Vec<Gain>,
    /// Of each node that has a function, the levels that one unit of its value makes.
    rises: Vec<Gain>,
    features: Array2<f32>,
    step: usize,
    steps: usize,
    an_epoch: usize,
}

/// The gains of a quantizer, or the units of the last layer, as they train: one for each scale of the weights in front. In front of a function
/// a gain is the unit of what it reads.
struct Gain {
    moments: Moments,
    values: Vec<f32>,
    logs: Vec<f32>,
    learns: bool,
    /// The multiple of the rate at which it trains.
    haste: f32,
}

impl<'a> Trainer<'a> {
    fn new(
        program: Program,
        config: &'a TrainConfig,
        train: &Dataset,
        frozen: &'a [usize],
    ) -> Result<Self, TrainError> {
        let batch = config.batch.min(train.len());
        let mut runner = Runner::training(&program, config.precision, batch)?;
        if config.precision == Precision::Quantized {
            runner.noise = Noise::new(&program, config.seed, config.noise);
        }
        let gains: Vec<Gain> =
            (0..program.nodes.len()).map(|index| gain(&program, &runner, index, config)).collect();
        let trained: Vec<usize> =
            gains.iter().map(|gain| if gain.learns { gain.logs.len() } else { 0 }).collect();
        let rises = (0..program.nodes.len()).map(|index| rise(&program, index, config)).collect();
        let an_epoch = train.len().div_ceil(batch);
        let lengths = |count: fn(&Op) -> usize| {
            program.nodes.iter().map(|node| Moments::new(count(&node.op))).collect()
        };
        Ok(Self {
            weights: lengths(|op| if let Op::Linear(state) = op { state.weight.len() } else { 0 }),
            biases: lengths(|op| match op {
                Op::Linear(state) => state.bias.len(),
                Op::Norm(state) => state.beta.len(),
                _ => 0,
            }),
            gammas: lengths(|op| if let Op::Norm(state) = op { state.gamma.len() } else { 0 }),
            gradients: Gradients::new(&program, batch, &trained),
            features: Array2::zeros((batch, program.features)),
            step: 0,
            steps: an_epoch * config.epochs,
            an_epoch,
            config,
            frozen,
            program,
            runner,
            gains,
            rises,
        })
    }

    fn run(&mut self, train: &Dataset, validation: Option<&Dataset>) -> Result<History, TrainError> {
        let config = self.config;
        let mut evaluator = Evaluator::of_training(&self.program, config)?;
        let mut history = History::default();
        let mut best: Option<(Metrics, Program)> = None;
        let mut order: Vec<usize> = (0..train.len()).collect();
        let mut rng = config.seed.rng(BATCHES);
        let bar = bar(config);
        for epoch in 1..=config.epochs {
            order.shuffle(&mut rng);
            let mut tally = Tally::default();
            let mut rate = 0.0;
            for rows in order.chunks(self.features.nrows()) {
                rate = self.rate();
                tally.add(self.batch(train, rows, rate)?);
            }
            if !tally.loss.is_finite() {
                return Err(TrainError::Diverged { epoch, rate: config.rate });
            }
            let held = match validation {
                Some(held) => Some(evaluator.run(&self.program, held, config.loss)?),
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
            if config.patience.is_some_and(|patience| epoch > history.kept + patience && config.restore_best)
            {
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
        self.config.rate * self.config.schedule.factor(self.step, self.steps, self.an_epoch, warmup)
    }

    fn batch(&mut self, train: &Dataset, rows: &[usize], rate: f32) -> Result<Tally, TrainError> {
        let config = self.config;
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
        let objective = Objective { loss: config.loss, smoothing: config.smoothing };
        let tally = judge(objective, &outputs, train.targets(), rows, slopes);
        self.gradients.run(&self.program, &self.runner, features);
        for (node, kernel) in self.program.nodes.iter_mut().zip(&self.runner.kernels) {
            if let (Op::Norm(state), Kernel::Normalize(normalize)) = (&mut node.op, kernel) {
                normalize.average_into(state);
            }
        }
        self.update(Pace::new(config.optimizer, rate, self.step));
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
        let widest = self.runner.kernels.iter().map(|kernel| match kernel {
            Kernel::Product(product) => product.weights.ncols(),
            _ => 0,
        });
        let left = 1.0 - self.step as f32 / end as f32;
        Some((widest.max().unwrap_or(0) as f32 * left.powi(3)).ceil() as usize)
    }

    fn update(&mut self, pace: Pace) {
        let quantized = self.config.precision == Precision::Quantized;
        for (index, node) in self.program.nodes.iter_mut().enumerate() {
            let Op::Linear(state) = &mut node.op else { continue };
            if self.frozen.contains(&index) {
                continue;
            }
            let limit = if quantized {
                let range = state.limits.weights;
                (range.lo as f32 - MARGIN, range.hi as f32 + MARGIN)
            } else {
                (f32::NEG_INFINITY, f32::INFINITY)
            };
            let slopes = slice(&self.gradients.weights[index]);
            self.weights[index].step(pace, slice_mut(&mut state.weight), slopes, limit);
            if let Some(mask) = &state.mask {
                state.weight.zip_mut_with(mask, |weight, &kept| {
                    if !kept {
                        *weight = 0.0;
                    }
                });
            }
        }
        for index in 0..self.program.nodes.len() {
            self.update_bias(index, pace);
            self.update_norm(index, pace);
        }
        self.update_gains(pace);
    }

    /// Quantized, a bias in front of a quantizer trains in levels, in front of a function in the units of what it reads.
    fn update_bias(&mut self, index: usize, pace: Pace) {
        let trains = match self.config.precision {
            Precision::Float => self.program.hold(index) != Bias::None,
            Precision::Quantized => self.program.hold(index) == Bias::Free,
        };
        // A normalisation takes every constant away.
        if !trains || self.program.is_normalized(index) {
            return;
        }
        let reader = self.runner.sources.iter().position(|from| *from == Some(index));
        let (unit, gains) = match (
            reader.map(|reader| (reader, &self.runner.kernels[reader])),
            &self.runner.kernels[index],
        ) {
            (Some((reader, Kernel::Requantize(staircase))), _) => {
                let step = self.program.levels(reader).map_or(1.0, |(step, _)| step);
                let unit = if staircase.lookup.is_some() { 1.0 } else { step };
                (unit, Some(&staircase.gains))
            }
            (_, Kernel::Product(product)) => (1.0, product.affine.as_ref().map(|affine| &affine.units)),
            _ => (1.0, None),
        };
        let Op::Linear(state) = &mut self.program.nodes[index].op else { return };
        let Some(bias) = state.bias.as_slice_mut() else { return };
        let slopes = &mut self.gradients.biases[index];
        if let Some(gains) = gains {
            let positions = gains.len() / slopes.len();
            for (slope, gain) in slopes.iter_mut().zip(gains.iter().step_by(positions)) {
                *slope /= gain;
            }
        }
        for bias in bias.iter_mut() {
            *bias /= unit;
        }
        self.biases[index].step(pace, bias, slopes, (f32::NEG_INFINITY, f32::INFINITY));
        for bias in bias.iter_mut() {
            *bias *= unit;
        }
    }

    fn update_norm(&mut self, index: usize, pace: Pace) {
        let is_centred =
            self.config.precision == Precision::Quantized && self.program.hold(index) == Bias::Centred;
        let Op::Norm(state) = &mut self.program.nodes[index].op else { return };
        let free = (f32::NEG_INFINITY, f32::INFINITY);
        if let Some(gamma) = state.gamma.as_slice_mut() {
            self.gammas[index].step(pace, gamma, &self.gradients.gammas[index], free);
        }
        if let (Some(beta), false) = (state.beta.as_slice_mut(), is_centred) {
            self.biases[index].step(pace, beta, &self.gradients.biases[index], free);
        }
    }

    fn update_gains(&mut self, pace: Pace) {
        for (gain, slopes) in self.gains.iter_mut().zip(&self.gradients.log_gains) {
            gain.step(pace, slopes);
        }
        for (rise, slope) in self.rises.iter_mut().zip(&self.gradients.log_rises) {
            rise.step(pace, std::slice::from_ref(slope));
        }
        if self.gains.iter().chain(&self.rises).any(|gain| gain.learns) {
            for index in 0..self.program.nodes.len() {
                self.settle(index);
            }
        }
    }

    /// Chooses the step of a quantizer, or the scales in front of it where its step is fixed or has several of them to follow,
    /// so that its gains are as trained. What a normalisation reads keeps its unit, and with it the running averages.
    fn settle(&mut self, index: usize) {
        let from = self.program.nodes[index].from;
        let last = self.program.is_last(index);
        match (&self.program.nodes[index].op, from) {
            (Op::Quantizer(_), Some(from)) if self.program.function(index).is_some() => {
                if self.rises[index].learns
                    && let Op::Quantizer(state) = &mut self.program.nodes[index].op
                {
                    state.step = Some(1.0 / self.rises[index].values[0]);
                }
                if self.program.linear(from).is_some() && self.program.readers(from).count() == 1 {
                    self.set_units(from, index, 1.0);
                }
            }
            (Op::Quantizer(_), Some(from)) if matches!(self.program.nodes[from].op, Op::Norm(_)) => {}
            (Op::Quantizer(state), Some(from)) => {
                let held = match self.program.linear(from) {
                    Some(linear) if linear.weight_scale == WeightScale::PerChannel => state.step,
                    _ => self.program.held_step(index),
                };
                match (held, &self.program.nodes[from].op) {
                    (Some(step), Op::Linear(_)) => self.set_units(from, index, step),
                    (Some(_), _) => {}
                    (None, _) => {
                        if let Ok(unit) = self.program.unit(from) {
                            self.set_step(index, unit / self.gains[index].values[0]);
                        }
                    }
                }
            }
            (Op::Linear(_), _) if last || self.program.is_normalized(index) => {
                self.set_units(index, index, 1.0);
            }
            _ => {}
        }
    }

    /// Chooses the scales of the linear layer at `index` so that a unit of its sums stands for a gain of the node at `reader`
    /// times `step`.
    fn set_units(&mut self, index: usize, reader: usize, step: f32) {
        if let Ok((step_in, _)) = self.program.input_levels(index)
            && let Op::Linear(LinearState { scale: Some(scale), .. }) = &mut self.program.nodes[index].op
        {
            for (scale, gain) in scale.iter_mut().zip(&self.gains[reader].values) {
                *scale = gain * step / step_in;
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

impl Gain {
    fn step(&mut self, pace: Pace, slopes: &[f32]) {
        if !self.learns {
            return;
        }
        self.moments.step(pace.times(self.haste), &mut self.logs, slopes, (f32::NEG_INFINITY, f32::INFINITY));
        for (value, log) in self.values.iter_mut().zip(&self.logs) {
            *value = log.exp();
        }
    }

    fn new(values: Vec<f32>, learns: bool, haste: f32) -> Self {
        let logs = values.iter().map(|value| value.ln()).collect();
        Self { moments: Moments::new(values.len()), values, logs, learns, haste }
    }
}

fn nonzero(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::Product(product) => product.weights.iter().filter(|weight| **weight != 0.0).count(),
        _ => 0,
    }
}

fn gain(program: &Program, runner: &Runner, index: usize, config: &TrainConfig) -> Gain {
    let node = &program.nodes[index];
    let learned = config.activations == Activations::Learned;
    let haste = if program.is_last(index) { 1.0 } else { GAIN_HASTE };
    let scales = |index| program.linear(index).map_or(1, LinearState::scales);
    if config.precision == Precision::Quantized && program.is_normalized(index) {
        let units = program.units(index).map_or_else(|_| vec![1.0], Iterator::collect);
        return Gain::new(units, false, haste);
    }
    let (numbers, count, learns) = match (&runner.kernels[index], node.from) {
        (Kernel::Requantize(staircase), Some(from)) => {
            (Some(&staircase.gains), scales(from), learned && can_learn(program, index))
        }
        (Kernel::Product(Product { affine: Some(affine), .. }), _) => {
            (Some(&affine.units), scales(index), config.precision == Precision::Quantized)
        }
        _ => (None, 1, false),
    };
    let values = match numbers {
        Some(numbers) => numbers.iter().copied().step_by(numbers.len() / count).collect(),
        None => vec![1.0],
    };
    Gain::new(values, learns, haste)
}

/// What a unit of a function's value makes trains where nothing holds the step.
fn rise(program: &Program, index: usize, config: &TrainConfig) -> Gain {
    let step = program.step(index).ok().filter(|_| program.function(index).is_some());
    let learned = config.activations == Activations::Learned && config.precision == Precision::Quantized;
    let learns = learned && step.is_some() && program.held_step(index).is_none();
    Gain::new(vec![1.0 / step.unwrap_or(1.0)], learns, GAIN_HASTE)
}

/// A gain trains where something is free to follow it: the step of its quantizer, or the scale in front of a step that is
/// held. What two quantizers read follows neither, and a budget needs the gain it starts with. The unit in front of a
/// function is that of the weights. A batch normalisation has gains of its own.
fn can_learn(program: &Program, index: usize) -> bool {
    let Some(from) = program.nodes[index].from else { return false };
    let has_function = program.function(index).is_some();
    match program.linear(from) {
        Some(state) => (has_function || state.limits.max_l1.is_none()) && program.readers(from).count() == 1,
        None if matches!(program.nodes[from].op, Op::Norm(_)) => false,
        None => !has_function && program.held_step(index).is_none(),
    }
}

fn bar(config: &TrainConfig) -> ProgressBar {
    if !config.progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("training {bar:32} {pos}/{len} {msg} {eta}");
    ProgressBar::new(config.epochs as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn message(history: &History) -> String {
    let Some(epoch) = history.epochs.last() else { return String::new() };
    let accuracy = epoch.validation_accuracy.map(|accuracy| format!(", {:.2} %", 100.0 * accuracy));
    format!("loss {:.4}{}", epoch.train_loss, accuracy.unwrap_or_default())
}
