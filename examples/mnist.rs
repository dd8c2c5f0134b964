//! MNIST, from images to encrypted predictions: the client sends three bits a pixel, which one hidden layer reads.
//!
//! `cargo run --release --example mnist -- --samples 20 --json`, with `--splits 3` accuracy alone, and with
//! `--idx FOLDER` on all of MNIST
//!
//! Recipes were chosen on training images alone: `--held-out 6000` trains on the rest of MNIST's 60,000 and evaluates on those
//! 6,000, never on the 10,000 of the test. Rates, decays and the budgets of the small network were compared so at one seed. Of the wide one
//! 96 and 144 sums were, and plain neurons beside pairs of tables; its epochs and copies were compared at 96 sums, and its budget of the
//! output was not. The tolerant network was compared at 60 neurons. The 5,000 images take the same rates.

mod common;
#[path = "common/splits.rs"]
mod splits;

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use common::Clear;
use fheqat::{
    data::{
        csv::{self, CsvOptions},
        idx,
    },
    prelude::*,
    train::{Optimizer, Validation},
};

/// Ninety-six neurons, each of which reads few pixels.
#[quant_net(bits = 3, input = [1, 28, 28])]
struct Small {
    inp: Thermometer<3>, // [3, 28, 28]
    flat: Flatten,       // [2352]
    #[layer(max_l1 = 32)]
    fc1: QuantLinear<2352, 96>,
    relu1: QuantReLU,
    #[layer(max_l1 = 128)]
    fc2: QuantLinear<96, 10>,
}

/// More sums, each of which gives two numbers: what is above zero and what is below. Both are tables of one rotation.
#[quant_net(bits = 3, input = [1, 28, 28])]
struct Wide {
    inp: Thermometer<3>,
    flat: Flatten,
    #[layer(max_l1 = 64)]
    fc1: QuantLinear<2352, 144>,
    above: QuantAct<Above>,
    #[layer(from = fc1, scale_from = above)]
    below: QuantAct<Below>,
    #[layer(from = [above, below])]
    both: Concat,
    #[layer(max_l1 = 600)]
    fc2: QuantLinear<288, 10>,
}

/// `x` above zero.
struct Above;

impl Activation for Above {
    const SIGNED: bool = false;
    fn apply(x: f32) -> f32 {
        x.max(0.0)
    }
}

/// `-x` below zero.
struct Below;

impl Activation for Below {
    const SIGNED: bool = false;
    fn apply(x: f32) -> f32 {
        (-x).max(0.0)
    }
}

/// Sums that may be off cost much the same whatever their range: the budgets are wide.
#[quant_net(bits = 3, input = [1, 28, 28], tolerance = 0.2)]
struct Tolerant {
    inp: Thermometer<3>,
    flat: Flatten,
    #[layer(max_l1 = 400)]
    fc1: QuantLinear<2352, 72>,
    relu1: QuantReLU,
    #[layer(max_l1 = 400)]
    fc2: QuantLinear<72, 10>,
}

/// Trains on images of MNIST and predicts some encrypted.
#[derive(Parser)]
struct Options {
    /// The network
    #[arg(long, value_enum, default_value = "small")]
    net: Net,
    /// Sums may be off by a fifth of a step, and have wide budgets; 72 neurons
    #[arg(long)]
    tolerant: bool,
    #[command(flatten)]
    common: common::Options,
    /// Only train and evaluate, on so many splits of the 5,000 images with seeds from 0
    #[arg(long, conflicts_with_all = ["idx", "html"])]
    splits: Option<u64>,
    /// A folder with MNIST's four IDX files, plain or `.gz`, to train on its 60,000 images instead of 4,000
    #[arg(long)]
    idx: Option<PathBuf>,
    /// Evaluate on so many of the 60,000, which are not trained on, instead of the 10,000 that are for the test
    #[arg(long, requires = "idx")]
    held_out: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Net {
    /// 96 neurons
    Small,
    /// 144 sums, each read by two tables
    Wide,
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mnist_5k.csv.gz");
const IMAGE: [usize; 3] = [1, 28, 28];

/// How long to train.
#[derive(Clone, Copy)]
struct Passes {
    /// Copies of each image, moved by a pixel.
    copies: usize,
    /// Passes over the images and their copies.
    epochs: usize,
}

const OF_5_000: Passes = Passes { copies: 8, epochs: 20 };
const OF_60_000: Passes = Passes { copies: 4, epochs: 6 };
const OF_60_000_WIDE: Passes = Passes { copies: 8, epochs: 6 };

fn main() -> Result<(), MainError> {
    let options = Options::parse();
    match (options.net, options.tolerant) {
        (Net::Small, false) => run::<Small>(&options, OF_60_000),
        (Net::Small, true) => run::<Tolerant>(&options, OF_60_000),
        (Net::Wide, false) => run::<Wide>(&options, OF_60_000_WIDE),
        (Net::Wide, true) => Err("the wide network is exact: leave out `--tolerant`".into()),
    }
}

fn run<N: Network>(options: &Options, of_all: Passes) -> Result<(), MainError> {
    let seed = Seed(options.common.seed);
    let (net, test, clear) = if let Some(folder) = &options.idx {
        let (train, test) = of_60_000(folder, options.held_out)?;
        learned::<N>(&options.common, [train, test], of_all, seed)?
    } else {
        let images = csv::read(FILE, &CsvOptions { header: false, ..CsvOptions::default() })?;
        if let Some(splits) = options.splits {
            let on_split = |seed| Ok(of_5_000::<N>(&options.common, &images, seed)?.2);
            return splits::evaluate(splits, options.common.json, on_split);
        }
        of_5_000::<N>(&options.common, &images, seed)?
    };
    common::predict(&options.common, &net.circuit()?, &test, &clear)
}

/// Images to train on, and others.
fn of_60_000(folder: &Path, held_out: Option<usize>) -> Result<(Dataset, Dataset), MainError> {
    let (train, test) = idx::mnist(folder)?;
    let Some(held_out) = held_out else { return Ok((train, test)) };
    let share = held_out as f32 / train.len() as f32;
    let [train, held_out] = train.parts([1.0 - share, share], Seed(0))?;
    Ok((train, held_out))
}

/// A network trained on four fifths of 5,000 images, the fifth held out, and how well it does there.
fn of_5_000<N: Network>(
    options: &common::Options,
    images: &Dataset,
    seed: Seed,
) -> Result<(N, Dataset, Clear), MainError> {
    let [train, test] = images.parts([0.8, 0.2], seed)?;
    learned(options, [train, test], OF_5_000, seed)
}

/// Trains on the images and copies of them.
fn learned<N: Network>(
    options: &common::Options,
    [train, test]: [Dataset; 2],
    passes: Passes,
    seed: Seed,
) -> Result<(N, Dataset, Clear), MainError> {
    let train = train.with_shifted(IMAGE, 1, passes.copies, seed)?;
    let common = TrainConfig {
        epochs: Some(passes.epochs),
        batch: 128,
        validation: Validation::None,
        seed,
        ..TrainConfig::declared()
    };
    let float = TrainConfig { precision: Precision::Float, rate: 0.002, ..common.clone() };
    // Decay lets go of weights that the budget leaves out.
    let optimizer = Optimizer::AdamW { decay: 0.02 };
    let quantized = TrainConfig { rate: 0.06, optimizer, ..common };
    let (net, clear) = common::learned(options, [&train, &test], &float, &quantized)?;
    Ok((net, test, clear))
}
