//! A trained network once its integers are fixed: weights, staircases, and the floats at both ends.

use fheqat_spec::Source;
use ndarray::Array2;

use super::{
    error::NetworkError,
    module::Layers,
    ops::{
        Integers, Op, linear,
        operation::{Context, for_each_number},
        quantizer,
    },
    program::Program,
};
use crate::{
    circuit::Task,
    data::Feature,
    error::{InputError, check_sample},
    quant::{
        Encoder, Requantize,
        tolerance::output_deviation,
        transition::{Dequantize, decode},
    },
};

/// The fields of a network in the order they run.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Features of one sample.
    pub features: usize,
    /// What they were in training, one each.
    pub described: Vec<Feature>,
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
    pub(crate) op: Integers,
}

impl QuantizedField {
    /// The staircases from what it reads to its levels, one for each number; none where it is no quantizer, or reads features.
    #[must_use]
    pub fn staircases(&self) -> &[Requantize] {
        match &self.op {
            Integers::Quantizer(quantizer::Integers::Requantize(staircases)) => staircases,
            _ => &[],
        }
    }

    /// The integer weights, `[out, in]`, or `[filters, fan_in]`, where it has weights that run encrypted.
    #[must_use]
    pub fn weights(&self) -> Option<&Array2<i32>> {
        match &self.op {
            Integers::Linear(integers) => Some(&integers.weights),
            _ => None,
        }
    }

    /// What makes levels of features, where it does.
    #[must_use]
    pub fn encoder(&self) -> Option<&Encoder> {
        match &self.op {
            Integers::Quantizer(quantizer::Integers::Encode(encoder)) => Some(encoder),
            Integers::Thermometer(thermometer) => Some(&thermometer.0),
            _ => None,
        }
    }
}

/// From the integers of the last field to the network's outputs, in the units of the targets: `integer * scale + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// What one unit of each output stands for.
    pub scale: Vec<f32>,
    /// Added to each output.
    pub bias: Vec<f32>,
    /// The standard deviation that each integer may be off by encrypted.
    pub deviation: Vec<f64>,
    /// What the outputs answer.
    pub task: Task,
}

impl Quantized {
    /// Reads a network.
    ///
    /// # Errors
    /// When the network breaks a law, or a layer is not calibrated.
    pub fn of<N: Layers>(network: &N) -> Result<Self, NetworkError> {
        Program::of(network)?.quantized()
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&QuantizedField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What encodes the network's input.
    fn encoders(&self) -> impl Iterator<Item = &Encoder> {
        self.fields.iter().filter_map(QuantizedField::encoder)
    }

    /// The outputs for one sample of shape `[features]`, in exact integers: what evaluation computes in floats.
    ///
    /// # Errors
    /// When the sample has another width, a feature is infinite, or one is missing (NaN) that an encoder rounds.
    pub fn run(&self, sample: &[f32]) -> Result<Vec<f32>, InputError> {
        let last = self.integers(sample)?.pop().unwrap_or_default();
        let outputs = last.iter().zip(&self.output.scale).zip(&self.output.bias);
        Ok(outputs.map(|((&sum, &scale), &bias)| decode(sum as f32, scale, bias)).collect())
    }

    /// The levels or sums that each field gives for one sample of shape `[features]`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn integers(&self, sample: &[f32]) -> Result<Vec<Vec<i64>>, InputError> {
        check_sample(sample, &self.described, self.encoders().all(Encoder::takes_missing))?;
        let mut values: Vec<Vec<i64>> = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let operand = match field.from {
                Source::Field(index) => values[index].as_slice(),
                Source::Input | Source::Broken => &[],
            };
            let value = field.op.get().run(sample, &values, operand);
            values.push(value);
        }
        Ok(values)
    }
}

impl Program {
    /// # Errors
    /// When a layer is not calibrated.
    pub(crate) fn quantized(&self) -> Result<Quantized, NetworkError> {
        let field = |index: usize| {
            let node = &self.nodes[index];
            Ok(QuantizedField {
                name: node.name,
                from: node.from.map_or(Source::Input, Source::Field),
                width: node.width,
                tolerance: node.tolerance,
                op: node.op.integers(self.at(index))?,
            })
        };
        Ok(Quantized {
            features: self.features,
            described: self.described().to_vec(),
            fields: (0..self.nodes.len()).map(field).collect::<Result<_, _>>()?,
            output: self.decoder()?,
        })
    }

    pub(super) fn decoder(&self) -> Result<Decoder, NetworkError> {
        let last = self.nodes.len() - 1;
        let sums = for_each_number(&self.dequantized(last)?, self.nodes[last].width);
        let mut scale: Vec<f32> = sums.iter().map(Dequantize::share).collect();
        let mut bias: Vec<f32> = sums.iter().map(Dequantize::bias).collect();
        if let Some(scaling) = self.scaling() {
            scaling.fold_into(&mut scale, &mut bias);
        }
        Ok(Decoder {
            scale,
            bias,
            task: self.task(),
            deviation: for_each_number(&self.output_deviations(), self.nodes[last].width),
        })
    }

    /// What the outputs may be off by, in units of the integers, for each channel or for all.
    fn output_deviations(&self) -> Vec<f64> {
        let last = self.nodes.len() - 1;
        let squares = match self.linear(self.source(last)) {
            Some(state) => linear::squares(&state.integers()),
            None => vec![self.squares_of_ones(last)],
        };
        squares.into_iter().map(|squares| output_deviation(self.nodes[last].tolerance, squares)).collect()
    }

    /// The sum of the squares of the weights of what the client reads at `index`, where each is one; zero where it reads levels.
    pub(crate) fn squares_of_ones(&self, index: usize) -> f64 {
        let ones = match &self.nodes[index].op {
            Op::Norm(_) | Op::Constant(_) => self.nodes[self.source(index)].op.state().ones().or(Some(1)),
            op => op.state().ones(),
        };
        ones.unwrap_or(0) as f64
    }
}
