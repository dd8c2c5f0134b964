//! Runs a program on a batch.
//!
//! Quantized, a linear layer's sums are integers below 2^24 held in `f32`, so they are exact in any order of addition.

use std::sync::Arc;

use fheqat_spec::{Bias, Range};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    head, head_mut,
    layer::{Curve, NormState, QuantizerState},
    multiply::multiply,
    noise::Noise,
    program::{NetworkError, Op, Program},
    slice, slice_mut,
    sliding::Sliding,
    window::Windows,
};
use crate::quant::{
    Encoder, Lookup, Quantizer, Requantize, Standardization,
    row::{RowLimits, RowRounder, exact_sum},
    transition::{Channel, Dequantize, Origin},
};
use crate::vectors::on_vectors;

/// Numbers that are worth a thread to round them.
const NUMBERS: usize = 1 << 16;

/// How a network runs on plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// Nothing is rounded.
    Float,
    /// Integer weights and levels, exactly as under encryption.
    #[default]
    Quantized,
}

/// What a batch normalisation normalises with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistics {
    /// Averages over the batches of training.
    Running,
    /// Those of the batch at work.
    Batch,
}

/// What a node does to a batch, with all numbers ready.
#[derive(Clone, Debug)]
pub(crate) enum Kernel {
    /// Features to levels.
    Encode(Encoder),
    /// Sums or levels to levels.
    Requantize(Staircase),
    /// Floats through a curve.
    Pass(Curve),
    /// Features standardised.
    Standardize(Standardization),
    /// Sums of products.
    Product(Product),
    /// Sums of windows, each times a unit.
    Pool { windows: Arc<Windows>, unit: f32 },
    /// Numbers of other nodes.
    Wiring(Wiring),
    /// A batch normalisation by running averages, or nothing where the staircase behind holds it.
    Affine(Affine),
    /// A batch normalisation by the statistics of the batch, in training.
    Normalize(Normalize),
}

/// Numbers of other nodes, added or put in another order.
#[derive(Clone, Debug)]
pub(crate) struct Wiring {
    pub(crate) order: Order,
    /// The step, where the numbers are the network's output; else 1.
    pub(crate) unit: f32,
}

#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// The sum of these nodes.
    Sum(Vec<usize>),
    /// The numbers of these nodes, one node after the other.
    Join(Vec<usize>),
    /// Number `k` is number `order[k]` of this node.
    Permute(usize, Vec<usize>),
}

/// The staircases of a layer's neurons.
#[derive(Clone, Debug)]
pub(crate) struct Staircase {
    /// One for each neuron.
    pub(crate) gains: Vec<f32>,
    /// One for each neuron.
    pub(crate) offsets: Vec<f32>,
    pub(crate) lookup: Option<Lookup>,
    pub(crate) levels: Range,
    /// The step, where the levels are the network's output; else 1.
    pub(crate) unit: f32,
}

impl Staircase {
    fn set(&mut self, channels: impl ExactSizeIterator<Item = Requantize>) {
        let positions = self.gains.len() / channels.len().max(1);
        let numbers = self.gains.chunks_exact_mut(positions).zip(self.offsets.chunks_exact_mut(positions));
        self.lookup = None;
        for ((gains, offsets), channel) in numbers.zip(channels) {
            gains.fill(channel.gain);
            offsets.fill(channel.offset);
            self.lookup = channel.lookup;
        }
    }

    /// From rows of sums to rows of levels.
    pub(crate) fn run(&self, sums: &[f32], to: &mut [f32]) {
        let levels = self.levels;
        match self.lookup {
            None => on_vectors(|| {
                let neuron = move |gain, offset| Requantize { gain, offset, lookup: None, levels };
                self.each(sums, to, neuron);
            }),
            lookup => self.each(sums, to, |gain, offset| Requantize { gain, offset, lookup, levels }),
        }
    }

    /// One loop for each kind of staircase, so that the one without a function runs on vectors.
    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into a dispatch is compiled for its instructions"
    )]
    #[inline(always)]
    fn each(&self, sums: &[f32], to: &mut [f32], neuron: impl Fn(f32, f32) -> Requantize) {
        let (width, unit) = (self.gains.len(), self.unit);
        for (to, sums) in to.chunks_exact_mut(width).zip(sums.chunks_exact(width)) {
            let neurons = self.gains.iter().zip(&self.offsets);
            for ((level, sum), (&gain, &offset)) in to.iter_mut().zip(sums).zip(neurons) {
                *level = neuron(gain, offset).level(*sum) * unit;
            }
        }
    }
}

/// A matrix, and what follows where no quantizer does.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// `[out, in]`, or `[filters, fan_in]`.
    pub(crate) weights: Array2<f32>,
    /// What filters see, where the rows are filters.
    pub(crate) sliding: Option<Sliding>,
    /// The sum of each row.
    pub(crate) row_sums: Vec<f32>,
    /// `sum * unit + bias`.
    pub(crate) affine: Option<Affine>,
}

#[derive(Clone, Debug)]
pub(crate) struct Affine {
    /// One for each number out.
    pub(crate) units: Vec<f32>,
    /// One for each number out.
    pub(crate) biases: Vec<f32>,
}

impl Affine {
    fn new(width: usize) -> Self {
        Self { units: vec![1.0; width], biases: vec![0.0; width] }
    }

    fn set(&mut self, channels: impl ExactSizeIterator<Item = Dequantize>) {
        let positions = self.units.len() / channels.len().max(1);
        let numbers = self.units.chunks_exact_mut(positions).zip(self.biases.chunks_exact_mut(positions));
        for ((units, biases), channel) in numbers.zip(channels) {
            units.fill(channel.unit);
            biases.fill(channel.bias());
        }
    }

    /// Of rows of sums.
    pub(crate) fn run(&self, sums: &mut [f32]) {
        let Self { units, biases } = self;
        for row in sums.chunks_exact_mut(units.len()) {
            for ((value, unit), bias) in row.iter_mut().zip(units).zip(biases) {
                *value = *value * unit + bias;
            }
        }
    }
}

/// A batch normalisation by the statistics of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Normalize {
    /// What it reads stands for, one for each channel.
    inputs: Vec<Dequantize>,
    /// What it has learned, with the statistics of the last batch.
    channels: Vec<Channel>,
    pub(crate) affine: Affine,
    /// What it read of each channel in the last batch.
    pub(crate) seen: Vec<Seen>,
    /// Numbers of each channel in the last batch.
    pub(crate) count: usize,
}

/// What a batch normalisation read of one channel, in the units of what it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) mean: f32,
    /// What is normalised to zero: the mean, or the centre.
    pub(crate) zero: f32,
    pub(crate) is_centred: bool,
    /// Deviations that one unit makes.
    pub(crate) deviations: f32,
}

impl Normalize {
    fn set(&mut self, state: &NormState, inputs: &[Dequantize]) {
        self.inputs.clear();
        self.inputs.extend(inputs.iter().cycle().take(self.seen.len()));
        self.channels.clear();
        self.channels.extend(state.channels());
    }

    /// Measures the channels of rows of what it reads, and scales by what it finds.
    pub(crate) fn observe(&mut self, rows: &[f32]) {
        let width = self.affine.units.len();
        let positions = width / self.seen.len();
        self.count = rows.len() / width * positions;
        let of = |channel: usize| {
            rows.chunks_exact(width).flat_map(move |row| &row[channel * positions..(channel + 1) * positions])
        };
        for (index, seen) in self.seen.iter_mut().enumerate() {
            let (input, channel) = (&self.inputs[index], &mut self.channels[index]);
            let mean = of(index).sum::<f32>() / self.count as f32;
            let squares = of(index).map(|value| (value - mean) * (value - mean)).sum::<f32>();
            channel.mean = mean * input.unit + input.bias();
            channel.variance = squares / self.count as f32 * input.unit * input.unit;
            let (zero, is_centred) = match input.origin {
                Origin::Bias(_) => (mean, false),
                Origin::Centre(centre) => (centre, true),
            };
            *seen = Seen {
                mean,
                zero,
                is_centred,
                deviations: input.unit / (channel.variance + Channel::EPSILON).sqrt(),
            };
        }
        let Self { affine, inputs, channels, .. } = self;
        affine.set(inputs.iter().zip(channels).map(|(input, channel)| input.normalize(*channel)));
    }

    /// Moves running averages to the statistics of the last batch, the variance as if estimated from a sample.
    pub(crate) fn average_into(&self, state: &mut NormState) {
        let unbiased = self.count as f32 / (self.count.max(2) - 1) as f32;
        let move_to = |average: &mut f32, seen: f32| *average += NormState::MOMENTUM * (seen - *average);
        for ((channel, mean), variance) in self.channels.iter().zip(&mut state.mean).zip(&mut state.variance)
        {
            move_to(mean, channel.mean);
            move_to(variance, channel.variance * unbiased);
        }
    }
}

/// A program with numbers ready and memory for a batch.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    precision: Precision,
    pub(crate) kernels: Vec<Kernel>,
    /// The node that each node reads.
    pub(crate) sources: Vec<Option<usize>>,
    /// The output of each node, `[batch, width]`.
    pub(crate) outputs: Vec<Array2<f32>>,
    /// What sums are off by.
    pub(crate) noise: Option<Noise>,
    rounders: Vec<RowRounder>,
    /// What the sums of whichever node is refreshed stand for.
    channels: Vec<Dequantize>,
}

impl Runner {
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn new(program: &Program, precision: Precision, batch: usize) -> Result<Self, NetworkError> {
        Self::of_first(program, program.nodes.len(), precision, Statistics::Running, batch)
    }

    /// A runner that normalises with the statistics of each batch.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn training(
        program: &Program,
        precision: Precision,
        batch: usize,
    ) -> Result<Self, NetworkError> {
        Self::of_first(program, program.nodes.len(), precision, Statistics::Batch, batch)
    }

    /// A runner of the first `count` nodes.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn of_first(
        program: &Program,
        count: usize,
        precision: Precision,
        statistics: Statistics,
        batch: usize,
    ) -> Result<Self, NetworkError> {
        let nodes = &program.nodes[..count];
        let kernel = |index| allocate(program, index, precision, statistics, batch);
        let mut runner = Self {
            precision,
            kernels: (0..count).map(kernel).collect(),
            sources: nodes.iter().map(|node| node.from).collect(),
            outputs: nodes.iter().map(|node| Array2::zeros((batch, node.width))).collect(),
            noise: None,
            rounders: Vec::new(),
            channels: Vec::new(),
        };
        runner.refresh(program, None)?;
        Ok(runner)
    }

    /// Reads every number of the program again; `max_nonzero` replaces the limit of rows that have no budget.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn refresh(
        &mut self,
        program: &Program,
        max_nonzero: Option<usize>,
    ) -> Result<(), NetworkError> {
        for index in 0..self.kernels.len() {
            self.refresh_node(program, index, max_nonzero)?;
        }
        Ok(())
    }

    fn refresh_node(
        &mut self,
        program: &Program,
        index: usize,
        max_nonzero: Option<usize>,
    ) -> Result<(), NetworkError> {
        let node = &program.nodes[index];
        let channels = &mut self.channels;
        let (before, rest) = self.kernels.split_at_mut(index);
        match (&mut rest[0], &node.op) {
            (Kernel::Encode(encoder), Op::Quantizer(_)) => {
                encoder.quantizer.step = program.step(index)?;
            }
            (Kernel::Requantize(staircase), Op::Quantizer(_)) => {
                let Some(from) = node.from else { return Ok(()) };
                staircase.unit = if program.is_last(index) { program.step(index)? } else { 1.0 };
                read(program, before, from, channels)?;
                let ((step, levels), function) = (program.levels(index)?, program.function(index));
                staircase.set(channels.iter().map(|sums| sums.requantize(step, levels, function)));
            }
            (Kernel::Wiring(wiring), _) => {
                let is_output = self.precision == Precision::Quantized && program.is_last(index);
                wiring.unit = if is_output { program.step(index)? } else { 1.0 };
            }
            (Kernel::Product(product), Op::Linear(state)) => {
                match self.precision {
                    Precision::Float => {
                        product.weights.assign(&state.weight);
                        state.scale_rows(&mut product.weights);
                    }
                    Precision::Quantized => {
                        let limits = match max_nonzero {
                            Some(count) if state.limits.max_l1.is_none() => {
                                RowLimits { max_nonzero: count.max(state.limits.max_nonzero), ..state.limits }
                            }
                            _ => state.limits,
                        };
                        state.round_into(&limits, &mut self.rounders, &mut product.weights);
                        let width = product.weights.ncols();
                        let rows = slice(&product.weights).chunks_exact(width);
                        for (sum, row) in product.row_sums.iter_mut().zip(rows) {
                            *sum = exact_sum(row, |weight| weight);
                        }
                    }
                }
                let Product { affine, row_sums, .. } = product;
                if let Some(affine) = affine {
                    match self.precision {
                        Precision::Float => affine.set(
                            state
                                .bias
                                .iter()
                                .map(|&bias| Dequantize { unit: 1.0, origin: Origin::Bias(bias) }),
                        ),
                        Precision::Quantized => {
                            program.dequantize_into(index, row_sums, channels)?;
                            affine.set(channels.iter().copied());
                        }
                    }
                }
            }
            (Kernel::Affine(affine), Op::Norm(state)) => match self.precision {
                Precision::Float => {
                    let float = Dequantize::plain(1.0);
                    affine.set(state.channels().map(|channel| float.normalize(channel)));
                }
                Precision::Quantized if program.is_last(index) => {
                    read(program, before, index, channels)?;
                    affine.set(channels.iter().copied());
                }
                Precision::Quantized => {}
            },
            (Kernel::Normalize(normalize), Op::Norm(state)) => {
                let Some(from) = node.from else { return Ok(()) };
                match self.precision {
                    Precision::Float => normalize.set(state, &[Dequantize::plain(1.0)]),
                    Precision::Quantized => {
                        read(program, before, from, channels)?;
                        normalize.set(state, channels);
                    }
                }
            }
            (Kernel::Pool { unit, .. }, _) => {
                *unit = match (self.precision, &node.op) {
                    (Precision::Float, Op::Pool(windows)) => 1.0 / windows.elements as f32,
                    (Precision::Quantized, _) if program.is_last(index) => program.unit(index)?,
                    _ => 1.0,
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// Multiplications that one sample takes.
    pub(crate) fn multiplications(&self) -> usize {
        let of = |kernel: &Kernel| match kernel {
            Kernel::Product(Product { weights, sliding, .. }) => {
                weights.len() * sliding.as_ref().map_or(1, |sliding| sliding.filters.windows.positions)
            }
            _ => 0,
        };
        self.kernels.iter().map(of).sum()
    }

    /// Runs a batch `[n, features]` with `n` at most the batch allocated; the outputs are `[n, outputs]`.
    pub(crate) fn run(&mut self, features: &ArrayView2<'_, f32>) -> ArrayView2<'_, f32> {
        let count = features.nrows();
        for index in 0..self.kernels.len() {
            self.run_node(index, features);
        }
        let last = self.outputs.len() - 1;
        if let Some(noise) = &mut self.noise {
            let width = self.outputs[last].ncols();
            let outputs = &mut slice_mut(&mut self.outputs[last])[..count * width];
            noise.on_outputs((&self.kernels, &self.sources), outputs, width);
        }
        head(&self.outputs[last], count)
    }

    /// What the node at `index` read of what the node at `from` gave.
    pub(crate) fn read(&self, index: usize, from: usize) -> &[f32] {
        self.noise.as_ref().and_then(|noise| noise.read(index)).unwrap_or_else(|| slice(&self.outputs[from]))
    }

    fn run_node(&mut self, index: usize, features: &ArrayView2<'_, f32>) {
        let count = features.nrows();
        let (before, rest) = self.outputs.split_at_mut(index);
        let output = &mut rest[0];
        let width = output.ncols();
        let (kernels, kernel) = self.kernels.split_at_mut(index);
        match &mut kernel[0] {
            Kernel::Encode(encoder) => {
                head_mut(output, count).assign(features);
                let samples = width * (NUMBERS / width).max(1);
                let rows = slice_mut(output)[..count * width].par_chunks_mut(samples);
                rows.for_each(|rows| rows.chunks_exact_mut(width).for_each(|row| encoder.round_all(row)));
            }
            Kernel::Standardize(standardization) => {
                for (mut to, from) in output.rows_mut().into_iter().zip(features.rows()) {
                    for (feature, (to, &value)) in to.iter_mut().zip(from).enumerate() {
                        *to = standardization.apply(feature, value);
                    }
                }
            }
            Kernel::Pass(curve) => {
                let operand = match self.sources[index] {
                    Some(from) => head(&before[from], count),
                    None => features.view(),
                };
                for (mut to, from) in output.rows_mut().into_iter().zip(operand.rows()) {
                    match curve {
                        Curve::Identity => to.assign(&from),
                        Curve::Rectify => to.zip_mut_with(&from, |to, &from| *to = from.max(0.0)),
                        Curve::Function(function) => {
                            to.zip_mut_with(&from, |to, &from| *to = function.apply(from));
                        }
                    }
                }
            }
            Kernel::Requantize(staircase) => {
                let Some(from) = self.sources[index] else { return };
                let length = count * width;
                let sums = &slice(&before[from])[..length];
                let sums = match &mut self.noise {
                    Some(noise) => noise.on_sums(index, staircase, (kernels, &self.sources), sums),
                    None => sums,
                };
                staircase.run(sums, &mut slice_mut(output)[..length]);
            }
            Kernel::Wiring(wiring) => wiring.run(before, output, count),
            Kernel::Product(product) => {
                let Some(from) = self.sources[index] else { return };
                let operand = head(&before[from], count);
                if let Some(sliding) = &mut product.sliding {
                    let samples = &slice(&before[from])[..operand.len()];
                    sliding.run(&product.weights, samples, &mut slice_mut(output)[..count * width]);
                } else {
                    multiply(&operand, &product.weights.t(), 0.0, &mut head_mut(output, count));
                }
                if let Some(affine) = &product.affine {
                    affine.run(&mut slice_mut(output)[..count * width]);
                }
            }
            Kernel::Affine(affine) => {
                let Some(from) = self.sources[index] else { return };
                let output = &mut slice_mut(output)[..count * width];
                output.copy_from_slice(&slice(&before[from])[..count * width]);
                affine.run(output);
            }
            Kernel::Normalize(normalize) => {
                let Some(from) = self.sources[index] else { return };
                let output = &mut slice_mut(output)[..count * width];
                output.copy_from_slice(&slice(&before[from])[..count * width]);
                normalize.observe(output);
                normalize.affine.run(output);
            }
            Kernel::Pool { windows, unit } => {
                let Some(from) = self.sources[index] else { return };
                let samples = slice(&before[from]).chunks_exact(before[from].ncols());
                for (to, sample) in slice_mut(output).chunks_exact_mut(width).zip(samples).take(count) {
                    windows.sum(sample, *unit, to);
                }
            }
        }
    }
}

impl Wiring {
    /// The first `count` rows of `output` from those of the nodes before.
    fn run(&self, before: &[Array2<f32>], output: &mut Array2<f32>, count: usize) {
        let width = output.ncols();
        let rows = |node: usize| slice(&before[node]).chunks_exact(before[node].ncols()).take(count);
        let output = slice_mut(output);
        match &self.order {
            Order::Sum(operands) => {
                output[..count * width].fill(0.0);
                for &operand in operands {
                    for (to, from) in output.chunks_exact_mut(width).zip(rows(operand)) {
                        for (to, from) in to.iter_mut().zip(from) {
                            *to += from;
                        }
                    }
                }
            }
            Order::Join(operands) => {
                let mut start = 0;
                for &operand in operands {
                    let end = start + before[operand].ncols();
                    for (to, from) in output.chunks_exact_mut(width).zip(rows(operand)) {
                        to[start..end].copy_from_slice(from);
                    }
                    start = end;
                }
            }
            Order::Permute(operand, order) => {
                for (to, from) in output.chunks_exact_mut(width).zip(rows(*operand)) {
                    for (to, &at) in to.iter_mut().zip(order) {
                        *to = from[at];
                    }
                }
            }
        }
        for value in &mut output[..count * width] {
            *value *= self.unit;
        }
    }
}

/// Writes what the numbers that the node at `index` gives stand for to `channels`.
///
/// # Errors
/// When it is not calibrated.
fn read(
    program: &Program,
    kernels: &[Kernel],
    index: usize,
    channels: &mut Vec<Dequantize>,
) -> Result<(), NetworkError> {
    if let Some(Kernel::Normalize(_)) = kernels.get(index) {
        channels.clear();
        channels.push(normalized(program, index));
        return Ok(());
    }
    let row_sums = match &kernels[program.source(index)] {
        Kernel::Product(product) => product.row_sums.as_slice(),
        _ => &[],
    };
    program.dequantize_into(index, row_sums, channels)
}

/// What a batch normalisation gives in training: values, with the centre at zero where there is one.
fn normalized(program: &Program, index: usize) -> Dequantize {
    match program.hold(index) {
        Bias::Centred => Dequantize { unit: 1.0, origin: Origin::Centre(0.0) },
        Bias::Free | Bias::None => Dequantize::plain(1.0),
    }
}

fn allocate(
    program: &Program,
    index: usize,
    precision: Precision,
    statistics: Statistics,
    batch: usize,
) -> Kernel {
    let node = &program.nodes[index];
    match (&node.op, precision) {
        (Op::Quantizer(QuantizerState { curve, standardization, .. }), Precision::Float) => {
            match standardization {
                Some(standardization) => Kernel::Standardize(standardization.clone()),
                None => Kernel::Pass(*curve),
            }
        }
        (Op::Quantizer(QuantizerState { levels, standardization, .. }), Precision::Quantized) => {
            match node.from {
                None => Kernel::Encode(Encoder {
                    standardization: standardization.clone(),
                    quantizer: Quantizer { step: 1.0, levels: *levels },
                }),
                Some(_) => Kernel::Requantize(Staircase {
                    gains: vec![1.0; node.width],
                    offsets: vec![0.0; node.width],
                    lookup: None,
                    levels: *levels,
                    unit: 1.0,
                }),
            }
        }
        (Op::Linear(state), _) => {
            let has_affine = precision == Precision::Float || program.is_last(index);
            Kernel::Product(Product {
                weights: Array2::zeros(state.weight.dim()),
                sliding: node.filters.as_ref().map(|filters| Sliding::new(filters, batch)),
                row_sums: vec![0.0; state.bias.len()],
                affine: has_affine.then(|| Affine::new(node.width)),
            })
        }
        (Op::Norm(state), _) => {
            let affine = Affine::new(node.width);
            match statistics {
                Statistics::Running => Kernel::Affine(affine),
                Statistics::Batch => Kernel::Normalize(Normalize {
                    inputs: Vec::new(),
                    channels: Vec::new(),
                    affine,
                    seen: vec![Seen::default(); state.gamma.len()],
                    count: 0,
                }),
            }
        }
        (Op::Sum(operands), _) => Kernel::Wiring(Wiring { order: Order::Sum(operands.clone()), unit: 1.0 }),
        (Op::Join(operands), _) => Kernel::Wiring(Wiring { order: Order::Join(operands.clone()), unit: 1.0 }),
        (Op::Permute(order), _) => Kernel::Wiring(Wiring {
            order: Order::Permute(node.from.unwrap_or_default(), order.clone()),
            unit: 1.0,
        }),
        (Op::Pool(windows), _) => Kernel::Pool { windows: Arc::clone(windows), unit: 1.0 },
    }
}
