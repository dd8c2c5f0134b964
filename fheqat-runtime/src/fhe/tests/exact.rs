//! Encrypted equals simulated.

use std::num::NonZeroUsize;

use fheqat_spec::Range;

use super::graphs::{RandomNetwork, any_table, circuit, guide, mixed, random, reach, relu, samples, terms};
use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::{Accumulator, Jump, Output, Table, Tolerance, Wire},
    },
    compile::{CompileOptions, Compiled},
    fhe::{Control, RunError},
    params::{Log2Probability, workload::KeySwitches},
};

fn compile(circuit: &Circuit, p_fail: f64) -> Compiled {
    circuit.compile(&CompileOptions::default().p_fail(Log2Probability(p_fail))).unwrap()
}

pub(super) fn agree(circuit: &Circuit, p_fail: f64, samples: &[Vec<f32>]) {
    let compiled = compile(circuit, p_fail);
    let prediction = compiled.prediction();
    assert!(prediction.p_fail <= Log2Probability(p_fail));
    let (client, server) = compiled.keygen().unwrap();
    let outputs = server.run_batch(&client.encrypt_batch(samples).unwrap()).unwrap();
    for (sample, logits) in samples.iter().zip(client.decrypt_batch(&outputs).unwrap()) {
        assert_eq!(logits, circuit.simulate(sample).unwrap(), "{sample:?} with {:?}", prediction.parameters);
    }
}

const SMALL: RandomNetwork =
    RandomNetwork { features: 3, inputs: Range { lo: 0, hi: 7 }, widths: &[3], l1: 3, tables: 1, outputs: 2 };

/// One accumulator over `weights` of the inputs, with every table an output of its own.
fn one_accumulator(inputs: Range, weights: &[i64], tables: impl FnOnce(Range) -> Vec<Table>) -> Circuit {
    let wires: Vec<Wire> = (0..weights.len()).map(Wire::Input).collect();
    let terms_ = terms(&wires, weights);
    let range = reach(&terms_, inputs, &[]);
    let accumulators = vec![Accumulator {
        layer: 0,
        terms: terms_,
        range,
        tolerance: Tolerance::EXACT,
        tables: tables(range),
    }];
    let outputs = (0..accumulators[0].tables.len())
        .map(|table| {
            let terms = terms(&[Wire::Table { accumulator: 0, table }], &[1]);
            let range = reach(&terms, inputs, &accumulators);
            Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 }
        })
        .collect();
    circuit(inputs, weights.len(), accumulators, outputs)
}

fn every_value(circuit: &Circuit) -> Vec<Vec<f32>> {
    let inputs = circuit.codec.input_range();
    (inputs.lo..=inputs.hi).map(|level| vec![level as f32; circuit.codec.features]).collect()
}

#[test]
fn one_layer() {
    let circuit = random(SMALL, Seed(1));
    agree(&circuit, -40.0, &samples(&circuit, 8, Seed(1)));
}

#[test]
fn shared_rotations() {
    let circuit = random(RandomNetwork { tables: 3, ..SMALL }, Seed(2));
    agree(&circuit, -40.0, &samples(&circuit, 8, Seed(2)));
}

#[test]
fn two_layers() {
    let circuit = random(RandomNetwork { tables: 2, widths: &[3, 3], ..SMALL }, Seed(3));
    agree(&circuit, -64.0, &samples(&circuit, 6, Seed(3)));
}

/// Every value of an accumulator, its ends among them, through a step, a bump, signed jumps and a jump at each value.
#[test]
fn every_value_of_a_range() {
    let step = |at, rise| Jump { at, rise };
    for tables in [
        vec![Table { base: 0, jumps: vec![step(-20, 5)] }],
        vec![Table { base: 2, jumps: vec![step(-9, 4), step(-3, -7), step(8, 3)] }],
        vec![Table { base: -6, jumps: (-23..=23).step_by(2).map(|at| step(at, 1)).collect() }],
        vec![
            Table { base: 4, jumps: vec![step(21, -4)] },
            Table { base: 0, jumps: vec![step(-17, 1), step(21, 2)] },
            Table { base: 1, jumps: vec![step(-17, -3), step(0, 1)] },
        ],
    ] {
        let circuit = one_accumulator(Range::new(-24, 24), &[1], |_| tables);
        agree(&circuit, -40.0, &every_value(&circuit));
    }
}

#[test]
fn outputs_may_read_inputs() {
    let inputs = Range::new(-5, 6);
    let mut circuit = one_accumulator(inputs, &[2, -1], |range| vec![relu(range.lo + 6, 3, 4)]);
    let wires = [Wire::Input(0), Wire::Input(1), Wire::Table { accumulator: 0, table: 0 }];
    let terms = terms(&wires, &[1, 3, -2]);
    let range = reach(&terms, inputs, &circuit.graph.accumulators);
    circuit.graph.outputs.push(Output { terms, range, tolerance: Tolerance::EXACT, constant: 9 });
    circuit.codec.scale.push(0.5);
    circuit.codec.bias.push(-1.0);
    agree(&circuit, -40.0, &samples(&circuit, 6, Seed(4)));
}

/// An accumulator over inputs and tables of two depths, narrow beside wide ones, so that its gain is above 1.
#[test]
fn accumulators_may_skip_layers() {
    let inputs = Range::new(0, 5);
    let mut accumulators = Vec::new();
    let table = |accumulator, table| Wire::Table { accumulator, table };
    let mut add = |wires: &[Wire], weights: &[i64], tables: &dyn Fn(Range) -> Vec<Table>| {
        let terms = terms(wires, weights);
        let range = reach(&terms, inputs, &accumulators);
        let layer = accumulators.len();
        accumulators.push(Accumulator {
            layer,
            terms,
            range,
            tolerance: Tolerance::EXACT,
            tables: tables(range),
        });
    };
    add(&[Wire::Input(0), Wire::Input(1)], &[1, -2], &|range| {
        vec![relu(range.lo + 5, 2, 3), relu(range.lo + 8, 1, 4)]
    });
    add(&[Wire::Input(0), table(0, 0), table(0, 1)], &[1, -1, 2], &|range| vec![relu(range.lo + 6, 1, 4)]);
    add(&[Wire::Input(1), table(1, 0)], &[1, 1], &|range| vec![relu(range.lo + 4, 1, 3)]);
    let wires = [Wire::Input(0), table(0, 1), table(1, 0), table(2, 0)];
    let terms = terms(&wires, &[-1, 1, 2, 1]);
    let range = reach(&terms, inputs, &accumulators);
    let outputs = vec![Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 }];
    let circuit = circuit(inputs, 2, accumulators, outputs);
    let compiled = compile(&circuit, -40.0);
    assert!(!compiled.plan().client.inputs_under_small_key);
    assert_eq!(compiled.plan().server.stages.len(), 3);
    let every: Vec<Vec<f32>> =
        (0..36).step_by(5).map(|index| vec![(index / 6) as f32, (index % 6) as f32]).collect();
    agree(&circuit, -40.0, &every);
}

/// One wire with weights of one, so that its noise counts once, and several neurons that read it.
#[test]
fn one_wire_with_several_readers_is_switched_itself() {
    let network = RandomNetwork {
        features: 2,
        inputs: Range::new(0, 3),
        widths: &[1, 8],
        l1: 1,
        tables: 1,
        outputs: 3,
    };
    let circuit = random(network, Seed(1));
    let compiled = compile(&circuit, -40.0);
    let server = &compiled.plan().server;
    assert_eq!(server.stages[0][0].key_switches, KeySwitches { sum: false, wires: vec![0] });
    assert!(server.stages[1].len() > 1);
    assert!(server.stages[1].iter().all(|rotation| rotation.key_switches.count() == 0));
    let every: Vec<Vec<f32>> =
        (0..16_u8).map(|index| vec![f32::from(index / 4), f32::from(index % 4)]).collect();
    agree(&circuit, -40.0, &every);
}

#[test]
fn inputs_and_switched_wires_meet_under_the_small_key() {
    let circuit = mixed();
    let compiled = compile(&circuit, -40.0);
    assert!(compiled.plan().client.inputs_under_small_key);
    assert_eq!(compiled.plan().server.stages[0][0].key_switches.wires, [0]);
    let every: Vec<Vec<f32>> =
        (0..16_u8).map(|index| vec![f32::from(index / 4), f32::from(index % 4)]).collect();
    agree(&circuit, -40.0, &every);
}

#[test]
fn a_circuit_without_tables() {
    let inputs = Range::new(-8, 7);
    let terms = terms(&[Wire::Input(0), Wire::Input(2)], &[3, -2]);
    let range = reach(&terms, inputs, &[]);
    let constant =
        Output { terms: Vec::new(), range: Range::new(0, 0), tolerance: Tolerance::EXACT, constant: 7 };
    let circuit = circuit(
        inputs,
        3,
        Vec::new(),
        vec![Output { terms, range, tolerance: Tolerance::EXACT, constant: -1 }, constant],
    );
    agree(&circuit, -40.0, &samples(&circuit, 6, Seed(5)));
}

/// A constant table, one that nothing reads, and an accumulator that nothing reads.
#[test]
fn what_nothing_needs_costs_nothing() {
    let inputs = Range::new(0, 7);
    let constant = Table { base: 3, jumps: Vec::new() };
    let mut circuit =
        one_accumulator(inputs, &[1, 1, 0], |_| vec![relu(5, 1, 3), constant.clone(), relu(2, 1, 3)]);
    circuit.graph.outputs.pop();
    let dead = circuit.graph.accumulators[0].clone();
    circuit.graph.accumulators.push(dead);
    circuit.codec.scale.pop();
    circuit.codec.bias.pop();
    let compiled = compile(&circuit, -40.0);
    assert_eq!(compiled.prediction().layers.iter().map(|layer| layer.rotations).sum::<usize>(), 1);
    assert_eq!(compiled.plan().server.inputs, 2);
    assert!(compiled.plan().server.stages[0][0].taps.len() == 1);
    agree(&circuit, -40.0, &samples(&circuit, 4, Seed(6)));
}

#[test]
fn inputs_outside_the_quantizer_saturate() {
    let circuit = one_accumulator(Range::new(-3, 3), &[1], |_| vec![relu(-2, 1, 6)]);
    agree(&circuit, -40.0, &[vec![1e9], vec![-1e9], vec![3.4]]);
}

#[test]
fn the_usual_rotation_gives_the_same() {
    let circuit = random(RandomNetwork { tables: 2, ..SMALL }, Seed(7));
    let samples = samples(&circuit, 4, Seed(7));
    let compiled = circuit.compile(&CompileOptions::default().max_extension(0)).unwrap();
    assert!(compiled.prediction().layers.iter().all(|layer| layer.extension == 0));
    let (client, server) = compiled.keygen().unwrap();
    let outputs = server.run_batch(&client.encrypt_batch(&samples).unwrap()).unwrap();
    for (sample, logits) in samples.iter().zip(client.decrypt_batch(&outputs).unwrap()) {
        assert_eq!(logits, circuit.simulate(sample).unwrap());
    }
}

#[test]
fn threads_change_nothing() {
    let circuit = random(RandomNetwork { tables: 2, widths: &[2, 2], ..SMALL }, Seed(8));
    let compiled = compile(&circuit, -40.0);
    let (client, mut server) = compiled.keygen_insecure_for_tests(Seed(1)).unwrap();
    let inputs = client.encrypt_batch(&samples(&circuit, 5, Seed(8))).unwrap();
    server.set_threads(NonZeroUsize::new(1)).unwrap();
    let one = server.run_batch(&inputs).unwrap();
    server.set_threads(NonZeroUsize::new(3)).unwrap();
    assert_eq!(one, server.run_batch(&inputs).unwrap());
    assert_eq!(one[4], server.run(&inputs[4]).unwrap());
}

/// More samples than are in flight at once.
#[test]
fn a_run_says_how_far_it_is_and_stops() {
    let circuit = random(RandomNetwork { features: 2, widths: &[1], ..SMALL }, Seed(9));
    let compiled = circuit.compile(&CompileOptions::default().threads(NonZeroUsize::new(2))).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    let samples = samples(&circuit, 24, Seed(9));
    let inputs = client.encrypt_batch(&samples).unwrap();
    let all = samples.len() * server.plan().rotations();

    let control = Control::new();
    let outputs = server.run_watched(&inputs, &control).unwrap();
    assert_eq!(control.rotations(), all);
    for (sample, logits) in samples.iter().zip(client.decrypt_batch(&outputs).unwrap()) {
        assert_eq!(logits, circuit.simulate(sample).unwrap());
    }

    let control = Control::new();
    let stopped = std::thread::scope(|scope| {
        let run = scope.spawn(|| server.run_watched(&inputs, &control));
        while control.rotations() == 0 {
            std::thread::yield_now();
        }
        control.cancel();
        run.join().unwrap()
    });
    assert!(matches!(stopped, Err(RunError::Cancelled)) && control.rotations() < all);
}

#[test]
#[ignore = "a minute: many random networks"]
fn random_networks() {
    for seed in 0..24 {
        let network = RandomNetwork {
            features: 2 + seed as usize % 5,
            inputs: [Range::new(-4, 3), Range::new(0, 7), Range::new(-3, 3)][seed as usize % 3],
            widths: [&[4][..], &[3, 3], &[3, 2, 2]][seed as usize % 3],
            l1: 2 + seed as usize % 4,
            tables: 1 + seed as usize % 4,
            outputs: 3,
        };
        let circuit = random(network, Seed(100 + seed));
        agree(&circuit, [-40.0, -64.0, -128.0][seed as usize % 3], &samples(&circuit, 12, Seed(seed)));
    }
}

#[test]
#[ignore = "a minute: the guide's network"]
fn the_network_of_the_guide() {
    for seed in 0..3 {
        let circuit = guide(Seed(seed));
        agree(&circuit, -40.0, &samples(&circuit, 20, Seed(seed)));
    }
}

#[test]
#[ignore = "a minute: wide accumulators"]
fn wide_accumulators() {
    for (reach, seed) in [(37, 1), (61, 2), (100, 3)] {
        let inputs = Range::new(-reach, reach);
        let circuit = one_accumulator(inputs, &[1], |range| {
            let mut rng = Seed(seed).rng(0);
            (0..seed).map(|_| any_table(range, &mut rng)).collect()
        });
        agree(&circuit, -40.0, &every_value(&circuit));
    }
}

#[test]
fn a_circuit_that_nothing_enters() {
    let output = Output { terms: vec![], range: Range::new(0, 0), tolerance: Tolerance::EXACT, constant: 7 };
    let circuit = circuit(Range::new(0, 3), 2, vec![], vec![output]);
    agree(&circuit, -40.0, &[vec![0.0, 1.0]]);
}
