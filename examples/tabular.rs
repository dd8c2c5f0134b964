//! Any table of a CSV file, with defaults only: what was read, how the network was chosen, how well it does beside float and linear
//! models, and encrypted predictions from the text of the file.
//!
//! `cargo run --release --example tabular -- FILE.csv --samples 20`, and with `--splits 5` how well it does on several splits

#[allow(dead_code, reason = "what the examples with images need")]
mod common;
#[path = "tabular/networks.rs"]
mod networks;
#[path = "tabular/table.rs"]
mod table;

use clap::Parser;
use fheqat::{
    data::{FeatureKind, Targets},
    params::Log2Probability,
    prelude::*,
    report::SearchReport,
    train::Metrics,
};
use networks::{Train, Trained};
use serde_json::{Value, json};
use table::Table;

use crate::common::Encrypted;

const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/iris.csv");

/// Trains on a table, and predicts some of its lines encrypted.
#[derive(Parser)]
struct Options {
    /// A CSV file, plain or gzip; flowers by default
    file: Option<String>,
    #[command(flatten)]
    table: table::Options,
    /// Only train and evaluate, on so many splits with seeds from 0
    #[arg(long)]
    splits: Option<u64>,
    #[command(flatten)]
    common: common::Options,
}

fn main() -> Result<(), MainError> {
    let options = Options::parse();
    let file = options.file.as_deref().unwrap_or(IRIS);
    let table = Table::read(file, &options.table)?;
    let read = describe(&table);
    println!("{file}: {}", summary(&read));
    let outputs = match table.data.targets() {
        Targets::Classes { classes, .. } => *classes,
        Targets::Values(values) => values.ncols(),
        Targets::Labels(labels) => labels.ncols(),
    };
    let (width, train) = networks::for_shape(table.data.width(), outputs)?;
    let table = table.widened(width)?;
    match options.splits {
        Some(splits) => evaluate(&options, &table, train, splits, &read),
        None => predict(&options, &table, train, &read),
    }
}

/// What was read, as JSON.
fn describe(Table { data, .. }: &Table) -> Value {
    let categories = data.described().iter().filter(|feature| feature.kind != FeatureKind::Number).count();
    let missing = data.features().iter().filter(|value| value.is_nan()).count();
    let features = data.width();
    let classes = data.class_names();
    json!({ "rows": data.len(), "features": features, "categories": categories, "missing": missing, "classes": classes })
}

fn summary(read: &Value) -> String {
    let target = match read["classes"].as_array() {
        Some(names) if !names.is_empty() => format!("{} classes", names.len()),
        _ => "numbers to predict".to_owned(),
    };
    format!(
        "{} rows, {} features, {} of them categories, {} cells missing, {target}",
        read["rows"], read["features"], read["categories"], read["missing"]
    )
}

/// Trains on three quarters, and predicts some lines of the fourth encrypted.
fn predict(options: &Options, table: &Table, train: Train, read: &Value) -> Result<(), MainError> {
    let [rows, held_out] = table.split(Seed(options.common.seed))?;
    let trained = on_rows(options, table, train, [&rows, &held_out], Seed(options.common.seed))?;
    let Trained { circuit, history, seconds, quantized, float, linear } = &trained;
    println!("\n{}\n\non the quarter that is held out: {quantized}\n", SearchReport(&history.trials));
    for (name, metrics) in
        [("network", quantized), ("the same in float", float), ("linear, in float", linear)]
    {
        println!("{name:18} {}", figure_text(metrics));
    }
    println!("{seconds:.1} s to train\n");

    let samples = &held_out[..options.common.samples.min(held_out.len())];
    let encrypted = common::encrypted(&options.common, circuit, |client| {
        samples.iter().map(|&row| client.encrypt_text(&table.cells[row])).collect()
    })?;
    let mut mismatches = 0;
    let features = table.data.features();
    for (&row, decrypted) in samples.iter().zip(&encrypted.decrypted) {
        mismatches += usize::from(circuit.simulate(&features.row(row).to_vec())? != *decrypted);
        println!("sample {row}: {}, in the file {}", answer(decrypted), target(&table.data, row));
    }
    let Encrypted { report, compile_s, keygen_s, core_s, threads, .. } = encrypted;
    println!("\n{mismatches} of {} encrypted results differ from simulation", samples.len());
    println!("{} rotations, {} a sample predicted on one core", report.rotations(), report.core_seconds);
    println!("keys {keygen_s:.2} s; {core_s:.4} core-seconds a sample on {threads} threads");
    if options.common.json {
        let line = json!({
            "table": read,
            "metrics": quantized,
            "metrics_float": float,
            "metrics_linear": linear,
            "warning": history.warning,
            "trials": history.trials.len(),
            "train_s": seconds,
            "samples": samples.len(),
            "mismatches": mismatches,
            "rotations": report.rotations(),
            "predicted_core_s": report.core_seconds,
            "core_s_per_sample": core_s,
            "compile_s": compile_s,
            "keygen_s": keygen_s,
            "p_fail": report.p_fail.probability(),
            "server_key_bytes": report.server_key,
            "ciphertext_bytes": report.input,
        });
        println!("{line}");
    }
    Ok(())
}

/// Trains and evaluates on splits with seeds from 0.
fn evaluate(
    options: &Options,
    table: &Table,
    train: Train,
    splits: u64,
    read: &Value,
) -> Result<(), MainError> {
    let mut figures: [Vec<f64>; 3] = Default::default();
    let (mut rotations, mut prices, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..splits {
        let [rows, held_out] = table.split(Seed(seed))?;
        let trained = on_rows(options, table, train, [&rows, &held_out], Seed(seed))?;
        let Trained { circuit, seconds, quantized, float, linear, .. } = &trained;
        let price = circuit.graph.price_at(Log2Probability(-options.common.p_fail));
        for (figures, metrics) in figures.iter_mut().zip([quantized, float, linear]) {
            figures.push(figure(metrics));
        }
        println!(
            "split {seed}: {}, float {:.4}, linear {:.4}; {} rotations, {:.4} core-seconds; {seconds:.1} s to train",
            figure_text(quantized),
            figure(float),
            figure(linear),
            price.rotations,
            price.core_seconds
        );
        rotations.push(price.rotations);
        prices.push(price.core_seconds);
        times.push(*seconds);
    }
    let mean = |figures: &[f64]| figures.iter().sum::<f64>() / figures.len() as f64;
    let worst = |figures: &[f64]| figures.iter().copied().fold(f64::INFINITY, f64::min);
    let of = |figures: &[f64]| format!("{:.4} [{:.4}]", mean(figures), worst(figures));
    let [quantized, float, linear] = &figures;
    println!(
        "mean [worst] of {splits} splits: {}, float {}, linear {}; {:.1} s to train",
        of(quantized),
        of(float),
        of(linear),
        mean(&times)
    );
    if options.common.json {
        let line = json!({
            "table": read,
            "splits_clear": quantized,
            "splits_fp32": float,
            "splits_linear": linear,
            "rotations": rotations,
            "core_s_by_the_curve": prices,
            "train_s": times,
        });
        println!("{line}");
    }
    Ok(())
}

fn on_rows(
    options: &Options,
    table: &Table,
    train: Train,
    [rows, held_out]: [&[usize]; 2],
    seed: Seed,
) -> Result<Trained, MainError> {
    let parts = [&table.data.select(rows)?, &table.data.select(held_out)?];
    train(parts, seed, Log2Probability(-options.common.p_fail))
}

/// The accuracy, or R2 where targets are numbers.
fn figure(metrics: &Metrics) -> f64 {
    metrics.accuracy.or(metrics.r2()).unwrap_or(f64::NAN)
}

fn figure_text(metrics: &Metrics) -> String {
    match metrics.r2() {
        Some(r2) => format!("R2 {r2:.4}"),
        None => format!("accuracy {:.4}", figure(metrics)),
    }
}

/// What a result says: the most probable classes, or numbers.
fn answer(logits: &Logits) -> String {
    let ranked = logits.top_k(3);
    if ranked.is_empty() {
        return logits.values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ");
    }
    let named = ranked.iter().map(|ranked| {
        let name = ranked.name.as_deref().unwrap_or_default();
        format!("{name} {:.1} %", 100.0 * ranked.probability)
    });
    named.collect::<Vec<_>>().join(", ")
}

/// What is right for a sample.
fn target(data: &Dataset, row: usize) -> String {
    match data.targets() {
        Targets::Classes { labels, .. } => data.class_names()[labels[row]].clone(),
        Targets::Values(values) => {
            values.row(row).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Targets::Labels(labels) => {
            labels.row(row).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
    }
}
