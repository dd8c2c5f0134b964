//! The guide's task, from an annotated struct to encrypted predictions.
//!
//! `cargo run --release --example checkerboard -- --samples 20 --seed 1 --hidden 100 --json`

mod common;

use clap::Parser;
use fheqat::{data, prelude::*};

/// A network's numbers are constants of its type, so each width is a struct of its own.
macro_rules! checkerboard {
    ($name:ident, $hidden:tt, $last:tt $($options:tt)*) => {
        #[quant_net(bits = 3, max_nonzero = 30, max_l1 = 8 $($options)*)]
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
checkerboard!(Tolerant, 100, 8, tolerance = 0.2);

/// As the guide has it: nothing but widths and pruning.
#[quant_net(bits = 3, max_nonzero = 30)]
struct Plain {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    fc3: QuantLinear<100, 2>,
}

/// Trains the guide's network on the checkerboard and predicts encrypted points.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: common::Options,
    /// Neurons of each hidden layer
    #[arg(long, default_value = "100", value_parser = ["10", "30", "100"])]
    hidden: String,
    /// No budget and no step of the input by hand, 100 neurons
    #[arg(long)]
    plain: bool,
    /// Sums may be off by a fifth of a step, 100 neurons
    #[arg(long, conflicts_with = "plain")]
    tolerant: bool,
    /// Train what is declared, without a search for something cheaper
    #[arg(long)]
    declared: bool,
}

fn main() -> Result<(), MainError> {
    let options = Options::parse();
    match options.hidden.as_str() {
        _ if options.plain => run::<Plain>(&options),
        _ if options.tolerant => run::<Tolerant>(&options),
        "10" => run::<Checkerboard10>(&options),
        "30" => run::<Checkerboard30>(&options),
        _ => run::<Checkerboard100>(&options),
    }
}

fn run<N: Network>(options: &Options) -> Result<(), MainError> {
    let seed = Seed(options.common.seed);
    let (train, test) = data::checkerboard(seed);
    let fresh = data::checkerboard_points(50_000, Seed(seed.0.wrapping_add(1 << 32)));

    let float = TrainConfig { seed, ..TrainConfig::float() };
    let quantized = if options.declared { TrainConfig::declared() } else { TrainConfig::default() };
    let quantized = TrainConfig { seed, ..quantized };
    let (net, clear) = common::learned::<N>(&options.common, [&train, &fresh], &float, &quantized)?;
    common::predict(&options.common, &net.circuit()?, &test, &clear)
}
