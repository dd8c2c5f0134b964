//! Failures are as frequent as predicted.

use fheqat_spec::Range;

use super::graphs::{circuit, reach, terms};
use crate::{
    circuit::ir::{Accumulator, Jump, Output, Table, Tolerance, Wire},
    fhe::CompileOptions,
    params::Log2Probability,
};

/// Two rotations one behind the other, whose tables jump at every value: noise of half a slot either way is a failure.
///
/// `cargo test --release -p fheqat-runtime failures -- --ignored --nocapture`
#[test]
#[ignore = "minutes: 24,000 bootstraps at a relaxed probability of failure"]
fn failures_are_as_frequent_as_predicted() {
    const INFERENCES: usize = 12_000;
    let inputs = Range::new(-8, 7);
    let every = Table { base: -8, jumps: (-7..=7).map(|at| Jump { at, rise: 1 }).collect() };
    let mut accumulators = Vec::new();
    let mut wire = Wire::Input(0);
    for layer in 0..2 {
        let terms = terms(&[wire], &[1]);
        let range = reach(&terms, inputs, &accumulators);
        accumulators.push(Accumulator {
            layer,
            terms,
            range,
            tolerance: Tolerance::EXACT,
            tables: vec![every.clone()],
        });
        wire = Wire::Table { accumulator: layer, table: 0 };
    }
    let outputs =
        vec![Output { terms: terms(&[wire], &[1]), range: inputs, tolerance: Tolerance::EXACT, constant: 0 }];
    let circuit = circuit(inputs, 1, accumulators, outputs);
    let compiled = circuit.compile(&CompileOptions::default().p_fail(Log2Probability(-7.0))).unwrap();
    let predicted = compiled.prediction().p_fail.probability() * INFERENCES as f64;

    let mut failures = 0;
    // Keys differ in noise, so several take part.
    for _ in 0..4 {
        let (client, server) = compiled.keygen().unwrap();
        let samples: Vec<Vec<f32>> =
            (0..INFERENCES / 4).map(|index| vec![(index % 14) as f32 - 7.0]).collect();
        let results = server.run_batch(&client.encrypt_batch(&samples).unwrap()).unwrap();
        let decrypted = client.decrypt_batch(&results).unwrap();
        failures += samples
            .iter()
            .zip(decrypted)
            .filter(|(sample, logits)| *logits != circuit.simulate(sample).unwrap())
            .count();
    }
    println!(
        "{failures} failures in {INFERENCES} inferences, {predicted:.1} predicted: {:?}",
        compiled.prediction()
    );
    // Counts are Poisson's, four deviations either way; a prediction may be up to twice the truth, but not below it.
    let failures = failures as f64;
    assert!(failures <= predicted + 4.0 * predicted.sqrt());
    assert!(failures >= predicted / 2.0 - 4.0 * (predicted / 2.0).sqrt());
}
