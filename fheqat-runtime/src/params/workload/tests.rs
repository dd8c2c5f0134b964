use fheqat_spec::Range;

use super::*;
use crate::{
    circuit::ir::{
        Accumulator, Graph, Jump, LayerBound, Output as GraphOutput, Table, Term, Tolerance, Wire,
    },
    params::Log2Probability,
};

const P_FAIL: Log2Probability = Log2Probability(-40.0);

fn term(wire: Wire, weight: i64) -> Term {
    Term { wire, weight }
}

fn table(accumulator: usize, table: usize) -> Wire {
    Wire::Table { accumulator, table }
}

fn steps(jumps: &[(i64, i64)]) -> Table {
    Table { base: 0, jumps: jumps.iter().map(|&(at, rise)| Jump { at, rise }).collect() }
}

fn layer(reads: &str) -> LayerBound {
    LayerBound { name: "relu".to_owned(), reads: reads.to_owned(), bound: Range::new(-1 << 20, 1 << 20) }
}

fn graph(accumulators: Vec<Accumulator>, outputs: Vec<Vec<Term>>) -> Graph {
    let range = Range::new(-3, 4);
    let outputs = outputs
        .into_iter()
        .map(|terms| GraphOutput { terms, range, tolerance: Tolerance::EXACT, constant: 0 })
        .collect();
    Graph {
        inputs: vec![Range::new(0, 3); 2],
        layers: ["fc0", "fc1"].map(layer).into(),
        accumulators,
        outputs,
    }
}

fn accumulator(layer: usize, terms: Vec<Term>, reach: i64, tables: Vec<Table>) -> Accumulator {
    Accumulator { layer, terms, range: Range::new(-reach, reach), tolerance: Tolerance::EXACT, tables }
}

fn workload(graph: &Graph) -> Workload {
    let Ok(workload) = Workload::of(graph, P_FAIL) else { unreachable!("the graph keeps its rules") };
    workload
}

#[test]
fn readers_of_one_wire_share_slots_and_the_narrow_one_has_a_gain() {
    let input = |weight| vec![term(Wire::Input(0), weight)];
    let wide = accumulator(0, input(2), 29, vec![steps(&[(0, 1)])]);
    let narrow = accumulator(0, input(1), 3, vec![steps(&[(0, 1), (1, 1)])]);
    let outputs = vec![vec![term(table(0, 0), 1), term(table(1, 0), 1)]];
    let workload = workload(&graph(vec![wide, narrow], outputs));
    assert!(workload.inputs_under_small_key);
    assert_eq!(workload.inputs, [Some(Slots(60)), None]);
    let rotations: Vec<_> = workload
        .rotations
        .iter()
        .map(|rotation| (rotation.slots, rotation.gain, &rotation.offsets[..]))
        .collect();
    assert_eq!(rotations, [(Slots(60), 1, &[0][..]), (Slots(60), 7, &[0, 7][..])]);
    assert!((workload.rotations[1].noise.fresh - 49.0).abs() < 1e-9);
    assert_eq!(workload.outputs[0].slots, Slots(8));
}

#[test]
fn jumps_of_one_rotation_merge_before_they_are_squared() {
    let tables = vec![steps(&[(0, 1), (4, 2)]), steps(&[(0, -1)]), steps(&[(8, 5)])];
    let source = accumulator(0, vec![term(Wire::Input(0), 1)], 15, tables);
    let outputs = vec![vec![term(table(0, 0), 1), term(table(0, 1), 1)], vec![term(table(0, 2), 1)]];
    let workload = workload(&graph(vec![source], outputs));
    assert!((workload.outputs[0].noise.independent - 4.0).abs() < 1e-9);
    assert!((workload.outputs[1].noise.independent - 25.0).abs() < 1e-9);
    let lag = 4.0 / f64::from(workload.rotations[0].slots.0);
    let outputs = vec![vec![term(table(0, 0), 1), term(table(0, 2), 1)]];
    let tables = vec![steps(&[(0, 1)]), steps(&[(15, 1)]), steps(&[(4, 1)])];
    let source = accumulator(0, vec![term(Wire::Input(0), 1)], 15, tables);
    let near = Workload::of(&graph(vec![source], outputs), P_FAIL)
        .map(|workload| workload.outputs[0].noise.correlated);
    assert!(near.is_ok_and(|near| near > 2.0 && near < 4.0 - lag));
}

/// One sum in three ways, and another, with tables of one jump; and sums of their tables.
#[test]
fn rotations_of_one_mask_have_their_noise_in_common() {
    let inputs = |one, other| vec![term(Wire::Input(0), one), term(Wire::Input(1), other)];
    let first = |one, other, at| accumulator(0, inputs(one, other), 18, vec![steps(&[(at, 1)])]);
    let second = |source| {
        let terms = vec![term(table(source, 0), 1), term(table(3, 0), 2)];
        accumulator(1, terms, 3, vec![steps(&[(1, 1)])])
    };
    let accumulators = vec![
        first(1, 2, 1),
        first(1, 2, 1),
        first(-3, -6, 4),
        first(2, 1, 1),
        accumulator(0, inputs(1, 2), 18, vec![steps(&[(5, -1)])]),
        accumulator(1, inputs(1, 0), 3, vec![Table { base: 2, jumps: vec![] }]),
        second(0),
        second(1),
        second(4),
    ];
    let output = |sources: &[usize]| sources.iter().map(|&source| term(table(source, 0), 1)).collect();
    let variances = [
        (output(&[0, 1]), 4.0),
        (output(&[0, 2]), 4.0),
        (output(&[0, 3]), 2.0),
        (output(&[0, 1, 2, 3]), 10.0),
        (output(&[0, 4]), 4.0),
        (output(&[0, 5]), 1.0),
        // Of one mask are only sums of the same tables of it.
        (output(&[6, 7]), 4.0),
        (output(&[6, 8]), 2.0),
    ];
    let outputs = variances.iter().map(|(output, _): &(Vec<Term>, f64)| output.clone()).collect();
    let workload = workload(&graph(accumulators, outputs));
    for (output, (terms, variance)) in workload.outputs.iter().zip(&variances) {
        let NoiseForm { independent, correlated, .. } = output.noise;
        assert!((independent - variance).abs() < 1e-9, "{terms:?}: {independent}");
        assert!((correlated - variance).abs() < 1e-9, "{terms:?}: {correlated}");
    }
}

#[test]
fn an_output_that_reads_an_input_needs_the_big_key() {
    let source = accumulator(0, vec![term(Wire::Input(0), 1)], 3, vec![steps(&[(0, 1)])]);
    let outputs = vec![vec![term(Wire::Input(1), 1), term(table(0, 0), 1)]];
    let workload = workload(&graph(vec![source], outputs));
    assert!(!workload.inputs_under_small_key && workload.rotations[0].key_switches.sum);
}

#[test]
fn a_wide_grid_takes_less_margin() {
    let source = accumulator(0, vec![term(Wire::Input(0), 1)], 50, vec![steps(&[(0, 1), (1, 1)])]);
    let workload = workload(&graph(vec![source], vec![vec![term(table(0, 0), 1)]]));
    let rotation = &workload.rotations[0];
    assert!(rotation.margin(8).0 < rotation.margin(13).0 && rotation.margin(13).0 < rotation.slots.half().0);
}
