//! From trained layers to integers: scale, float bias and rounding become thresholds.
//!
//! A table is training's own rounding read off every value of its accumulator, so evaluation in quantized precision and
//! simulation agree bit for bit.

use fheqat_spec::{Fact, Net, Range, Shape, Source, layers::properties::Gives};
use thiserror::Error;

use super::{
    error::NetworkError,
    module::Layers,
    ops::{Integers, operation::Lowering},
    program::Program,
    quantized::Quantized,
};
use crate::circuit::{
    Circuit, Codec, DeclaredLayer, Graph,
    build::{Builder, OutsideBound, Values},
    passes,
    verify::{VerifyError, verify},
};

/// A network that has no circuit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// The network breaks a law or is not calibrated.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A trained neuron leaves the range that the laws gave its layer: a defect of training.
    #[error(transparent)]
    OutsideBound(#[from] OutsideBound),
    /// Lowering or a pass broke the circuit: a defect of fheqat.
    #[error("the circuit is broken: {0}")]
    Verify(#[from] VerifyError),
}

/// The optimised circuit of a trained network.
///
/// # Errors
/// When the network breaks a law or a layer is not calibrated.
pub(crate) fn lower<N: Layers>(network: &N) -> Result<Circuit, CircuitError> {
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
    let mut builder = Builder::new(&quantized.described);
    let mut values: Vec<Values> = Vec::with_capacity(quantized.fields.len());
    let nothing = Values::new();
    let nowhere = Range::new(0, 0);
    for field in &quantized.fields {
        let (operand, reads) = match field.from {
            Source::Field(index) => {
                (&values[index], (quantized.fields[index].name, facts[index].range.or(nowhere)))
            }
            Source::Input | Source::Broken => (&nothing, ("input", nowhere)),
        };
        let lowered = field.op.get().lower(Lowering {
            builder: &mut builder,
            values: &values,
            operand,
            name: field.name,
            reads,
            tolerance: field.tolerance,
        })?;
        values.push(lowered);
    }
    let output = &quantized.output;
    let sums = values.pop().unwrap_or_default();
    let (mut codec, graph) = builder.finish(sums, (&output.scale, &output.bias), &output.deviation);
    codec.task.clone_from(&output.task);
    verify(&graph)?;
    Ok((codec, graph))
}

/// How many fields before that at `index` encode the network's input.
fn encoders_before(net: &Net<'static>, index: usize) -> usize {
    (0..index).filter(|&index| net.is_encoder(index)).count()
}

fn describe(net: &Net<'static>, facts: &[Fact], quantized: &Quantized) -> Vec<DeclaredLayer> {
    let mut weights_of: Vec<Option<usize>> = Vec::with_capacity(net.fields.len());
    net.fields
        .iter()
        .zip(facts)
        .enumerate()
        .map(|(index, (field, fact))| {
            let properties = field.layer.properties();
            let bits = |range: Range| i64::from(range.bits());
            let products = properties.sums.products();
            let weight_bits = products.and_then(|products| products.weights.get()).map(bits);
            weights_of.push(match (properties.gives, quantized.fields[index].from) {
                (Gives::Normalized, Source::Field(from)) => weights_of[from],
                _ => products.map(|_| index),
            });
            let level_bits = match properties.gives {
                Gives::Rounded { .. } | Gives::Encoded { .. } | Gives::Levels => fact.range.get().map(bits),
                Gives::Normalized | Gives::Sums | Gives::Plain | Gives::Unknown => None,
            };
            let shape = fact.shape.get();
            DeclaredLayer {
                name: field.name.to_owned(),
                kind: field.layer.kind().to_owned(),
                encoder: net.is_encoder(index).then(|| encoders_before(net, index)),
                client_parameters: match &quantized.fields[index].op {
                    Integers::Client(client) => Some(client.0.parameters()),
                    _ => None,
                },
                shape: shape.iter().flat_map(Shape::dims).filter_map(|dim| dim.get()).collect(),
                weights_of: weights_of[index].map(|index| net.fields[index].name.to_owned()),
                weight_bits,
                row_sum: quantized.fields[index].op.get().row_sum(),
                level_bits,
                range: fact.range.get(),
                tolerance: net.tolerance_of(index).or(0.0),
            }
        })
        .collect()
}
