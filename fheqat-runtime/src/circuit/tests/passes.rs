use fheqat_spec::Range;
use proptest::prelude::*;

use crate::{
    circuit::{
        ir::{Accumulator, Graph, Jump, LayerBound, Output, Table, Term, Tolerance, Wire},
        passes::{PASSES, optimise},
        verify::verify,
    },
    quant::row::signed_divisor,
};

fn graph(inputs: usize, neurons: &[(Vec<(Wire, i64)>, Table)], outputs: &[Vec<(Wire, i64)>]) -> Graph {
    let mut graph = Graph {
        inputs: vec![Range::new(-2, 3); inputs],
        layers: vec![LayerBound {
            name: "relu".into(),
            reads: "fc".into(),
            bound: Range::new(-1 << 20, 1 << 20),
        }],
        accumulators: Vec::new(),
        outputs: Vec::new(),
    };
    let sorted = |terms: &[(Wire, i64)]| {
        let mut terms: Vec<Term> = terms.iter().map(|&(wire, weight)| Term { wire, weight }).collect();
        terms.sort_by_key(|term| term.wire);
        terms.dedup_by_key(|term| term.wire);
        terms.retain(|term| term.weight != 0);
        terms
    };
    for (terms, table) in neurons {
        let terms = sorted(terms);
        let range = graph.range_of(&terms);
        graph.accumulators.push(Accumulator {
            layer: 0,
            terms,
            range,
            tolerance: Tolerance::EXACT,
            tables: vec![table.clone()],
        });
    }
    for terms in outputs {
        let terms = sorted(terms);
        let range = graph.range_of(&terms);
        graph.outputs.push(Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 });
    }
    graph
}

const fn neuron(accumulator: usize) -> Wire {
    Wire::Table { accumulator, table: 0 }
}

fn stairs(base: i64, jumps: &[(i64, i64)]) -> Table {
    Table { base, jumps: jumps.iter().map(|&(at, rise)| Jump { at, rise }).collect() }
}

pub(super) fn every_input(graph: &Graph) -> Vec<Vec<i64>> {
    graph.inputs.iter().fold(vec![vec![]], |samples, range| {
        samples
            .iter()
            .flat_map(|sample| (range.lo..=range.hi).map(move |level| [sample.as_slice(), &[level]].concat()))
            .collect()
    })
}

#[test]
fn neurons_on_one_direction_share_an_accumulator() {
    let [a, b] = [Wire::Input(0), Wire::Input(1)];
    let before = graph(
        2,
        &[
            (vec![(a, 1), (b, -2)], stairs(0, &[(0, 1), (2, 1)])),
            (vec![(a, -3), (b, 6)], stairs(0, &[(-4, 1), (1, 2)])),
            (vec![(a, 2), (b, -4)], stairs(5, &[(3, 1)])),
        ],
        &[vec![(neuron(0), 1), (neuron(1), 2), (neuron(2), -1)]],
    );
    let after = optimise(before.clone()).unwrap();
    assert_eq!(after.accumulators.len(), 1);
    for input in every_input(&before) {
        assert_eq!(before.simulate(&input), after.simulate(&input), "{input:?}");
    }
}

#[test]
fn mirrored_tables_are_one_table() {
    let a = Wire::Input(0);
    let before = graph(
        1,
        &[(vec![(a, 1)], stairs(0, &[(0, 1), (2, 1)])), (vec![(a, -1)], stairs(0, &[(-1, 1), (1, 1)]))],
        &[vec![(neuron(0), 1), (neuron(1), 3)]],
    );
    let after = optimise(before.clone()).unwrap();
    assert_eq!(after.accumulators[0].tables.len(), 1);
    for input in every_input(&before) {
        assert_eq!(before.simulate(&input), after.simulate(&input));
    }
}

#[test]
fn constant_and_unread_neurons_cost_nothing() {
    let [a, b] = [Wire::Input(0), Wire::Input(1)];
    let before = graph(
        2,
        &[
            (vec![(a, 1)], stairs(0, &[(1, 1)])),
            (vec![(a, 1)], stairs(2, &[(50, 1)])),
            (vec![(a, 3)], stairs(0, &[(1, 1)])),
            (vec![(b, 1)], stairs(0, &[(2, 1)])),
            (vec![(neuron(0), 1), (neuron(1), 4), (neuron(3), 1)], stairs(0, &[(9, 1)])),
        ],
        &[vec![(neuron(4), 1)]],
    );
    let after = optimise(before.clone()).unwrap();
    assert_eq!(after.accumulators.len(), 3);
    for input in every_input(&before) {
        assert_eq!(before.simulate(&input), after.simulate(&input));
    }
}

#[test]
fn layers_behind_one_accumulator_are_tables_of_it() {
    let [a, b] = [Wire::Input(0), Wire::Input(1)];
    let stage = |terms: Vec<(Wire, i64)>| (terms, stairs(0, &[(0, 1), (2, 1), (3, -2)]));
    let first = [stage(vec![(a, 1), (b, 2)]), stage(vec![(a, -2), (b, -4)])];
    let behind = [
        stage(vec![(neuron(0), 1), (neuron(1), -2)]),
        stage(vec![(neuron(0), 1), (neuron(1), 1)]),
        stage(vec![(neuron(2), 3), (neuron(3), 1), (neuron(0), 1)]),
    ];
    let before = graph(2, &[&first[..], &behind].concat(), &[vec![(neuron(4), 1), (neuron(2), 2)]]);
    let alone = graph(2, &first, &[vec![(neuron(0), 1)], vec![(neuron(1), 1)]]);
    let after = optimise(before.clone()).unwrap();
    assert_eq!(after.accumulators.len(), 1);
    assert!(after.accumulators[0].slots() <= optimise(alone).unwrap().accumulators[0].slots());
    for input in every_input(&before) {
        assert_eq!(before.simulate(&input), after.simulate(&input), "{input:?}");
    }
}

#[test]
fn a_circuit_that_nothing_enters_is_its_constant() {
    let a = Wire::Input(0);
    let before = graph(1, &[(vec![(a, 0)], stairs(3, &[(1, 1)]))], &[vec![(neuron(0), 2)]]);
    let after = optimise(before).unwrap();
    assert!(after.accumulators.is_empty());
    assert_eq!(after.simulate(&[0]), [6]);
}

fn table() -> impl Strategy<Value = Table> {
    (-4i64..4, prop::collection::btree_map(-20i64..20, prop_oneof![-3i64..0, 1i64..3], 0..6))
        .prop_map(|(base, jumps)| stairs(base, &jumps.into_iter().collect::<Vec<_>>()))
}

fn row(wires: Vec<Wire>) -> impl Strategy<Value = Vec<(Wire, i64)>> {
    prop::collection::vec(-3i64..4, wires.len())
        .prop_map(move |weights| wires.iter().copied().zip(weights).collect())
}

pub(super) fn two_layers() -> impl Strategy<Value = Graph> {
    let first = || row((0..3).map(Wire::Input).collect());
    let second = || row((0..6).map(neuron).collect());
    let third = || row((4..10).map(neuron).collect());
    (
        prop::collection::vec((first(), table()), 6),
        prop::collection::vec((second(), table()), 4),
        prop::collection::vec(third(), 2),
    )
        .prop_map(|(one, two, outputs)| graph(3, &[one, two].concat(), &outputs))
}

proptest! {
    #[test]
    fn every_pass_keeps_every_output(before in two_layers()) {
        verify(&before).unwrap();
        let samples = every_input(&before);
        let expected: Vec<_> = samples.iter().map(|sample| before.simulate(sample)).collect();
        let mut after = before;
        for (name, pass) in PASSES {
            after = pass(&after);
            verify(&after).unwrap();
            for (sample, expected) in samples.iter().zip(&expected) {
                prop_assert_eq!(&after.simulate(sample), expected, "{} {:?}", name, sample);
            }
        }
    }

    #[test]
    fn no_input_leaves_a_range(before in two_layers()) {
        let after = optimise(before).unwrap();
        for sample in every_input(&after) {
            for (accumulator, sum) in after.accumulators.iter().zip(after.sums(&sample)) {
                prop_assert!(accumulator.range.contains(Range::new(sum, sum)));
            }
        }
    }

    /// Rotations of parallel sums would have noise in common, which predictions do not know.
    #[test]
    fn no_two_sums_are_parallel(before in two_layers()) {
        let after = optimise(before).unwrap();
        let mut directions: Vec<Vec<(Wire, i64)>> = Vec::new();
        for Accumulator { terms, .. } in &after.accumulators {
            let divisor = signed_divisor(terms.iter().map(|term| term.weight));
            let direction = terms.iter().map(|term| (term.wire, term.weight / divisor)).collect();
            prop_assert!(!directions.contains(&direction), "{:?}", direction);
            directions.push(direction);
        }
    }

    #[test]
    fn optimising_twice_changes_nothing(before in two_layers()) {
        let once = optimise(before).unwrap();
        prop_assert_eq!(optimise(once.clone()).unwrap(), once);
    }
}
