//! The task of handwritten digits: 1,797 images of 8 by 8 pixels, a fifth of each class held out.

#[path = "splits.rs"]
mod splits;

use clap::Args;
use fheqat::{
    data::csv::{self, CsvOptions},
    prelude::*,
    train::Validation,
};

use crate::common::{self, Clear};

/// Options of the examples with digits.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: common::Options,
    /// Only train and evaluate, on so many splits with seeds from 0
    #[arg(long, conflicts_with = "html")]
    splits: Option<u64>,
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");

/// How to train, as chosen by cross-validation inside the four fifths; nothing is chosen on the fifth held out.
pub(crate) struct Recipe {
    /// Passes over the four fifths; the last is kept.
    pub(crate) epochs: Option<usize>,
    /// The largest rate.
    pub(crate) rate: f32,
    /// Label smoothing.
    pub(crate) smoothing: f32,
    /// The share held out to look for a cheap network by; without, what is declared is trained.
    pub(crate) held_out: Option<f32>,
    /// The largest rate of float training, which takes 60 epochs at a smoothing of 0.1.
    pub(crate) float_rate: f32,
}

impl Recipe {
    /// Trains, then predicts encrypted, or evaluates on several splits.
    pub(crate) fn run<N: Network>(&self, options: &Options) -> Result<(), MainError> {
        let digits = csv::read(FILE, &CsvOptions { header: false, ..CsvOptions::default() })?;
        if let Some(splits) = options.splits {
            let on_split = |seed| Ok(self.train::<N>(&options.common, &digits, seed)?.2);
            return splits::evaluate(splits, options.common.json, on_split);
        }
        let (net, test, clear) = self.train::<N>(&options.common, &digits, Seed(options.common.seed))?;
        common::predict(&options.common, &net.circuit()?, &test, &clear)
    }

    /// A network trained on four fifths, the fifth that is held out, and how well it does there.
    fn train<N: Network>(
        &self,
        options: &common::Options,
        digits: &Dataset,
        seed: Seed,
    ) -> Result<(N, Dataset, Clear), MainError> {
        let [train, test] = digits.parts([0.8, 0.2], seed)?;
        let float = TrainConfig {
            epochs: Some(60),
            rate: self.float_rate,
            smoothing: 0.1,
            validation: Validation::None,
            seed,
            ..TrainConfig::float()
        };
        let quantized = TrainConfig {
            epochs: self.epochs,
            rate: self.rate,
            smoothing: self.smoothing,
            validation: self.held_out.map_or(Validation::None, Validation::Fraction),
            seed,
            ..TrainConfig::default()
        };
        let (net, clear) = common::learned(options, [&train, &test], &float, &quantized)?;
        Ok((net, test, clear))
    }
}
