//! The tables of Concrete ML's step-by-step guide, trained again: its figures beside ours.
//!
//! `cargo run --release --example guide -- --seeds 10 --json`

mod nets;
mod runs;
mod tables;

use clap::Parser;
use fheqat::MainError;
use indicatif::{ProgressBar, ProgressStyle};
use nets::{
    Cells10, Cells30, Cells100, Channel10, Channel30, Channel100, Pruned10, Pruned20, Pruned30, PrunedBudget,
    PrunedCells, Tensor10, Tensor30, Tensor100,
};
use runs::{Integers, POINTS, Ptq, all, pruned, ptq, qat};
use serde_json::json;
use tables::{
    Table,
    Unit::{Accuracy, Bits, Step},
};

/// Trains every network of the guide with several seeds and prints its tables.
#[derive(Parser)]
struct Options {
    /// Seeds of data and training
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Close with one line of JSON
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), MainError> {
    let Options { seeds, json } = Options::parse();
    let style = ProgressStyle::with_template("training {bar:32} {pos}/{len} {eta}")?;
    let bar = ProgressBar::new(17 * seeds).with_style(style);
    let tensor = all(&[ptq::<Tensor10>, ptq::<Tensor30>, ptq::<Tensor100>], seeds, &bar)?;
    let channel = all(&[ptq::<Channel10>, ptq::<Channel30>, ptq::<Channel100>], seeds, &bar)?;
    let cells = all(&[ptq::<Cells10>, ptq::<Cells30>, ptq::<Cells100>], seeds, &bar)?;
    let float =
        all(&[pruned::<Tensor100, 10>, pruned::<Tensor100, 20>, pruned::<Tensor100, 30>], seeds, &bar)?;
    let aware = all(
        &[qat::<Pruned10>, qat::<Pruned20>, qat::<Pruned30>, qat::<PrunedCells>, qat::<PrunedBudget>],
        seeds,
        &bar,
    )?;
    bar.finish_and_clear();

    let tables =
        [after_training(&tensor, &channel, &cells), pruned_in_float(&float), aware_of_rounding(&aware)];
    println!(
        "{seeds} seeds: mean ± standard deviation (worst seed). Accuracy in % of {POINTS} fresh points, sizes in bits\n"
    );
    for table in &tables {
        println!("{table}");
    }
    if json {
        println!("{}", json!({ "seeds": seeds, "points": POINTS, "tables": tables }));
    }
    Ok(())
}

fn after_training(tensor: &[Vec<Ptq>], channel: &[Vec<Ptq>], cells: &[Vec<Ptq>]) -> Table {
    Table::new("Quantized after training, three bits", &["neurons", "10", "30", "100"])
        .guide("fp32, guide", Accuracy, [0.6870, 0.8332, 0.8806].map(Some))
        .measured("fp32", Accuracy, tensor, |net| net.float)
        .measured("fp32 behind the rounded input", Accuracy, tensor, |net| net.rounded_input)
        .measured("the same, `scale = 0.333`", Accuracy, cells, |net| net.rounded_input)
        .guide("3 bits, guide", Accuracy, [0.5644, 0.5554, 0.5650].map(Some))
        .measured("3 bits", Accuracy, tensor, |net| net.integers.accuracy)
        .measured("3 bits, `per_channel`", Accuracy, channel, |net| net.integers.accuracy)
        .measured("3 bits, `scale = 0.333`", Accuracy, cells, |net| net.integers.accuracy)
        .guide("size, guide", Bits, [6.6, 6.9, 7.4].map(Some))
        .measured("size over the training set", Bits, tensor, |net| f64::from(net.integers.observed))
        .measured("the same, `per_channel`", Bits, channel, |net| f64::from(net.integers.observed))
        .measured("size over all inputs", Bits, tensor, |net| f64::from(net.integers.exact))
        .measured("the same, `per_channel`", Bits, channel, |net| f64::from(net.integers.exact))
        .measured("step of the input", Step, tensor, |net| f64::from(net.integers.step))
}

fn pruned_in_float(nets: &[Vec<Ptq>]) -> Table {
    let columns = ["non-zero weights", "10", "20", "30"];
    Table::new("Pruned, trained in float, then quantized: three bits, 100 neurons", &columns)
        .measured("fp32", Accuracy, nets, |net| net.float)
        .guide("3 bits, guide", Accuracy, [Some(0.8250), None, Some(0.8806)])
        .measured("3 bits", Accuracy, nets, |net| net.integers.accuracy)
        .guide("size, guide", Bits, [Some(6.6), None, Some(6.8)])
        .measured("size over the training set", Bits, nets, |net| f64::from(net.integers.observed))
        .measured("size over all inputs", Bits, nets, |net| f64::from(net.integers.exact))
}

fn aware_of_rounding(nets: &[Vec<Integers>]) -> Table {
    let columns = ["non-zero weights", "10", "20", "30", "30, `scale = 0.333`", "30, `max_l1 = 8`"];
    Table::new("Quantization-aware, three bits, 100 neurons, non-zero weights of each neuron", &columns)
        .guide("QAT, guide", Accuracy, [None, None, Some(0.954), None, None])
        .guide("pruned, guide", Accuracy, [Some(0.8250), None, Some(0.8806), None, None])
        .measured("ours", Accuracy, nets, |net| net.accuracy)
        .guide("size of QAT, guide", Bits, [None, None, Some(7.0), None, None])
        .guide("size pruned, guide", Bits, [Some(6.6), None, Some(6.8), None, None])
        .measured("size over the training set", Bits, nets, |net| f64::from(net.observed))
        .measured("size over all inputs", Bits, nets, |net| f64::from(net.exact))
        .measured("step of the input", Step, nets, |net| f64::from(net.step))
}
