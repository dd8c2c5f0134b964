//! What the examples share: options, and encrypted predictions beside their simulation.

pub(crate) mod page;

use std::{num::NonZeroUsize, time::Instant};

use clap::Args;
use fheqat::{
    fhe::{EncryptError, EncryptedInput},
    prelude::*,
    report::{Report, SearchReport},
    train::History,
};
use serde_json::json;

/// Options of every example.
#[derive(Args)]
pub(crate) struct Options {
    /// Encrypted predictions to make
    #[arg(long, default_value_t = 10)]
    pub(crate) samples: usize,
    /// Seed of data and training; keys never depend on it
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads of the encrypted run; all cores by default
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// An inference may go wrong with a probability of 2^-P_FAIL, at which a search for a cheap network prices too; 40 is for results
    /// that stay with the key's owner
    #[arg(long, default_value_t = 128.0)]
    p_fail: f64,
    /// Small keys of uniform bits instead of bits in blocks
    #[arg(long)]
    uniform_keys: bool,
    /// Close with one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes the report as a page of HTML; takes `--features page`
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<String>,
}

impl Options {
    pub(crate) fn p_fail(&self) -> Log2Probability {
        Log2Probability(-self.p_fail)
    }
}

/// What is known before anything is encrypted.
pub(crate) struct Clear {
    /// Accuracy of the same network trained in float.
    pub(crate) float: f64,
    /// Accuracy on integers.
    pub(crate) quantized: f64,
    /// Samples that both are measured on.
    pub(crate) points: usize,
    /// What one inference takes encrypted, as training prices it.
    pub(crate) core_seconds: f64,
    /// Seconds that the quantized training took.
    pub(crate) train_s: f64,
    /// How the quantized training went.
    pub(crate) history: History,
}

/// A network trained quantized on `train`, and how well it and the same network trained in float do on `test`.
pub(crate) fn learned<N: Network>(
    options: &Options,
    [train, test]: [&Dataset; 2],
    float: &TrainConfig,
    quantized: &TrainConfig,
) -> Result<(N, Clear), MainError> {
    page::check(options.html.as_deref())?;
    let mut quantized = quantized.clone();
    if let Some(search) = &mut quantized.search {
        search.p_fail = options.p_fail();
    }
    let (reference, ..) = trained::<N>(train, float)?;
    let (net, history, train_s) = trained::<N>(train, &quantized)?;
    let clear = Clear {
        float: accuracy(&reference, Precision::Float, test)?,
        quantized: accuracy(&net, Precision::Quantized, test)?,
        points: test.len(),
        core_seconds: net.circuit()?.graph.price_at(options.p_fail()).core_seconds,
        train_s,
        history,
    };
    Ok((net, clear))
}

/// Accuracy on samples with classes.
fn accuracy<N: Network>(net: &N, precision: Precision, data: &Dataset) -> Result<f64, MainError> {
    Ok(net.evaluate_in(precision, data)?.accuracy.ok_or("the data has no classes")?)
}

/// A fresh network, trained, how that went, and the seconds it took; prints what a search for a cheap one tried.
fn trained<N: Network>(data: &Dataset, config: &TrainConfig) -> Result<(N, History, f64), MainError> {
    let mut net = N::new(config.seed);
    let (history, seconds) = timed(|| net.train(data, config));
    let history = history?;
    if !history.trials.is_empty() {
        println!("{}\n", SearchReport(&history.trials));
    }
    Ok((net, history, seconds))
}

/// What came back encrypted, and what it took.
pub(crate) struct Encrypted {
    /// The decrypted result of each sample.
    pub(crate) decrypted: Vec<Logits>,
    /// What ran.
    pub(crate) compiled: Compiled,
    /// What was predicted before.
    pub(crate) report: Report,
    pub(crate) compile_s: f64,
    pub(crate) keygen_s: f64,
    pub(crate) core_s: f64,
    pub(crate) threads: usize,
}

/// Compiles a circuit, prints what is predicted of it, and runs it on what the client encrypts.
pub(crate) fn encrypted(
    options: &Options,
    circuit: &Circuit,
    encrypt: impl FnOnce(&Client) -> Result<Vec<EncryptedInput>, EncryptError>,
) -> Result<Encrypted, MainError> {
    let prices = Prices::of_this_machine()?;
    let small_key = if options.uniform_keys { SmallKey::Uniform } else { SmallKey::Blocks };
    let compile = CompileOptions::default()
        .p_fail(options.p_fail())
        .small_key(small_key)
        .threads(options.threads)
        .prices(prices);
    let (compiled, compile_s) = timed(|| circuit.compile(&compile));
    let compiled = compiled?;
    let report = compiled.report();
    println!("{report}\n");

    let (keys, keygen_s) = timed(|| compiled.keygen());
    let (client, server) = keys?;
    let inputs = encrypt(&client)?;
    let (results, run_s) = timed(|| server.run_batch(&inputs));
    let decrypted = client.decrypt_batch(&results?)?;
    let threads = server.threads();
    let core_s = run_s * threads as f64 / inputs.len() as f64;
    Ok(Encrypted { decrypted, compiled, report, compile_s, keygen_s, core_s, threads })
}

/// Predicts some of `test` encrypted, compares every result with simulation, and prints what it took.
pub(crate) fn predict(
    options: &Options,
    circuit: &Circuit,
    test: &Dataset,
    clear: &Clear,
) -> Result<(), MainError> {
    let samples: Vec<Vec<f32>> = test.samples().take(options.samples).collect();
    let Encrypted { decrypted, compiled, report, compile_s, keygen_s, core_s, threads } =
        encrypted(options, circuit, |client| client.encrypt_batch(&samples))?;

    let simulated = samples.iter().map(|sample| circuit.simulate(sample)).collect::<Result<Vec<_>, _>>()?;
    let pairs = || decrypted.iter().zip(&simulated);
    let mismatches = pairs().filter(|(decrypted, clear)| decrypted != clear).count();
    let agreement = pairs().filter(|(decrypted, clear)| decrypted.class() == clear.class()).count() as f64
        / samples.len() as f64;
    let right = |logits: &[Logits]| {
        let pairs = logits.iter().zip(test.labels());
        pairs.filter(|(logits, label)| logits.class() == **label).count() as f64 / samples.len() as f64
    };
    let (accuracy_encrypted, accuracy_simulated) = (right(&decrypted), right(&simulated));

    let Clear { float, quantized, points, core_seconds, train_s, history } = clear;
    println!("float {float:.4}, quantized {quantized:.4} on {points} samples ({train_s:.2} s to train)");
    println!(
        "encrypted {accuracy_encrypted:.4} on {} samples, clear {accuracy_simulated:.4} on the same",
        samples.len()
    );
    println!("{mismatches} differ from simulation, {:.2} % of classes agree", 100.0 * agreement);
    println!("keys {keygen_s:.2} s; {core_s:.3} core-seconds a sample on {threads} threads");
    let results = [&decrypted[..], &simulated[..]];
    page::write(options.html.as_deref(), &page::Shown { compiled: &compiled, history, test, results })?;
    if options.json {
        let line = json!({
            "accuracy_fp32": float,
            "accuracy_clear": quantized,
            "accuracy_encrypted": accuracy_encrypted,
            "samples": samples.len(),
            "accuracy_simulated": accuracy_simulated,
            "mismatches": mismatches,
            "class_agreement": agreement,
            "promises": report.encrypted.iter().map(|layer| layer.promise).collect::<Vec<_>>(),
            "accumulator_bits": circuit.accumulator_bits(),
            "max_slots": report.max_slots(),
            "rotations": report.rotations(),
            "p_fail": report.p_fail.probability(),
            "compile_s": compile_s,
            "keygen_s": keygen_s,
            "core_s_per_sample": core_s,
            "predicted_core_s": report.core_seconds,
            "core_s_by_the_curve": core_seconds,
            "threads": threads,
            "server_key_bytes": report.server_key,
            "ciphertext_bytes": report.input,
            "train_s": train_s,
        });
        println!("{line}");
    }
    Ok(())
}

pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    (work(), started.elapsed().as_secs_f64())
}
