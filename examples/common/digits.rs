//! The task of handwritten digits: 1,797 images of 8 by 8 pixels, a fifth of each class held out.

use std::error::Error;

use clap::Args;
use fheqat::{
    data::csv::{self, CsvOptions},
    prelude::*,
    train::Validation,
};
use serde_json::json;

use crate::common::{self, Clear, accuracy, trained};

/// Options of the examples with digits.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: common::Options,
    /// Only train and evaluate, on so many splits with seeds from 0
    #[arg(long)]
    splits: Option<u64>,
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");

/// How to train, as chosen by cross-validation inside the four fifths; nothing is chosen on the fifth held out.
pub(crate) struct Recipe {
    /// Passes over the four fifths; the last is kept.
    pub(crate) epochs: usize,
    /// The largest rate.
    pub(crate) rate: f32,
    /// Label smoothing.
    pub(crate) smoothing: f32,
    /// The largest rate of float training, which takes 60 epochs at a smoothing of 0.1.
    pub(crate) float_rate: f32,
}

impl Recipe {
    /// Trains, then predicts encrypted, or evaluates on several splits.
    pub(crate) fn run<N: Network>(&self, options: &Options) -> Result<(), Box<dyn Error>> {
        let digits = csv::read(FILE, &CsvOptions { header: false, ..CsvOptions::default() })?;
        if let Some(splits) = options.splits {
            return self.evaluate::<N>(&digits, splits, options.common.json);
        }
        let (net, test, clear) = self.train::<N>(&digits, Seed(options.common.seed))?;
        common::predict(&options.common, &net.circuit()?, &test, &clear)
    }

    fn evaluate<N: Network>(&self, digits: &Dataset, splits: u64, json: bool) -> Result<(), Box<dyn Error>> {
        let (mut of_float, mut of_quantized) = (Vec::new(), Vec::new());
        for seed in 0..splits {
            let (_, test, clear) = self.train::<N>(digits, Seed(seed))?;
            println!(
                "split {seed}: float {:.4}, quantized {:.4} on {} samples",
                clear.float,
                clear.quantized,
                test.len()
            );
            of_float.push(clear.float);
            of_quantized.push(clear.quantized);
        }
        let mean = |accuracies: &[f64]| accuracies.iter().sum::<f64>() / accuracies.len() as f64;
        let (mean_float, mean_quantized) = (mean(&of_float), mean(&of_quantized));
        println!("mean of {splits} splits: float {mean_float:.4}, quantized {mean_quantized:.4}");
        if json {
            let line = json!({
                "accuracy_fp32": mean_float,
                "accuracy_clear": mean_quantized,
                "splits_fp32": of_float,
                "splits_clear": of_quantized,
            });
            println!("{line}");
        }
        Ok(())
    }

    /// A network trained on four fifths, the fifth that is held out, and how well it does there.
    fn train<N: Network>(&self, digits: &Dataset, seed: Seed) -> Result<(N, Dataset, Clear), Box<dyn Error>> {
        let [train, test] = digits.parts([0.8, 0.2], seed)?;
        let float = TrainConfig {
            epochs: 60,
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
            validation: Validation::None,
            seed,
            ..TrainConfig::default()
        };
        let (reference, _) = trained::<N>(&train, &float)?;
        let (net, train_s) = trained::<N>(&train, &quantized)?;
        let clear = Clear {
            float: accuracy(&reference, Precision::Float, &test)?,
            quantized: accuracy(&net, Precision::Quantized, &test)?,
            points: test.len(),
            train_s,
        };
        Ok((net, test, clear))
    }
}
