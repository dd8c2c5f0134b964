//! The guide's task, from an annotated struct to encrypted predictions.
//!
//! `cargo run --release --example checkerboard -- --samples 20 --seed 1 --hidden 100 --json`

use std::{error::Error, num::NonZeroUsize, time::Instant};

use clap::Parser;
use fheqat::{data, prelude::*};
use serde_json::json;

/// A network's numbers are constants of its type, so each width is a struct of its own.
macro_rules! checkerboard {
    ($name:ident, $hidden:tt, $last:tt) => {
        #[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
        struct $name {
            #[layer(bits = 2, signed = false, scale = 0.333)]
            quant_inp: QuantIdentity,
            fc1: QuantLinear<2, $hidden>,
            relu1: QuantReLU,
            fc2: QuantLinear<$hidden, $hidden>,
            relu2: QuantReLU,
            #[layer(max_l1 = $last)]
            fc3: QuantLinear<$hidden, 2>,
        }
    };
}

checkerboard!(Checkerboard10, 10, 32);
checkerboard!(Checkerboard30, 30, 32);
checkerboard!(Checkerboard100, 100, 8);

/// Trains the guide's network on the checkerboard and predicts encrypted points.
#[derive(Parser)]
struct Options {
    /// Encrypted predictions to make
    #[arg(long, default_value_t = 10)]
    samples: usize,
    /// Seed of data and training; keys never depend on it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Neurons of each hidden layer
    #[arg(long, default_value = "100", value_parser = ["10", "30", "100"])]
    hidden: String,
    /// Threads of the encrypted run; all cores by default
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Close with one line of JSON
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    match options.hidden.as_str() {
        "10" => run::<Checkerboard10>(&options),
        "30" => run::<Checkerboard30>(&options),
        _ => run::<Checkerboard100>(&options),
    }
}

fn run<N: Network>(options: &Options) -> Result<(), Box<dyn Error>> {
    let seed = Seed(options.seed);
    let (train, test) = data::checkerboard(seed);
    let fresh = data::checkerboard_points(50_000, Seed(options.seed.wrapping_add(1 << 32)));
    let samples: Vec<Vec<f32>> = test.samples().take(options.samples).collect();

    let mut float = N::new(seed);
    float.train(&train, &TrainConfig { seed, ..TrainConfig::float() })?;
    let accuracy_fp32 = float.evaluate_in(Precision::Float, &fresh)?.accuracy.ok_or(NO_CLASSES)?;

    let (net, train_s) = timed(|| {
        let mut net = N::new(seed);
        net.train(&train, &TrainConfig { seed, ..TrainConfig::default() }).map(|_| net)
    });
    let net = net?;
    let accuracy_clear = net.evaluate(&fresh)?.accuracy.ok_or(NO_CLASSES)?;

    let circuit = net.circuit()?;
    let prices = Prices::of_this_machine()?;
    let compiled = circuit.compile(&CompileOptions::default().threads(options.threads).prices(prices))?;
    println!("{}\n", compiled.report());

    let (keys, keygen_s) = timed(|| compiled.keygen());
    let (client, server) = keys?;
    let encrypted = client.encrypt_batch(&samples)?;
    let (results, run_s) = timed(|| server.run_batch(&encrypted));
    let decrypted = client.decrypt_batch(&results?)?;

    let simulated = samples.iter().map(|sample| circuit.simulate(sample)).collect::<Result<Vec<_>, _>>()?;
    let mismatches = decrypted.iter().zip(&simulated).filter(|(decrypted, clear)| decrypted != clear).count();
    let right =
        decrypted.iter().zip(test.labels()).filter(|(logits, label)| logits.class() == **label).count();
    let accuracy_encrypted = right as f64 / samples.len() as f64;
    let threads = server.threads();
    let core_s = run_s * threads as f64 / samples.len() as f64;

    println!(
        "float {accuracy_fp32:.4}, quantized {accuracy_clear:.4} on 50,000 fresh points ({train_s:.2} s to train)"
    );
    println!(
        "encrypted {accuracy_encrypted:.4} on {} samples, {mismatches} differ from simulation",
        samples.len()
    );
    println!("keys {keygen_s:.2} s; {core_s:.3} core-seconds a sample on {threads} threads");
    if options.json {
        let report = compiled.report();
        let line = json!({
            "accuracy_fp32": accuracy_fp32,
            "accuracy_clear": accuracy_clear,
            "accuracy_encrypted": accuracy_encrypted,
            "samples": samples.len(),
            "mismatches": mismatches,
            "accumulator_bits": circuit.accumulator_bits(),
            "max_slots": report.max_slots(),
            "rotations": report.rotations(),
            "p_fail": report.p_fail.probability(),
            "keygen_s": keygen_s,
            "core_s_per_sample": core_s,
            "threads": threads,
            "server_key_bytes": report.server_key,
            "ciphertext_bytes": report.input,
            "train_s": train_s,
        });
        println!("{line}");
    }
    Ok(())
}

const NO_CLASSES: &str = "the data has no classes";

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    (work(), started.elapsed().as_secs_f64())
}
