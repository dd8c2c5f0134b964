//! From trained layers to integers: scale, float bias and rounding become thresholds.
//!
//! The numbers are those of the forward pass itself, and a table is that pass's rounding read off every value of its
//! accumulator, so evaluation in quantized precision and simulation agree bit for bit.

use fheqat_spec::{Known, Layer as SpecLayer, Net, Range, Shape, Verdict, judge};
use thiserror::Error;

use super::{
    Circuit, Codec, Field,
    ir::{Accumulator, Graph, Layer, Output, Table, Term, Wire},
    passes,
    verify::{VerifyError, verify},
};
use crate::{
    nn::{
        forward::{Affine, Kernel, Precision, Product, Runner, Staircase},
        network::Network,
        program::{NetworkError, Program},
    },
    quant::Requantize,
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

/// What a field gives, one entry a feature.
enum Values {
    Levels(Vec<Wire>),
    Sums(Vec<Vec<Term>>),
}

/// The optimised circuit of a trained network.
///
/// # Errors
/// When the network breaks a law or a layer is not calibrated.
pub(crate) fn lower<N: Network>(network: &N) -> Result<Circuit, CircuitError> {
    let program = Program::of(network)?;
    let runner = Runner::new(&program, Precision::Quantized, 1)?;
    let bounds = judge_every_field(&N::SPEC);
    let mut lowering = Lowering::new(program.features);
    for (index, kernel) in runner.kernels.iter().enumerate() {
        let operand = runner.sources[index];
        let is_last = index + 1 == runner.kernels.len();
        match kernel {
            Kernel::Encode(quantizer) => lowering.encode(*quantizer),
            Kernel::Product(product) => lowering.multiply(operand, product, is_last),
            Kernel::Requantize(staircase) => {
                let layer = Layer {
                    name: program.nodes[index].name.to_owned(),
                    reads: operand.map_or_else(String::new, |field| program.nodes[field].name.to_owned()),
                    bound: operand.and_then(|field| bounds[field].fact.range.get()).unwrap_or(NOTHING),
                };
                lowering.requantize(operand, staircase, layer, is_last)?;
            }
            Kernel::Pass { .. } => {}
        }
    }
    let Lowering { graph, codec, .. } = lowering;
    verify(&graph)?;
    let graph = passes::optimise(graph)?;
    Ok(Circuit { name: N::SPEC.name.to_owned(), fields: describe(&N::SPEC, &bounds), codec, graph })
}

const NOTHING: Range = Range::new(0, 0);

struct Lowering {
    graph: Graph,
    codec: Codec,
    values: Vec<Values>,
}

impl Lowering {
    fn new(features: usize) -> Self {
        let input = crate::quant::Quantizer { step: 1.0, levels: NOTHING };
        Self {
            graph: Graph {
                inputs: Vec::new(),
                layers: Vec::new(),
                accumulators: Vec::new(),
                outputs: Vec::new(),
            },
            codec: Codec { input, features, scale: Vec::new(), bias: Vec::new() },
            values: Vec::new(),
        }
    }

    fn encode(&mut self, quantizer: crate::quant::Quantizer) {
        self.codec.input = quantizer;
        self.graph.inputs = vec![quantizer.levels; self.codec.features];
        self.values.push(Values::Levels((0..self.codec.features).map(Wire::Input).collect()));
    }

    fn multiply(&mut self, operand: Option<usize>, product: &Product, is_last: bool) {
        let wires = match operand.map(|field| &self.values[field]) {
            Some(Values::Levels(wires)) => wires.as_slice(),
            _ => &[],
        };
        let sums: Vec<Vec<Term>> = product
            .weights
            .rows()
            .into_iter()
            .map(|row| {
                let mut terms: Vec<Term> = wires
                    .iter()
                    .zip(row)
                    .filter(|&(_, &weight)| weight != 0.0)
                    .map(|(&wire, &weight)| Term { wire, weight: weight as i64 })
                    .collect();
                terms.sort_unstable_by_key(|term| term.wire);
                terms
            })
            .collect();
        if let (true, Some(Affine { unit, bias })) = (is_last, &product.affine) {
            self.codec.scale = vec![*unit; bias.len()];
            self.codec.bias.clone_from(bias);
            self.output(&sums);
        }
        self.values.push(Values::Sums(sums));
    }

    fn requantize(
        &mut self,
        operand: Option<usize>,
        staircase: &Staircase,
        layer: Layer,
        is_last: bool,
    ) -> Result<(), CircuitError> {
        let sums: Vec<Vec<Term>> = match operand.map(|field| &self.values[field]) {
            Some(Values::Sums(sums)) => sums.clone(),
            Some(Values::Levels(wires)) => wires.iter().map(|&wire| vec![Term { wire, weight: 1 }]).collect(),
            None => Vec::new(),
        };
        let position = self.graph.layers.len();
        let mut wires = Vec::with_capacity(sums.len());
        for (terms, &offset) in sums.into_iter().zip(&staircase.offsets) {
            let range = self.graph.range_of(&terms);
            if !layer.bound.contains(range) {
                let Layer { name: field, bound, .. } = layer;
                return Err(CircuitError::OutsideBound { field, exact: range, bound });
            }
            let round = Requantize { gain: staircase.gain, offset, levels: staircase.levels };
            let table = Table::tabulate(range, |sum| round.level(sum as f32) as i64);
            wires.push(Wire::Table { accumulator: self.graph.accumulators.len(), table: 0 });
            self.graph.accumulators.push(Accumulator { layer: position, terms, range, tables: vec![table] });
        }
        self.graph.layers.push(layer);
        if is_last {
            self.codec.scale = vec![staircase.unit; wires.len()];
            self.codec.bias = vec![0.0; wires.len()];
            let sums: Vec<_> = wires.iter().map(|&wire| vec![Term { wire, weight: 1 }]).collect();
            self.output(&sums);
        }
        self.values.push(Values::Levels(wires));
        Ok(())
    }

    fn output(&mut self, sums: &[Vec<Term>]) {
        self.graph.outputs = sums
            .iter()
            .map(|terms| Output { terms: terms.clone(), range: self.graph.range_of(terms), constant: 0 })
            .collect();
    }
}

fn judge_every_field(net: &Net<'static>) -> Vec<Verdict<'static>> {
    let mut verdicts = Vec::with_capacity(net.fields.len());
    for index in 0..net.fields.len() {
        let verdict = judge(net, &verdicts, index);
        verdicts.push(verdict);
    }
    verdicts
}

fn describe(net: &Net<'static>, verdicts: &[Verdict<'static>]) -> Vec<Field> {
    let dims = |shape: Shape| shape.dims().iter().map(|dim| dim.or(0)).collect();
    net.fields
        .iter()
        .zip(verdicts)
        .map(|(field, verdict)| {
            let (weight_bits, level_bits) = match field.layer {
                SpecLayer::Linear(linear) => (linear.weight_bits.get(), None),
                SpecLayer::Quantizer(quantizer) => (None, quantizer.bits.get()),
            };
            Field {
                name: field.name.to_owned(),
                kind: field.layer.kind().to_owned(),
                shape: match verdict.fact.shape {
                    Known::Now(shape) => dims(shape),
                    Known::Later => Vec::new(),
                },
                weight_bits,
                level_bits,
                range: verdict.fact.range.get(),
            }
        })
        .collect()
}
