//! A trained network as lowering reads it: integer weights, staircases, and the floats at both ends.

use std::sync::Arc;

use fheqat_spec::{Range, Source};
use ndarray::{Array2, ArrayView1};

use super::{
    NetworkError,
    layer::LinearState,
    network::Network,
    program::{Op, Program},
    window::{Filters, Windows, pairs},
};
use crate::quant::{Encoder, Quantizer, Requantize, tolerance::output_deviation, transition::Dequantize};

/// The fields of a network in the order they run.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Features of one sample.
    pub features: usize,
    /// The fields; the last gives the output.
    pub fields: Vec<QuantizedField>,
    /// What the numbers of the last field stand for.
    pub output: Decoder,
}

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedField {
    /// Its name.
    pub name: &'static str,
    /// What it reads, or the first of them.
    pub from: Source,
    /// Numbers out.
    pub width: usize,
    /// How far the sums that staircases read may be off encrypted: a standard deviation in steps of their levels.
    pub tolerance: f64,
    /// What it does.
    pub op: QuantizedOp,
}

/// What a field does.
#[derive(Clone, Debug, PartialEq)]
pub enum QuantizedOp {
    /// Features to levels.
    Encode(Encoder),
    /// Levels to accumulators: the integer weights, `[out, in]`.
    Linear {
        /// The weights that training and evaluation multiply by.
        weights: Array2<i32>,
        /// The levels of what they multiply.
        inputs: Range,
    },
    /// Levels to accumulators, `[filters, positions]`: the integer weights, `[filters, fan_in]`.
    Conv {
        /// The weights that training and evaluation multiply by.
        weights: Array2<i32>,
        /// What each filter sees.
        filters: Arc<Filters>,
        /// The levels of what they multiply.
        inputs: Range,
    },
    /// Levels to the sums of windows, `[channels, positions]`.
    Pool(Arc<Windows>),
    /// Accumulators to levels, or levels to coarser ones: the staircase of each number.
    Requantize(Vec<Requantize>),
    /// The numbers of the field it reads: the staircases behind it, or the decoder, hold what a batch normalisation does.
    Normalize,
    /// The sum of the levels of these fields.
    Add(Vec<usize>),
    /// The levels of these fields, one field after the other.
    Concat(Vec<usize>),
    /// Level `k` is level `order[k]` of the field it reads.
    Permute(Vec<usize>),
}

/// From the integers of the last field to the network's outputs: `integer * scale + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// What one unit of each output stands for.
    pub scale: Vec<f32>,
    /// Added to each output.
    pub bias: Vec<f32>,
    /// The standard deviation that each integer may be off by encrypted.
    pub deviation: Vec<f64>,
}

impl QuantizedOp {
    /// The largest sum of absolute weights of a row, where there are weights.
    #[must_use]
    pub fn row_sum(&self) -> Option<i64> {
        let (Self::Linear { weights, .. } | Self::Conv { weights, .. }) = self else { return None };
        let sum = |row: ArrayView1<'_, i32>| row.iter().map(|weight| i64::from(weight.abs())).sum();
        weights.rows().into_iter().map(sum).max()
    }
}

impl Quantized {
    /// Reads a network.
    ///
    /// # Errors
    /// When the network breaks a law, or a layer is not calibrated.
    pub fn of<N: Network>(network: &N) -> Result<Self, NetworkError> {
        Program::of(network)?.quantized()
    }

    /// The outputs for one sample of finite features, in exact integers: what evaluation computes in floats.
    #[must_use]
    pub fn run(&self, sample: &[f32]) -> Vec<f32> {
        let mut values: Vec<Vec<i64>> = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let operand = match field.from {
                Source::Field(index) => values[index].as_slice(),
                Source::Input | Source::Broken => &[],
            };
            values.push(match &field.op {
                QuantizedOp::Encode(encoder) => encoder.levels(sample).collect(),
                QuantizedOp::Linear { weights, .. } => {
                    let dot = |row: ArrayView1<'_, i32>| {
                        row.iter().zip(operand).map(|(&weight, level)| i64::from(weight) * level).sum()
                    };
                    weights.rows().into_iter().map(dot).collect()
                }
                QuantizedOp::Conv { weights, filters, .. } => {
                    let dot = |(filter, position)| {
                        let seen = filters.at(filter, position);
                        seen.map(|(weight, level)| i64::from(weights[[filter, weight]]) * operand[level])
                            .sum()
                    };
                    pairs(filters.count, filters.windows.positions).map(dot).collect()
                }
                QuantizedOp::Pool(windows) => {
                    let sum =
                        |(channel, position)| windows.at(channel, position).map(|level| operand[level]).sum();
                    pairs(windows.channels, windows.positions).map(sum).collect()
                }
                QuantizedOp::Requantize(staircases) => staircases
                    .iter()
                    .zip(operand)
                    .map(|(staircase, &sum)| staircase.level(sum as f32) as i64)
                    .collect(),
                QuantizedOp::Normalize => operand.to_vec(),
                QuantizedOp::Add(operands) => (0..field.width)
                    .map(|at| operands.iter().map(|&operand| values[operand][at]).sum())
                    .collect(),
                QuantizedOp::Concat(operands) => {
                    operands.iter().flat_map(|&operand| values[operand].iter().copied()).collect()
                }
                QuantizedOp::Permute(order) => order.iter().map(|&at| operand[at]).collect(),
            });
        }
        let last = values.pop().unwrap_or_default();
        let outputs = last.iter().zip(&self.output.scale).zip(&self.output.bias);
        outputs.map(|((&sum, scale), bias)| sum as f32 * scale + bias).collect()
    }
}

impl Program {
    /// # Errors
    /// When a layer is not calibrated.
    pub(crate) fn quantized(&self) -> Result<Quantized, NetworkError> {
        let fields = (0..self.nodes.len()).map(|index| self.quantized_field(index));
        Ok(Quantized {
            features: self.features,
            fields: fields.collect::<Result<_, _>>()?,
            output: self.decoder()?,
        })
    }

    fn quantized_field(&self, index: usize) -> Result<QuantizedField, NetworkError> {
        let node = &self.nodes[index];
        let op = match (&node.op, node.from) {
            (Op::Quantizer(state), None) => {
                let quantizer = Quantizer { step: self.step(index)?, levels: state.levels };
                QuantizedOp::Encode(Encoder { standardization: state.standardization.clone(), quantizer })
            }
            (Op::Quantizer(_), Some(from)) => QuantizedOp::Requantize(self.every_staircase(from, index)?),
            (Op::Linear(state), _) => {
                self.unit(index)?;
                let (weights, inputs) = (state.integers(), self.input_levels(index)?.1);
                match &node.filters {
                    Some(filters) => QuantizedOp::Conv { weights, filters: Arc::clone(filters), inputs },
                    None => QuantizedOp::Linear { weights, inputs },
                }
            }
            (Op::Norm(_), _) => QuantizedOp::Normalize,
            (Op::Sum(operands), _) => QuantizedOp::Add(operands.clone()),
            (Op::Join(operands), _) => QuantizedOp::Concat(operands.clone()),
            (Op::Permute(order), _) => QuantizedOp::Permute(order.clone()),
            (Op::Pool(windows), _) => QuantizedOp::Pool(Arc::clone(windows)),
        };
        let from = node.from.map_or(Source::Input, Source::Field);
        Ok(QuantizedField { name: node.name, from, width: node.width, tolerance: node.tolerance, op })
    }

    /// One for each number.
    fn every_staircase(&self, from: usize, index: usize) -> Result<Vec<Requantize>, NetworkError> {
        let staircases = self.staircases(from, index, &self.row_sums(from))?;
        Ok(spread(&staircases, self.nodes[index].width))
    }

    /// The sum of each row of integer weights of the source of the node at `index`; nothing where there are none.
    fn row_sums(&self, index: usize) -> Vec<f32> {
        let sums = |state: &LinearState| {
            state.integers().map_axis(ndarray::Axis(1), |row| row.sum() as f32).to_vec()
        };
        self.linear(self.source(index)).map(sums).unwrap_or_default()
    }

    fn decoder(&self) -> Result<Decoder, NetworkError> {
        let last = self.nodes.len() - 1;
        let sums = spread(&self.dequantize(last, &self.row_sums(last))?, self.nodes[last].width);
        Ok(Decoder {
            scale: sums.iter().map(|sum| sum.unit).collect(),
            bias: sums.iter().map(Dequantize::bias).collect(),
            deviation: spread(&self.output_deviations(), self.nodes[last].width),
        })
    }

    /// What the outputs may be off by, in units of the integers, for each channel or for all.
    fn output_deviations(&self) -> Vec<f64> {
        let last = self.nodes.len() - 1;
        let squares = match self.linear(self.source(last)) {
            Some(state) => {
                let square = |weight: &i32| f64::from(*weight).powi(2);
                state.integers().map_axis(ndarray::Axis(1), |row| row.iter().map(square).sum()).to_vec()
            }
            None => vec![self.squares_of_ones(last)],
        };
        squares.into_iter().map(|squares| output_deviation(self.nodes[last].tolerance, squares)).collect()
    }

    /// The sum of the squares of the weights of what the client reads at `index`, where each is one; zero where it reads levels.
    pub(crate) fn squares_of_ones(&self, index: usize) -> f64 {
        match &self.nodes[index].op {
            Op::Quantizer(_) | Op::Join(_) | Op::Permute(_) => return 0.0,
            _ => {}
        }
        match &self.nodes[self.source(index)].op {
            Op::Sum(operands) => operands.len() as f64,
            Op::Pool(windows) => windows.elements as f64,
            _ => 1.0,
        }
    }
}

/// What each channel has, for each of its numbers.
pub(super) fn spread<T: Clone>(channels: &[T], width: usize) -> Vec<T> {
    let positions = width / channels.len().max(1);
    channels.iter().flat_map(|channel| std::iter::repeat_n(channel.clone(), positions)).collect()
}
