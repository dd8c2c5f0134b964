//! Handwritten digits, from a CSV file to encrypted predictions, by a perceptron or a small convolutional network.
//!
//! `cargo run --release --example digits -- --net mlp --samples 20 --seed 1 --json`, and with `--splits 5` accuracy alone

mod common;
#[path = "common/digits.rs"]
mod digits;

use clap::{Parser, ValueEnum};
use digits::Recipe;
use fheqat::prelude::*;

#[quant_net(bits = 3, max_l1 = 16)]
struct Perceptron {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 64>,
    relu1: QuantReLU,
    #[layer(max_l1 = 32)]
    fc2: QuantLinear<64, 10>,
}

/// Nothing declared but bits and weights: training looks for what is cheap.
#[quant_net(bits = 3, max_nonzero = 30)]
struct Plain {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 64>,
    relu1: QuantReLU,
    fc2: QuantLinear<64, 10>,
}

macro_rules! dense {
    ($name:ident $($options:tt)*) => {
        #[quant_net(bits = 3 $($options)*)]
        struct $name {
            #[layer(signed = false)]
            quant_inp: QuantIdentity,
            fc1: QuantLinear<64, 32>,
            relu1: QuantReLU,
            fc2: QuantLinear<32, 10>,
        }
    };
}

dense!(Dense);
// Sums that may be off cost the same whatever their range.
dense!(Tolerant, tolerance = 0.2);

/// What filters see, beside the image at half its size.
#[quant_net(bits = 3, max_l1 = 24, input = [1, 8, 8])]
struct Convolutional {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    pool: AvgPool2d<2>, // [1, 4, 4]
    #[layer(signed = false)]
    quant_pool: QuantIdentity,
    coarse: Flatten, // [16]
    #[layer(from = quant_inp, stride = 2)]
    conv1: QuantConv2d<1, 12, 4>, // [12, 3, 3]
    #[layer(scale_from = quant_pool)]
    relu1: QuantReLU,
    fine: Flatten, // [108]
    #[layer(from = [coarse, fine])]
    both: Concat,
    #[layer(max_l1 = 128)]
    fc: QuantLinear<124, 10>,
}

/// Trains on handwritten digits and predicts some encrypted.
#[derive(Parser)]
struct Options {
    /// The network
    #[arg(long, value_enum, default_value = "mlp")]
    net: Net,
    #[command(flatten)]
    digits: digits::Options,
}

#[derive(Clone, Copy, ValueEnum)]
enum Net {
    /// One hidden layer of 64 neurons
    Mlp,
    /// One hidden layer of 64 neurons, of which training keeps what pays
    Plain,
    /// One hidden layer of 32 neurons without budgets, whose sums may be off by a fifth of a step
    Tolerant,
    /// The same, exact: what a network costs that nobody made cheap
    Dense,
    /// Twelve filters of 4 by 4, and a pool
    Cnn,
}

fn main() -> Result<(), MainError> {
    let options = Options::parse();
    let perceptron =
        Recipe { epochs: Some(100), rate: 0.03, smoothing: 0.2, held_out: None, float_rate: 0.002 };
    match options.net {
        Net::Mlp => perceptron.run::<Perceptron>(&options.digits),
        Net::Plain => {
            let TrainConfig { epochs, rate, smoothing, .. } = TrainConfig::default();
            let recipe = Recipe { epochs, rate, smoothing, held_out: Some(0.1), float_rate: 0.002 };
            recipe.run::<Plain>(&options.digits)
        }
        Net::Tolerant => Recipe { rate: 0.06, ..perceptron }.run::<Tolerant>(&options.digits),
        Net::Dense => perceptron.run::<Dense>(&options.digits),
        Net::Cnn => {
            let recipe =
                Recipe { epochs: Some(100), rate: 0.08, smoothing: 0.1, held_out: None, float_rate: 0.01 };
            recipe.run::<Convolutional>(&options.digits)
        }
    }
}
