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
    #[arg(long, conflicts_with = "html")]
    splits: Option<u64>,
    #[command(flatten)]
    common: common::Options,
}

fn main() -> Result<(), MainError> {
    run(&Options::parse())?;
    Ok(())
}

/// Gives how many encrypted results differ from simulation.
fn run(options: &Options) -> Result<usize, MainError> {
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
        Some(splits) => evaluate(options, &table, train, splits, &read).map(|()| 0),
        None => predict(options, &table, train, &read),
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
fn predict(options: &Options, table: &Table, train: Train, read: &Value) -> Result<usize, MainError> {
    common::page::check(options.common.html.as_deref())?;
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
    let features = table.data.features();
    let simulated = samples.iter().map(|&row| circuit.simulate(&features.row(row).to_vec()));
    let simulated = simulated.collect::<Result<Vec<_>, _>>()?;
    for (&row, decrypted) in samples.iter().zip(&encrypted.decrypted) {
        println!("sample {row}: {}, in the file {}", answer(decrypted), target(&table.data, row));
    }
    let pairs = simulated.iter().zip(&encrypted.decrypted);
    let mismatches = pairs.filter(|(clear, decrypted)| clear != decrypted).count();
    let shown = common::page::Shown {
        compiled: &encrypted.compiled,
        history,
        test: &table.data.select(&held_out)?,
        results: [&encrypted.decrypted, &simulated],
    };
    common::page::write(options.common.html.as_deref(), &shown)?;
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
    Ok(mismatches)
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
        let price = circuit.graph.price_at(options.common.p_fail());
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
    train(parts, seed, options.common.p_fail())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use fheqat::circuit::Codec;

    use super::*;

    const TREES: &str = "\u{feff}height;tree;\"colour\";age\r\n1,5;oak;\"red; dark\";3\r\n\r\n;ash;blue;NA\r\n2,5;oak;;4\r\n-1;ash;blue;5\r\n";

    fn read(text: &str, options: &[&str]) -> Result<Table, MainError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        let options = Options::parse_from(["tabular", file].iter().chain(options));
        Table::read(file, &options.table)
    }

    #[test]
    fn the_client_reads_the_text_of_a_sample_as_training_did() {
        let decimal = ["--decimal-comma", "--target", "tree"];
        let headless = TREES.split_once("\r\n").unwrap().1;
        for (text, options) in [
            (TREES, &decimal[..]),
            (headless, &["--decimal-comma", "--no-header", "--target", "1"]),
            ("a\tb\tc\n1\tx\t0.5\n2\t?\t0.25\n3\ty\t-1e3\n", &["--values"]),
        ] {
            let table = read(text, options).unwrap();
            let width = table.data.width();
            let table = table.widened(width + 2).unwrap();
            let codec = Codec {
                encoders: Vec::new(),
                features: width + 2,
                described: table.data.described().to_vec(),
                scale: Vec::new(),
                bias: Vec::new(),
                task: fheqat::circuit::Task::default(),
            };
            assert_eq!(table.cells.len(), table.data.len());
            for (cells, sample) in table.cells.iter().zip(table.data.samples()) {
                let parsed = codec.parse(cells).unwrap();
                assert!(
                    parsed
                        .iter()
                        .zip(&sample)
                        .all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()),
                    "{cells:?}"
                );
            }
        }
        let trees = read(TREES, &decimal).unwrap();
        assert_eq!(trees.cells[0], ["1.5", "red; dark", "3"]);
        let read = describe(&trees);
        assert_eq!(summary(&read), "4 rows, 3 features, 1 of them categories, 3 cells missing, 2 classes");
    }

    #[test]
    fn a_quarter_of_each_class_is_held_out() {
        let table = Table::read(IRIS, &table::Options::default()).unwrap();
        let [rows, held_out] = table.split(Seed(3)).unwrap();
        let mut all = [&rows[..], &held_out].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..150));
        for class in 0..3 {
            let count = held_out.iter().filter(|row| table.data.labels()[**row] == class).count();
            assert!((12..=13).contains(&count), "{count}");
        }
    }

    #[test]
    fn numbers_are_predicted_where_they_are_too_many_for_classes() {
        let lines: Vec<String> = (0..30).map(|row| format!("{row},{}.5", row * row)).collect();
        let table = read(&format!("x,y\n{}\n", lines.join("\n")), &[]).unwrap();
        assert!(matches!(table.data.targets(), Targets::Values(values) if values.dim() == (30, 1)));
        assert_eq!(target(&table.data, 3), "9.5");
    }

    #[test]
    fn the_next_wider_network_is_taken_and_a_table_that_is_wider_than_all_is_refused() {
        let width = |features, outputs| networks::for_shape(features, outputs).map(|(width, _)| width);
        assert_eq!([width(1, 1).unwrap(), width(9, 10).unwrap(), width(200, 2).unwrap()], [2, 9, 256]);
        for (features, outputs) in [(257, 2), (4, 11)] {
            let error = format!("{:?}", width(features, outputs).unwrap_err());
            let found = format!("the table has {features} features and {outputs} classes");
            assert!(
                error.starts_with(&found) && error.contains("at most 256 and 10: add the number"),
                "{error}"
            );
        }
    }

    #[test]
    fn encrypted_samples_are_predicted_as_in_the_clear() {
        let options = Options::parse_from(["tabular", "--samples", "2", "--json"]);
        assert_eq!(run(&options).unwrap(), 0);
    }
}
