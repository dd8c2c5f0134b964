//! A circuit with a rotation of as many slots as asked.

use fheqat_runtime::{
    circuit::{
        Circuit, Codec, Task,
        ir::{Accumulator, Graph, Jump, LayerBound, Output, Table, Term, Tolerance, Wire},
    },
    data::{Feature, FeatureKind},
    quant::Quantizer,
    spec::Range,
};

/// What the only term of a neuron of `slots` slots is multiplied by: seven of it fill the range.
pub(crate) fn weight(slots: i64) -> i64 {
    ((slots / 2 - 4) / 7).max(1)
}

/// A chain of two neurons of `slots` slots: the second has a key switch, and noise from the first.
pub(crate) fn chain(slots: i64) -> Circuit {
    let inputs = Range::new(0, 7);
    let neuron = |layer, wire, slots: i64| {
        let half = slots / 2 - 3;
        let (weight, range) = (weight(slots), Range::new(-half, half - 1));
        let jumps = (-3..=3).map(|at| Jump { at, rise: 1 }).collect();
        let tables = vec![Table { base: 0, jumps }];
        Accumulator { layer, terms: vec![Term { wire, weight }], range, tolerance: Tolerance::EXACT, tables }
    };
    let first = neuron(0, Wire::Input(0), 24);
    let second = neuron(1, Wire::Table { accumulator: 0, table: 0 }, slots);
    let wire = Wire::Table { accumulator: 1, table: 0 };
    let outputs = vec![Output {
        terms: vec![Term { wire, weight: 1 }],
        range: inputs,
        tolerance: Tolerance::EXACT,
        constant: 0,
    }];
    Circuit {
        name: format!("{slots} slots"),
        fields: Vec::new(),
        codec: Codec {
            encoders: vec![Quantizer { step: 1.0, levels: inputs }.into()],
            features: 1,
            described: vec![Feature { name: "0".to_owned(), kind: FeatureKind::Number }],
            scale: vec![1.0],
            bias: vec![0.0],
            task: Task::default(),
        },
        graph: Graph {
            inputs: vec![inputs],
            layers: vec![layer("relu0", "fc0"), layer("relu1", "fc1")],
            accumulators: vec![first, second],
            outputs,
        },
    }
}

/// So many sums of the only input.
#[allow(dead_code, reason = "not every bench measures results")]
pub(crate) fn sums(count: usize) -> Circuit {
    let mut circuit = chain(24);
    let Graph { layers, accumulators, outputs, inputs } = &mut circuit.graph;
    layers.clear();
    accumulators.clear();
    let output = |index: usize| {
        let weight = 1 + index.cast_signed() as i64 % 3;
        Output {
            terms: vec![Term { wire: Wire::Input(0), weight }],
            range: Range::new(0, weight * inputs[0].hi),
            tolerance: Tolerance::EXACT,
            constant: 0,
        }
    };
    *outputs = (0..count).map(output).collect();
    circuit.codec.scale = vec![1.0; count];
    circuit.codec.bias = vec![0.0; count];
    circuit
}

/// So many sums of all of so many bits, with weights of three bits.
#[allow(dead_code, reason = "not every bench measures sums")]
pub(crate) fn linear(bits: usize, count: usize) -> Circuit {
    let mut circuit = sums(count);
    let levels = Range::unsigned(1);
    circuit.codec.encoders = vec![Quantizer { step: 1.0, levels }.into()];
    circuit.codec.features = bits;
    circuit.codec.described =
        (0..bits).map(|index| Feature { name: index.to_string(), kind: FeatureKind::Number }).collect();
    circuit.graph.inputs = vec![levels; bits];
    for (output, sum) in circuit.graph.outputs.iter_mut().enumerate() {
        let weight = |bit: usize| ((bit * 7919 + output * 104_729 + 13) % 7).cast_signed() as i64 - 3;
        let terms = (0..bits).map(|bit| Term { wire: Wire::Input(bit), weight: weight(bit) });
        sum.terms = terms.filter(|term| term.weight != 0).collect();
        let ends = |sign: i64| sum.terms.iter().map(|term| (sign * term.weight).max(0) * sign).sum();
        sum.range = Range::new(ends(-1), ends(1));
    }
    circuit
}

fn layer(name: &str, reads: &str) -> LayerBound {
    LayerBound { name: name.to_owned(), reads: reads.to_owned(), bound: Range::new(-1 << 20, 1 << 20) }
}
