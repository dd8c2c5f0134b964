//! Runs a program on a batch.
//!
//! Quantized, a linear layer's sums are integers below 2^24 held in `f32`, so they are exact in any order of addition.

use std::sync::Arc;

use fheqat_spec::Range;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use serde::{Deserialize, Serialize};

use super::{
    head, head_mut,
    layer::{Curve, QuantizerState},
    program::{NetworkError, Op, Program},
    slice, slice_mut,
    window::{Filters, Windows},
};
use crate::quant::{
    Encoder, Lookup, Quantizer, Requantize, Standardization,
    row::{RowLimits, RowRounder, exact_sum},
    transition::{Dequantize, Origin},
};

/// How a network runs on plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// Nothing is rounded.
    Float,
    /// Integer weights and levels, exactly as under encryption.
    #[default]
    Quantized,
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
    fn set(&mut self, channels: &[Requantize]) {
        let positions = self.gains.len() / channels.len().max(1);
        let numbers = self.gains.chunks_exact_mut(positions).zip(self.offsets.chunks_exact_mut(positions));
        for ((gains, offsets), channel) in numbers.zip(channels) {
            gains.fill(channel.gain);
            offsets.fill(channel.offset);
        }
        self.lookup = channels.first().and_then(|channel| channel.lookup);
    }

    /// From rows of sums to rows of levels.
    pub(crate) fn run(&self, sums: &[f32], to: &mut [f32]) {
        let levels = self.levels;
        match self.lookup {
            None => self.each(sums, to, |gain, offset| Requantize { gain, offset, lookup: None, levels }),
            lookup => self.each(sums, to, |gain, offset| Requantize { gain, offset, lookup, levels }),
        }
    }

    /// One loop for each kind of staircase, so that the one without a function runs on vectors.
    fn each(&self, sums: &[f32], to: &mut [f32], neuron: impl Fn(f32, f32) -> Requantize) {
        let width = self.gains.len();
        for (to, sums) in to.chunks_exact_mut(width).zip(sums.chunks_exact(width)) {
            let neurons = self.gains.iter().zip(&self.offsets);
            for ((level, sum), (&gain, &offset)) in to.iter_mut().zip(sums).zip(neurons) {
                *level = neuron(gain, offset).level(*sum) * self.unit;
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
    fn set(&mut self, channels: &[Dequantize]) {
        let positions = self.units.len() / channels.len().max(1);
        let numbers = self.units.chunks_exact_mut(positions).zip(self.biases.chunks_exact_mut(positions));
        for ((units, biases), channel) in numbers.zip(channels) {
            units.fill(channel.unit);
            biases.fill(channel.bias());
        }
    }

    /// Of rows of sums.
    fn run(&self, sums: &mut [f32]) {
        let Self { units, biases } = self;
        for row in sums.chunks_exact_mut(units.len()) {
            for ((value, unit), bias) in row.iter_mut().zip(units).zip(biases) {
                *value = *value * unit + bias;
            }
        }
    }
}

/// The windows of a batch, as matrices to multiply filters with.
#[derive(Clone, Debug)]
pub(crate) struct Sliding {
    pub(crate) filters: Arc<Filters>,
    /// For each sample `[groups, fan_in, positions]`.
    pub(crate) columns: Array2<f32>,
}

impl Sliding {
    fn new(filters: &Arc<Filters>, batch: usize) -> Self {
        let width = filters.groups * filters.fan_in() * filters.windows.positions;
        Self { filters: Arc::clone(filters), columns: Array2::zeros((batch, width)) }
    }

    /// Multiplies the windows of each sample, `[channels, area]`, with `weights`; gives `[filters, positions]`.
    fn run(&mut self, weights: &Array2<f32>, samples: &ArrayView2<'_, f32>, to: &mut Array2<f32>) {
        let windows = &self.filters.windows;
        let rows = samples.rows().into_iter().zip(self.columns.rows_mut()).zip(to.rows_mut());
        for ((sample, mut columns), mut to) in rows {
            let (Some(sample), Some(columns), Some(to)) =
                (sample.as_slice(), columns.as_slice_mut(), to.as_slice_mut())
            else {
                continue;
            };
            windows.gather(sample, columns);
            for (weights, columns, mut to) in self.filters.parts(weights, columns, to) {
                general_mat_mul(1.0, &weights, &columns, 0.0, &mut to);
            }
        }
    }
}

impl Filters {
    /// For each group its filters, `[filters, fan_in]`, what they see, `[fan_in, positions]`, and what they give,
    /// `[filters, positions]`.
    pub(crate) fn parts<'a>(
        &self,
        weights: &'a Array2<f32>,
        columns: &'a [f32],
        sums: &'a mut [f32],
    ) -> impl Iterator<Item = (ArrayView2<'a, f32>, ArrayView2<'a, f32>, ArrayViewMut2<'a, f32>)> {
        let (count, fan_in, positions) = (self.count / self.groups, self.fan_in(), self.windows.positions);
        weights
            .axis_chunks_iter(Axis(0), count)
            .zip(columns.chunks_exact(fan_in * positions))
            .zip(sums.chunks_exact_mut(count * positions))
            .filter_map(move |((weights, columns), sums)| {
                let columns = ArrayView2::from_shape((fan_in, positions), columns).ok()?;
                let sums = ArrayViewMut2::from_shape((count, positions), sums).ok()?;
                Some((weights, columns, sums))
            })
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
    rounder: RowRounder,
}

impl Runner {
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn new(program: &Program, precision: Precision, batch: usize) -> Result<Self, NetworkError> {
        Self::of_first(program, program.nodes.len(), precision, batch)
    }

    /// A runner of the first `count` nodes.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn of_first(
        program: &Program,
        count: usize,
        precision: Precision,
        batch: usize,
    ) -> Result<Self, NetworkError> {
        let nodes = &program.nodes[..count];
        let mut runner = Self {
            precision,
            kernels: (0..count).map(|index| allocate(program, index, precision, batch)).collect(),
            sources: nodes.iter().map(|node| node.from).collect(),
            outputs: nodes.iter().map(|node| Array2::zeros((batch, node.width))).collect(),
            rounder: RowRounder::default(),
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
        let (before, rest) = self.kernels.split_at_mut(index);
        match (&mut rest[0], &node.op) {
            (Kernel::Encode(encoder), Op::Quantizer(_)) => {
                encoder.quantizer.step = program.step(index)?;
            }
            (Kernel::Requantize(staircase), Op::Quantizer(_)) => {
                let Some(from) = node.from else { return Ok(()) };
                staircase.unit = if program.is_last(index) { program.step(index)? } else { 1.0 };
                let row_sums = match &before[from] {
                    Kernel::Product(product) => product.row_sums.as_slice(),
                    _ => &[],
                };
                staircase.set(&program.staircases(from, index, row_sums)?);
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
                        state.round_into(&limits, &mut self.rounder, &mut product.weights);
                        let width = product.weights.ncols();
                        let rows = slice(&product.weights).chunks_exact(width);
                        for (sum, row) in product.row_sums.iter_mut().zip(rows) {
                            *sum = exact_sum(row, |weight| weight);
                        }
                    }
                }
                let Product { affine, row_sums, .. } = product;
                if let Some(affine) = affine {
                    affine.set(&match self.precision {
                        Precision::Float => state
                            .bias
                            .iter()
                            .map(|&bias| Dequantize { unit: 1.0, origin: Origin::Bias(bias) })
                            .collect(),
                        Precision::Quantized => program.dequantize(index, row_sums)?,
                    });
                }
            }
            (Kernel::Pool { unit, .. }, _) => {
                *unit = match (self.precision, &node.op) {
                    (Precision::Float, Op::Pool(windows)) => 1.0 / windows.elements as f32,
                    (Precision::Quantized, _) if program.is_last(index) => program.units(index)?[0],
                    _ => 1.0,
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// Runs a batch `[n, features]` with `n` at most the batch allocated; the outputs are `[n, outputs]`.
    pub(crate) fn run(&mut self, features: &ArrayView2<'_, f32>) -> ArrayView2<'_, f32> {
        let count = features.nrows();
        for index in 0..self.kernels.len() {
            self.run_node(index, features);
        }
        head(&self.outputs[self.outputs.len() - 1], count)
    }

    fn run_node(&mut self, index: usize, features: &ArrayView2<'_, f32>) {
        let count = features.nrows();
        let (before, rest) = self.outputs.split_at_mut(index);
        let output = &mut rest[0];
        let width = output.ncols();
        match &mut self.kernels[index] {
            Kernel::Encode(encoder) => {
                let rows = output.rows_mut().into_iter().zip(features.rows());
                for (mut to, from) in rows {
                    for (feature, (level, &value)) in to.iter_mut().zip(from).enumerate() {
                        *level = encoder.round(feature, value);
                    }
                }
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
                staircase.run(&slice(&before[from])[..length], &mut slice_mut(output)[..length]);
            }
            Kernel::Wiring(wiring) => wiring.run(before, output, count),
            Kernel::Product(product) => {
                let Some(from) = self.sources[index] else { return };
                let operand = head(&before[from], count);
                if let Some(sliding) = &mut product.sliding {
                    sliding.run(&product.weights, &operand, output);
                } else {
                    let mut to = head_mut(output, count);
                    general_mat_mul(1.0, &operand, &product.weights.t(), 0.0, &mut to);
                }
                if let Some(affine) = &product.affine {
                    affine.run(&mut slice_mut(output)[..count * width]);
                }
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

fn allocate(program: &Program, index: usize, precision: Precision, batch: usize) -> Kernel {
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
                affine: has_affine
                    .then(|| Affine { units: vec![1.0; node.width], biases: vec![0.0; node.width] }),
            })
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
