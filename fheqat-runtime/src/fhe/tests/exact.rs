use fheqat_spec::Range;

use super::graphs::{Dice, random, samples};
use crate::{Seed, circuit::Circuit, fhe::CompileOptions, params::Log2Probability};

fn agrees(circuit: &Circuit, p_fail: f64, count: usize, seed: Seed) {
    let compiled = circuit.compile(&CompileOptions::default().p_fail(Log2Probability(p_fail))).unwrap();
    println!("{:?}", compiled.prediction());
    let (client, server) = compiled.keygen().unwrap();
    let samples = samples(circuit, count, seed);
    let start = std::time::Instant::now();
    let outputs = server.run_batch(&client.encrypt_batch(&samples).unwrap()).unwrap();
    println!("{:?} a sample", start.elapsed() / count as u32);
    for (sample, logits) in samples.iter().zip(client.decrypt_batch(&outputs).unwrap()) {
        assert_eq!(logits, circuit.simulate(sample).unwrap(), "{sample:?}");
    }
}

const SMALL: Dice =
    Dice { features: 3, inputs: Range { lo: 0, hi: 7 }, widths: &[3], l1: 3, tables: 1, outputs: 2 };

#[test]
fn one_layer_of_single_tables() {
    agrees(&random(SMALL, Seed(1)), -40.0, 12, Seed(1));
}

#[test]
fn shared_rotations() {
    agrees(&random(Dice { tables: 3, ..SMALL }, Seed(2)), -40.0, 12, Seed(2));
}

#[test]
fn two_layers() {
    agrees(&random(Dice { tables: 2, widths: &[3, 3], ..SMALL }, Seed(3)), -40.0, 12, Seed(3));
}
