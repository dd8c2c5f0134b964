//! A residual network on handwritten digits: a sum of two branches whose levels share one scale.
//!
//! `cargo run --release --example residual -- --samples 20 --seed 1 --json`, and with `--splits 5` accuracy alone

mod common;
#[path = "common/digits.rs"]
mod digits;

use clap::Parser;
use digits::Recipe;
use fheqat::prelude::*;

#[quant_net(bits = 3, max_l1 = 16)]
struct Residual {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 48>,
    relu1: QuantReLU,
    fc2: QuantLinear<48, 48>,
    #[layer(scale_from = relu1)] // one step means the same on both sides of the sum
    quant2: QuantIdentity,
    #[layer(from = [quant2, relu1])]
    add: Add,
    relu2: QuantReLU,
    #[layer(max_l1 = 32)]
    fc3: QuantLinear<48, 10>,
}

/// Trains on handwritten digits and predicts some encrypted.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    digits: digits::Options,
}

fn main() -> Result<(), MainError> {
    let recipe = Recipe { epochs: Some(100), rate: 0.03, smoothing: 0.1, held_out: None, float_rate: 0.005 };
    recipe.run::<Residual>(&Options::parse().digits)
}
