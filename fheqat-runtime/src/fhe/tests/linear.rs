//! Networks without hidden layers: sums that the client alone reads, and not a rotation.

use std::time::Instant;

use fheqat_spec::Range;
use ndarray::Array2;

use super::{
    exact::agree,
    graphs::{circuit, reach, samples, terms},
};
use crate::{
    Seed,
    circuit::{
        Circuit,
        ir::{Output, Tolerance, Wire},
    },
    compile::CompileOptions,
    data::Dataset,
    fhe::{Client, Server, ServerKey},
    fixture::WideAndDeep,
    network::Network,
    nn::{lower, module::Layers, program::Program},
    params::{Bytes, Seconds},
    train::TrainConfig,
};

/// `outputs` sums of `features` levels in `levels`, with weights in `-most..=most`.
pub(super) fn linear(features: usize, levels: Range, outputs: usize, most: i64) -> Circuit {
    let wires: Vec<Wire> = (0..features).map(Wire::Input).collect();
    let outputs = (0..outputs)
        .map(|output| {
            let weight = |feature: usize| {
                let scrambled = (feature * 7919 + output * 104_729 + 13) as i64;
                scrambled % (2 * most + 1) - most
            };
            let terms = terms(&wires, &(0..features).map(weight).collect::<Vec<_>>());
            let range = reach(&terms, levels, &[]);
            Output { terms, range, tolerance: Tolerance::EXACT, constant: 0 }
        })
        .collect();
    circuit(levels, features, Vec::new(), outputs)
}

/// Features, their levels, outputs, and the largest weight.
const NETWORKS: [(&str, usize, Range, usize, i64); 6] = [
    ("30 features x 15 bits, 3-bit weights", 450, Range::unsigned(1), 2, 3),
    ("30 features x 15 bits, 6-bit weights", 450, Range::unsigned(1), 2, 31),
    ("30 features of 8 bits, 3-bit weights", 30, Range::signed(8), 2, 3),
    ("30 features of 8 bits, 6-bit weights", 30, Range::signed(8), 2, 31),
    ("30 features of 8 bits, 8-bit weights", 30, Range::signed(8), 2, 127),
    ("516 features of 8 bits, 8-bit weights", 516, Range::signed(8), 10, 127),
];

#[test]
#[ignore = "prints what networks without rotations take"]
fn what_linear_networks_take() {
    for (name, features, levels, outputs, most) in NETWORKS {
        let circuit = linear(features, levels, outputs, most);
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let started = Instant::now();
        let (client_key, keys) = compiled.client().keygen();
        let sizes = [client_key.to_bytes().len(), keys.to_bytes().len()];
        let client = Client::new(compiled.client(), client_key).unwrap();
        let server = Server::new(compiled.server(), ServerKey::from(keys), None).unwrap();
        let keygen = started.elapsed();
        let sample = &samples(&circuit, 1, Seed(0))[0];
        let times = |count: u32, mut work: Box<dyn FnMut() + '_>| {
            let started = Instant::now();
            (0..count).for_each(|_| work());
            started.elapsed() / count
        };
        let input = client.encrypt(sample).unwrap();
        let output = server.run(&input).unwrap();
        assert_eq!(client.decrypt(&output).unwrap(), circuit.simulate(sample).unwrap());
        let encrypt = times(50, Box::new(|| drop(client.encrypt(sample))));
        let run = times(200, Box::new(|| drop(server.run(&input))));
        let batch = vec![input.clone(); 64];
        let of_a_batch = times(5, Box::new(|| drop(server.run_batch(&batch)))) / 64;
        let decrypt = times(50, Box::new(|| drop(client.decrypt(&output))));
        let prediction = compiled.prediction();
        println!(
            "{name}: {:?}\n  {} bits; keys {keygen:.1?}: client {} B, server {} B sent, {} in memory; sample {} B in {encrypt:.1?}, \
             result {} B, decrypted in {decrypt:.1?}; run {run:.1?} wall, {of_a_batch:.1?} in a batch of 64 on {} threads, \
             {:.1} us predicted; p_fail {}",
            prediction.parameters,
            circuit.accumulator_bits(),
            sizes[0],
            sizes[1],
            server.memory(),
            input.to_bytes().len(),
            output.to_bytes().len(),
            server.threads(),
            prediction.run.0 * 1e6,
            prediction.p_fail,
        );
    }
}

#[test]
fn sums_of_up_to_24_bits_are_exact_without_a_rotation() {
    for (features, levels, outputs, most) in
        [(5, Range::unsigned(1), 2, 3), (30, Range::signed(8), 2, 127), (516, Range::signed(8), 3, 127)]
    {
        let circuit = linear(features, levels, outputs, most);
        let mut samples = samples(&circuit, 3, Seed(1));
        samples.push(vec![levels.lo as f32; features]);
        samples.push(vec![levels.hi as f32; features]);
        agree(&circuit, -40.0, &samples);
        agree(&circuit, -128.0, &samples);
    }
    assert!(linear(516, Range::signed(8), 3, 127).accumulator_bits() >= 23);
}

#[test]
fn a_network_without_rotations_has_no_keys_but_the_clients() {
    let compiled = linear(450, Range::unsigned(1), 2, 3).compile(&CompileOptions::default()).unwrap();
    let prediction = compiled.prediction();
    assert_eq!(prediction.server_key, Bytes(0));
    assert!(prediction.keygen == Seconds(0.0) && !prediction.parameters.rotate());
    assert!(prediction.parameters.big_dimension().0 <= 1024, "{:?}", prediction.parameters);
    let (key, keys) = compiled.client().keygen();
    assert_eq!(keys.to_bytes().len() as u64, prediction.server_key_seeded.0);
    assert!(keys.to_bytes().len() < 100 && key.to_bytes().len() < 300);
    let client = Client::new(compiled.client(), key).unwrap();
    let server = Server::new(compiled.server(), ServerKey::from(keys), None).unwrap();
    assert_eq!(server.memory(), Bytes(0));
    let sample: Vec<f32> = (0..450).map(|index| f32::from(u8::from(index % 3 == 0))).collect();
    let output = server.run(&client.encrypt(&sample).unwrap()).unwrap();
    assert_eq!(client.decrypt(&output).unwrap(), compiled.circuit().simulate(&sample).unwrap());
    assert!(compiled.report().to_string().contains("nothing rotates"), "{}", compiled.report());
}

/// Its inputs are under the big key, for the output reads them; they are packed for the hidden layer too.
#[test]
fn the_output_may_read_bits_beside_a_hidden_layer_and_without_it() {
    let bit = |row: usize, column: usize| (row * 7 + row / 5) >> column & 1;
    let features = Array2::from_shape_fn((200, 4), |(row, column)| bit(row, column) as f32);
    let classes = (0..200).map(|row| usize::from(bit(row, 0) + bit(row, 2) > 1)).collect();
    let data = Dataset::classes(features, classes, 2).unwrap();
    let mut net = WideAndDeep::new(Seed(0));
    net.train(&data, &TrainConfig { epochs: Some(60), progress: false, ..TrainConfig::declared() }).unwrap();
    let samples: Vec<Vec<f32>> = data.samples().take(6).collect();
    let program = Program::of(&net).unwrap();
    let deep = net.circuit().unwrap();
    assert!(!deep.graph.accumulators.is_empty());
    agree(&deep, -40.0, &samples);
    let wide = lower::optimised(&WideAndDeep::SPEC, &program.without_hidden().unwrap()).unwrap();
    assert!(wide.graph.accumulators.is_empty());
    agree(&wide, -40.0, &samples);
}
