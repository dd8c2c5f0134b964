//! From trained layers to integers: scale, float bias and rounding become thresholds.
//!
//! A table is training's own rounding read off every value of its accumulator, so evaluation in quantized precision and
//! simulation agree bit for bit.

use std::collections::BTreeMap;

use fheqat_spec::{Fact, Known, Layer, Net, Range, Shape, Source};
use ndarray::Array2;
use thiserror::Error;

use super::{
    Circuit, Codec, DeclaredLayer,
    ir::{Accumulator, Graph, LayerBound, Output, Table, Term, Tolerance, Wire},
    passes,
    verify::{VerifyError, verify},
};
use crate::{
    nn::{
        NetworkError,
        network::Network,
        program::Program,
        quantized::{Decoder, Quantized, QuantizedField, QuantizedOp},
        window::{Filters, Windows, pairs},
    },
    quant::{Encoder, Requantize},
};

/// A network that has no circuit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// The network breaks a law or is not calibrated.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A trained neuron leaves the range that the laws gave its layer: a defect of training.
    #[error("`{field}`: a trained neuron sums to {exact:?}, outside the {bound:?} that its options allow")]
    OutsideBound {
        /// The field of the quantizer that reads the sum.
        field: String,
        /// The neuron's exact range.
        exact: Range,
        /// The worst case by the laws.
        bound: Range,
    },
    /// Lowering or a pass broke the circuit: a defect of fheqat.
    #[error("the circuit is broken: {0}")]
    Verify(#[from] VerifyError),
}

/// The optimised circuit of a trained network.
///
/// # Errors
/// When the network breaks a law or a layer is not calibrated.
pub(crate) fn lower<N: Network>(network: &N) -> Result<Circuit, CircuitError> {
    optimised(&N::SPEC, &Program::of(network)?)
}

/// The optimised circuit of a network that is apart from its type.
///
/// # Errors
/// When a layer is not calibrated.
pub(crate) fn optimised(net: &Net<'static>, program: &Program) -> Result<Circuit, CircuitError> {
    let circuit = plain(net, program)?;
    Ok(Circuit { graph: passes::optimise(circuit.graph)?, ..circuit })
}

/// The circuit before any pass.
///
/// # Errors
/// When a layer is not calibrated.
pub(crate) fn plain(net: &Net<'static>, program: &Program) -> Result<Circuit, CircuitError> {
    let quantized = program.quantized()?;
    let (codec, graph) = integers(&quantized, program.facts())?;
    let fields = describe(net, program.facts(), &quantized);
    Ok(Circuit { name: net.name.to_owned(), fields, codec, graph })
}

/// What runs, without names, optimised.
///
/// # Errors
/// When a layer is not calibrated.
pub(crate) fn unnamed(program: &Program) -> Result<(Codec, Graph), CircuitError> {
    let (codec, graph) = integers(&program.quantized()?, program.facts())?;
    Ok((codec, passes::optimise(graph)?))
}

fn integers(quantized: &Quantized, facts: &[Fact]) -> Result<(Codec, Graph), CircuitError> {
    let mut lowering = Lowering::new(quantized, facts);
    for field in &quantized.fields {
        lowering.field(field)?;
    }
    let (codec, graph) = lowering.finish(&quantized.output);
    verify(&graph)?;
    Ok((codec, graph))
}

/// What a field gives: for each number the sum of wires that it is.
type Values = Vec<Vec<Term>>;

struct Lowering<'a> {
    quantized: &'a Quantized,
    facts: &'a [Fact],
    encoders: Vec<Encoder>,
    graph: Graph,
    values: Vec<Values>,
}

impl<'a> Lowering<'a> {
    fn new(quantized: &'a Quantized, facts: &'a [Fact]) -> Self {
        Self {
            quantized,
            facts,
            encoders: Vec::new(),
            graph: Graph { inputs: vec![], layers: vec![], accumulators: vec![], outputs: vec![] },
            values: Vec::with_capacity(quantized.fields.len()),
        }
    }

    fn field(&mut self, field: &QuantizedField) -> Result<(), CircuitError> {
        let values = match &field.op {
            QuantizedOp::Encode(encoder) => self.encode(encoder),
            QuantizedOp::Linear { weights, .. } => multiply(weights, self.operand(field)),
            QuantizedOp::Conv { weights, filters, .. } => convolve(weights, filters, self.operand(field)),
            QuantizedOp::Pool(windows) => pool(windows, self.operand(field)),
            QuantizedOp::Requantize(staircases) => self.requantize(field, staircases)?,
            QuantizedOp::Normalize => self.operand(field).to_vec(),
            QuantizedOp::Add(operands) => (0..field.width)
                .map(|at| merge(operands.iter().flat_map(|&operand| self.values[operand][at].clone())))
                .collect(),
            QuantizedOp::Concat(operands) => {
                operands.iter().flat_map(|&operand| self.values[operand].clone()).collect()
            }
            QuantizedOp::Permute(order) => {
                let operand = self.operand(field);
                order.iter().map(|&at| operand[at].clone()).collect()
            }
        };
        self.values.push(values);
        Ok(())
    }

    fn operand(&self, field: &QuantizedField) -> &[Vec<Term>] {
        match field.from {
            Source::Field(index) => &self.values[index],
            Source::Input | Source::Broken => &[],
        }
    }

    fn encode(&mut self, encoder: &Encoder) -> Values {
        let first = self.graph.inputs.len();
        self.encoders.push(encoder.clone());
        self.graph.inputs.extend(std::iter::repeat_n(encoder.quantizer.levels, self.quantized.features));
        (first..self.graph.inputs.len()).map(|input| wire(Wire::Input(input))).collect()
    }

    fn requantize(
        &mut self,
        field: &QuantizedField,
        staircases: &[Requantize],
    ) -> Result<Values, CircuitError> {
        let layer = self.graph.layers.len();
        self.graph.layers.push(self.layer(field));
        let sums = self.operand(field).to_vec();
        sums.into_iter()
            .zip(staircases)
            .map(|(terms, staircase)| self.table(layer, field.tolerance, terms, staircase))
            .collect()
    }

    fn layer(&self, field: &QuantizedField) -> LayerBound {
        let (reads, bound) = match field.from {
            Source::Field(index) => (self.quantized.fields[index].name, self.facts[index].range),
            Source::Input | Source::Broken => ("input", Known::Later),
        };
        LayerBound { name: field.name.to_owned(), reads: reads.to_owned(), bound: bound.or(Range::new(0, 0)) }
    }

    fn table(
        &mut self,
        layer: usize,
        steps: f64,
        terms: Vec<Term>,
        staircase: &Requantize,
    ) -> Result<Vec<Term>, CircuitError> {
        let range = self.graph.range_of(&terms);
        let LayerBound { name, bound, .. } = &self.graph.layers[layer];
        if !bound.contains(range) {
            return Err(CircuitError::OutsideBound { field: name.clone(), exact: range, bound: *bound });
        }
        let table = Table::tabulate(range, |sum| staircase.level(sum as f32) as i64);
        self.graph.accumulators.push(Accumulator {
            layer,
            terms,
            range,
            tolerance: Tolerance(staircase.deviation(steps)),
            tables: vec![table],
        });
        Ok(wire(Wire::Table { accumulator: self.graph.accumulators.len() - 1, table: 0 }))
    }

    fn finish(mut self, output: &Decoder) -> (Codec, Graph) {
        let sums = self.values.pop().unwrap_or_default();
        self.graph.outputs = sums
            .into_iter()
            .zip(&output.deviation)
            .map(|(terms, &deviation)| Output {
                range: self.graph.range_of(&terms),
                terms,
                tolerance: Tolerance(deviation),
                constant: 0,
            })
            .collect();
        let codec = Codec {
            encoders: self.encoders,
            features: self.quantized.features,
            scale: output.scale.clone(),
            bias: output.bias.clone(),
        };
        (codec, self.graph)
    }
}

fn wire(wire: Wire) -> Vec<Term> {
    vec![Term { wire, weight: 1 }]
}

/// The sum of terms, with one term a wire.
fn merge(terms: impl Iterator<Item = Term>) -> Vec<Term> {
    let mut weights = BTreeMap::<Wire, i64>::new();
    for term in terms {
        *weights.entry(term.wire).or_default() += term.weight;
    }
    let terms = weights.into_iter().filter(|&(_, weight)| weight != 0);
    terms.map(|(wire, weight)| Term { wire, weight }).collect()
}

/// The rows of `weights`, `[out, in]`, as sums of levels.
fn multiply(weights: &Array2<i32>, levels: &[Vec<Term>]) -> Values {
    let row = |row: ndarray::ArrayView1<'_, i32>| sum(levels.iter().zip(row.iter().copied()));
    weights.rows().into_iter().map(row).collect()
}

/// At each position the filters `weights`, `[filters, fan_in]`, as sums of the levels they see.
fn convolve(weights: &Array2<i32>, filters: &Filters, levels: &[Vec<Term>]) -> Values {
    let window = |(filter, position)| {
        let seen = filters.at(filter, position);
        sum(seen.map(|(weight, level)| (&levels[level], weights[[filter, weight]])))
    };
    pairs(filters.count, filters.windows.positions).map(window).collect()
}

fn pool(windows: &Windows, levels: &[Vec<Term>]) -> Values {
    let window = |(channel, position)| sum(windows.at(channel, position).map(|level| (&levels[level], 1)));
    pairs(windows.channels, windows.positions).map(window).collect()
}

/// The sum of products; a product with zero has no term.
fn sum<'a>(products: impl Iterator<Item = (&'a Vec<Term>, i32)>) -> Vec<Term> {
    let products = products.filter(|(_, weight)| *weight != 0);
    merge(products.flat_map(|(level, weight)| level.iter().map(move |term| term.times(i64::from(weight)))))
}

fn describe(net: &Net<'static>, facts: &[Fact], quantized: &Quantized) -> Vec<DeclaredLayer> {
    net.fields
        .iter()
        .zip(facts)
        .enumerate()
        .map(|(index, (field, fact))| {
            let (weight_bits, level_bits) = match field.layer {
                Layer::Linear(linear) => (linear.weight_bits.get(), None),
                Layer::Quantizer(quantizer) => (None, quantizer.bits.get()),
                Layer::Conv(conv) => (conv.filters.weight_bits.get(), None),
                Layer::Add { .. } | Layer::Pool(_) | Layer::BatchNorm => (None, None),
                Layer::Concat | Layer::Reshape(_) | Layer::Transpose(_) | Layer::Flatten => {
                    (None, fact.range.get().map(|range| i64::from(range.bits())))
                }
            };
            let shape = fact.shape.get();
            DeclaredLayer {
                name: field.name.to_owned(),
                kind: field.layer.kind().to_owned(),
                shape: shape.iter().flat_map(Shape::dims).filter_map(|dim| dim.get()).collect(),
                weight_bits,
                row_sum: quantized.fields[index].op.row_sum(),
                level_bits,
                range: fact.range.get(),
                tolerance: net.tolerance_of(index).or(0.0),
            }
        })
        .collect()
}
