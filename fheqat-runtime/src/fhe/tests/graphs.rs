//! Circuits built by hand and at random.

use fheqat_spec::Range;
use rand::{Rng, RngExt};

use crate::{
    Seed,
    circuit::{
        Circuit, Codec, Task,
        ir::{Accumulator, Graph, Jump, LayerBound, Output, Table, Term, Tolerance, Wire},
        verify::LARGEST,
    },
    data::Feature,
    quant::Quantizer,
};

pub(super) fn circuit(
    inputs: Range,
    features: usize,
    accumulators: Vec<Accumulator>,
    outputs: Vec<Output>,
) -> Circuit {
    let layers = 1 + accumulators.iter().map(|accumulator| accumulator.layer).max().unwrap_or(0);
    Circuit {
        name: "test".to_owned(),
        fields: Vec::new(),
        codec: Codec {
            encoders: vec![Quantizer { step: 1.0, levels: inputs }.into()],
            features,
            described: Feature::numbered(features).to_vec(),
            scale: vec![1.0; outputs.len()],
            bias: vec![0.0; outputs.len()],
            task: Task::default(),
        },
        graph: Graph {
            inputs: vec![inputs; features],
            layers: (0..layers)
                .map(|layer| LayerBound {
                    name: format!("relu{layer}"),
                    reads: format!("fc{layer}"),
                    bound: Range::new(-LARGEST, LARGEST),
                })
                .collect(),
            accumulators,
            outputs,
        },
    }
}

/// Sums what the terms can reach.
pub(super) fn reach(terms: &[Term], inputs: Range, accumulators: &[Accumulator]) -> Range {
    terms.iter().fold(Range::new(0, 0), |reach, term| {
        let wire = match term.wire {
            Wire::Input(_) => inputs,
            Wire::Table { accumulator, table } => {
                let accumulator = &accumulators[accumulator];
                accumulator.tables[table].levels(accumulator.range)
            }
        };
        let product = wire.times(Range::new(term.weight, term.weight));
        Range::new(reach.lo + product.lo, reach.hi + product.hi)
    })
}

pub(super) fn terms(wires: &[Wire], weights: &[i64]) -> Vec<Term> {
    wires
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight != 0)
        .map(|(&wire, &weight)| Term { wire, weight })
        .collect()
}

/// A quantized `ReLU` with `levels` steps, one every `width`, from `first` on.
pub(super) fn relu(first: i64, width: i64, levels: i64) -> Table {
    Table { base: 0, jumps: (0..levels).map(|level| Jump { at: first + level * width, rise: 1 }).collect() }
}

/// Any staircase of signed jumps inside the range.
pub(super) fn any_table(range: Range, rng: &mut impl Rng) -> Table {
    let mut table = Table { base: rng.random_range(-3..=3), jumps: Vec::new() };
    let mut at = range.lo + 1 + rng.random_range(0..3);
    while at <= range.hi && table.jumps.len() < 7 {
        let rise = [-2, -1, 1, 1, 2, 3][rng.random_range(0..6)];
        table.jumps.push(Jump { at, rise });
        at += rng.random_range(1..4);
    }
    table
}

/// What to draw.
#[derive(Clone, Copy)]
pub(super) struct RandomNetwork {
    pub(super) features: usize,
    pub(super) inputs: Range,
    pub(super) widths: &'static [usize],
    pub(super) l1: usize,
    pub(super) tables: usize,
    pub(super) outputs: usize,
}

/// A random network: layers of accumulators with sparse weights, each with one to `tables` tables.
pub(super) fn random(network: RandomNetwork, seed: Seed) -> Circuit {
    let mut rng = seed.rng(0);
    let mut accumulators: Vec<Accumulator> = Vec::new();
    let mut wires: Vec<Wire> = (0..network.features).map(Wire::Input).collect();
    for (layer, &width) in network.widths.iter().enumerate() {
        let mut next = Vec::new();
        for _ in 0..width {
            let terms = sparse(&wires, network.l1, &mut rng);
            let range = reach(&terms, network.inputs, &accumulators);
            let tables: Vec<Table> =
                (0..rng.random_range(1..=network.tables)).map(|_| any_table(range, &mut rng)).collect();
            let accumulator = accumulators.len();
            next.extend((0..tables.len()).map(|table| Wire::Table { accumulator, table }));
            accumulators.push(Accumulator { layer, terms, range, tolerance: Tolerance::EXACT, tables });
        }
        wires = next;
    }
    let outputs = (0..network.outputs)
        .map(|_| {
            let terms = sparse(&wires, network.l1, &mut rng);
            let range = reach(&terms, network.inputs, &accumulators);
            Output { terms, range, tolerance: Tolerance::EXACT, constant: rng.random_range(-5..=5) }
        })
        .collect();
    circuit(network.inputs, network.features, accumulators, outputs)
}

fn sparse(wires: &[Wire], l1: usize, rng: &mut impl Rng) -> Vec<Term> {
    let mut weights = vec![0_i64; wires.len()];
    for _ in 0..l1 {
        let index = rng.random_range(0..wires.len());
        let sign = if weights[index] == 0 {
            if rng.random_bool(0.5) { 1 } else { -1 }
        } else {
            weights[index].signum()
        };
        weights[index] += sign;
    }
    terms(wires, &weights)
}

/// Samples that include the corners of the inputs' range.
pub(super) fn samples(circuit: &Circuit, count: usize, seed: Seed) -> Vec<Vec<f32>> {
    let mut rng = seed.rng(1);
    let range = circuit.codec.input_range();
    let step = circuit.codec.encoders[0].quantizer().unwrap().step;
    (0..count)
        .map(|index| {
            (0..circuit.codec.features)
                .map(|_| match index % 3 {
                    0 => [range.lo, range.hi][rng.random_range(0..2)],
                    _ => rng.random_range(range.lo..=range.hi),
                })
                .map(|level| level as f32 * step)
                .collect()
        })
        .collect()
}

/// Two inputs and three neurons: the second reads an input and a wire, which keeps inputs from the small key unless the wire
/// is under it too.
pub(super) fn mixed() -> Circuit {
    let inputs = Range::new(0, 3);
    let table = |accumulator| Wire::Table { accumulator, table: 0 };
    let mut accumulators: Vec<Accumulator> = Vec::new();
    for wires in [[Wire::Input(0), Wire::Input(1)], [Wire::Input(0), table(0)], [table(0), table(1)]] {
        let terms = terms(&wires, &[1, -1]);
        let range = reach(&terms, inputs, &accumulators);
        let (layer, tolerance) = (accumulators.len(), Tolerance::EXACT);
        let tables = vec![relu(range.lo + 2, 1, 4)];
        accumulators.push(Accumulator { layer, terms, range, tolerance, tables });
    }
    let terms = terms(&[table(1), table(2)], &[1, 2]);
    let range = reach(&terms, inputs, &accumulators);
    let outputs = vec![Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 }];
    circuit(inputs, 2, accumulators, outputs)
}

/// The network of the guide at a budget of 8: 16 directions in the plane with several neurons each, and 15 neurons of
/// about 64 slots behind them.
pub(super) fn guide(seed: Seed) -> Circuit {
    let inputs = Range::new(-4, 3);
    let mut rng = seed.rng(2);
    let mut accumulators = Vec::new();
    let mut neurons = Vec::new();
    for direction in 0..16 {
        let weights = [1 + direction % 4, [-3, -2, 1, 2][direction as usize / 4]];
        let terms = terms(&[Wire::Input(0), Wire::Input(1)], &weights);
        let range = reach(&terms, inputs, &[]);
        let centre = i64::midpoint(range.lo, range.hi);
        let tables: Vec<Table> = (0..6)
            .map(|neuron| {
                let mut table = relu(centre - 3 + neuron, 1, 4);
                if neuron % 2 == 1 {
                    table.base = 4;
                    table.jumps.iter_mut().for_each(|jump| jump.rise = -1);
                }
                table
            })
            .collect();
        let accumulator = accumulators.len();
        neurons.extend((0..tables.len()).map(|table| Wire::Table { accumulator, table }));
        accumulators.push(Accumulator { layer: 0, terms, range, tolerance: Tolerance::EXACT, tables });
    }
    let mut hidden = Vec::new();
    for _ in 0..15 {
        let terms = sparse(&neurons, 14, &mut rng);
        let range = reach(&terms, inputs, &accumulators);
        let table = relu(i64::midpoint(range.lo, range.hi) - 3, 1, 7);
        hidden.push(Wire::Table { accumulator: accumulators.len(), table: 0 });
        accumulators.push(Accumulator {
            layer: 1,
            terms,
            range,
            tolerance: Tolerance::EXACT,
            tables: vec![table],
        });
    }
    let outputs = (0..2)
        .map(|output| {
            let terms = terms(&hidden[7 * output..], &[1, -1, 1, 1, -1, 1, -1, -1]);
            let range = reach(&terms, inputs, &accumulators);
            Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 }
        })
        .collect();
    circuit(inputs, 2, accumulators, outputs)
}
