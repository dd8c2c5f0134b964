//! MNIST, from images to encrypted predictions: one hidden layer that reads black and white pixels.
//!
//! `cargo run --release --example mnist -- --samples 20 --json`, with `--splits 3` accuracy alone, and with
//! `--idx FOLDER` on all of MNIST

mod common;
#[path = "common/splits.rs"]
mod splits;

use std::path::PathBuf;

use clap::Parser;
use common::Clear;
use fheqat::{
    data::{
        csv::{self, CsvOptions},
        idx,
    },
    prelude::*,
    train::{Optimizer, Validation},
};

#[quant_net(bits = 3)]
struct Mnist {
    #[layer(bits = 1, signed = false)] // black or white
    quant_inp: QuantIdentity,
    #[layer(max_l1 = 64)]
    fc1: QuantLinear<784, 40>,
    relu1: QuantReLU,
    #[layer(max_l1 = 32)]
    fc2: QuantLinear<40, 10>,
}

/// Dense, for sums that may be off cost the same whatever their range.
#[quant_net(bits = 3, tolerance = 0.2)]
struct Tolerant {
    #[layer(bits = 1, signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<784, 40>,
    relu1: QuantReLU,
    fc2: QuantLinear<40, 10>,
}

/// Trains on images of MNIST and predicts some encrypted.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: common::Options,
    /// Only train and evaluate, on so many splits of the 5,000 images with seeds from 0
    #[arg(long, conflicts_with = "idx")]
    splits: Option<u64>,
    /// Without budgets, and sums may be off by a fifth of a step
    #[arg(long)]
    tolerant: bool,
    /// A folder with MNIST's four IDX files, plain or `.gz`, to train on its 60,000 images instead of 4,000
    #[arg(long)]
    idx: Option<PathBuf>,
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mnist_5k.csv.gz");
const IMAGE: [usize; 3] = [1, 28, 28];

fn main() -> Result<(), MainError> {
    let options = Options::parse();
    if options.tolerant { run::<Tolerant>(&options) } else { run::<Mnist>(&options) }
}

fn run<N: Network>(options: &Options) -> Result<(), MainError> {
    let seed = Seed(options.common.seed);
    let (net, test, clear) = if let Some(folder) = &options.idx {
        let (train, test) = idx::mnist(folder)?;
        learned::<N>(&train, &test, 2, 10, seed)?
    } else {
        let images = csv::read(FILE, &CsvOptions { header: false, ..CsvOptions::default() })?;
        if let Some(splits) = options.splits {
            let on_split = |seed| Ok(of_five::<N>(&images, seed)?.2);
            return splits::evaluate(splits, options.common.json, on_split);
        }
        of_five::<N>(&images, seed)?
    };
    common::predict(&options.common, &net.circuit()?, &test, &clear)
}

/// A network trained on four fifths of 5,000 images, the fifth held out, and how well it does there.
fn of_five<N: Network>(images: &Dataset, seed: Seed) -> Result<(N, Dataset, Clear), MainError> {
    let [train, test] = images.parts([0.8, 0.2], seed)?;
    learned(&train, &test, 8, 20, seed)
}

/// Trains on the images and so many copies of each, moved by a pixel.
fn learned<N: Network>(
    train: &Dataset,
    test: &Dataset,
    copies: usize,
    epochs: usize,
    seed: Seed,
) -> Result<(N, Dataset, Clear), MainError> {
    let train = bright(train)?.with_shifted(IMAGE, 1, copies, seed)?;
    let test = bright(test)?;
    let common = TrainConfig {
        epochs: Some(epochs),
        smoothing: 0.1,
        validation: Validation::None,
        seed,
        ..TrainConfig::declared()
    };
    let float = TrainConfig { precision: Precision::Float, rate: 0.0005, ..common.clone() };
    // Decay lets go of weights that the budget leaves out.
    let optimizer = Optimizer::AdamW { decay: 0.02 };
    let quantized = TrainConfig { rate: 0.02, optimizer, ..common };
    let (net, clear) = common::learned([&train, &test], &float, &quantized)?;
    Ok((net, test, clear))
}

/// Pixels from 0 to 1 instead of 255.
fn bright(images: &Dataset) -> Result<Dataset, MainError> {
    let classes = images.class_names().len();
    Ok(Dataset::classes(images.features().mapv(|pixel| pixel / 255.0), images.labels().to_vec(), classes)?)
}
