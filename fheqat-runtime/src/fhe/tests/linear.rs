//! Networks without hidden layers: sums that the client alone reads, and not a rotation.

use std::time::Instant;

use fheqat_spec::Range;

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
};

/// `outputs` sums of `features` levels in `levels`, with weights in `-most..=most`.
fn linear(features: usize, levels: Range, outputs: usize, most: i64) -> Circuit {
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
        let (client, server) = compiled.keygen().unwrap();
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
            client.to_bytes().len(),
            server.to_bytes().len(),
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
