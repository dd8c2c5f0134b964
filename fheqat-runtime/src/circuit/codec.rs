//! The client's two maps: features to integers in front of the circuit, integers to logits behind it.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

use crate::{error::InputError, quant::Quantizer};

/// How features become integers and integers become logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Codec {
    /// Rounds each feature; features outside the range saturate, as in training.
    pub input: Quantizer,
    /// Features of one sample.
    pub features: usize,
    /// The step of each output: logit = accumulator * scale + bias.
    pub scale: Vec<f32>,
    /// The float bias of each output.
    pub bias: Vec<f32>,
}

/// What a circuit gives for one sample, in the clear or decrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logits {
    /// The integers.
    pub accumulators: Vec<i64>,
    /// The same in the network's units.
    pub values: Vec<f32>,
}

impl Codec {
    /// Quantizes one sample of shape `[features]`.
    ///
    /// # Errors
    /// When the sample has another width, or a feature is NaN or infinite.
    pub fn encode(&self, sample: &[f32]) -> Result<Vec<i64>, InputError> {
        crate::error::check_sample(sample, self.features)?;
        Ok(sample.iter().map(|&feature| self.input.level(feature)).collect())
    }

    /// The range of an encoded feature.
    #[must_use]
    pub const fn input_range(&self) -> Range {
        self.input.levels
    }

    /// Scales the integers of one sample.
    #[must_use]
    pub fn decode(&self, accumulators: Vec<i64>) -> Logits {
        let values = accumulators
            .iter()
            .zip(&self.scale)
            .zip(&self.bias)
            .map(|((&sum, &scale), &bias)| sum as f32 * scale + bias)
            .collect();
        Logits { accumulators, values }
    }
}

impl Logits {
    /// The index of the largest logit, the first of equals.
    #[must_use]
    pub fn class(&self) -> usize {
        (1..self.values.len())
            .fold(0, |best, next| if self.values[next] > self.values[best] { next } else { best })
    }
}
