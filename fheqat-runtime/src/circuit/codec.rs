//! The client's two maps: features to integers in front of the circuit, integers to logits behind it.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

use super::{logits::Logits, task::Task};
use crate::{
    error::InputError,
    quant::{Encoder, Quantizer, transition::decode},
};

/// How features become integers and integers become logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Codec {
    /// What turns features into the levels that the circuit reads: of each encoder those of all features, one encoder after
    /// the other. Features outside the range saturate, as in training.
    pub encoders: Vec<Encoder>,
    /// Features of one sample.
    pub features: usize,
    /// What one unit of each output stands for, in the units of the targets: value = accumulator * scale + bias.
    pub scale: Vec<f32>,
    /// The float bias of each output.
    pub bias: Vec<f32>,
    /// What the outputs answer, with the names of classes.
    pub task: Task,
}

impl Codec {
    /// Quantizes one sample of shape `[features]`.
    ///
    /// # Errors
    /// When the sample has another width, or a feature is NaN or infinite.
    pub fn encode(&self, sample: &[f32]) -> Result<Vec<i64>, InputError> {
        crate::error::check_sample(sample, self.features)?;
        Ok(self.encoders.iter().flat_map(|encoder| encoder.levels(sample)).collect())
    }

    /// Levels of one sample.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.features * self.encoders.len()
    }

    /// Every level lies in it.
    #[must_use]
    pub fn input_range(&self) -> Range {
        let ranges = self.encoders.iter().map(|encoder| encoder.quantizer.levels);
        ranges.reduce(Range::cover).unwrap_or(Range::new(0, 0))
    }

    pub(crate) fn fits(&self, inputs: usize, outputs: usize) -> bool {
        self.features.checked_mul(self.encoders.len()) == Some(inputs)
            && self.encoders.iter().all(|encoder| encoder.fits(self.features) && rounds(encoder.quantizer))
            && self.scale.len() == outputs
            && self.bias.len() == outputs
            && self.task.fits(outputs)
    }

    /// Whether the levels that it gives are those that the inputs of a graph may be.
    pub(crate) fn gives(&self, inputs: &[Range]) -> bool {
        let levels = self
            .encoders
            .iter()
            .flat_map(|encoder| std::iter::repeat_n(encoder.quantizer.levels, self.features));
        levels.eq(inputs.iter().copied())
    }

    /// Scales the integers of one sample.
    #[must_use]
    pub fn decode(&self, accumulators: Vec<i64>) -> Logits {
        let values = accumulators
            .iter()
            .zip(&self.scale)
            .zip(&self.bias)
            .map(|((&sum, &scale), &bias)| decode(sum as f32, scale, bias))
            .collect();
        Logits { accumulators, values, task: self.task.clone() }
    }
}

/// Whether every finite feature is rounded to one of the levels.
fn rounds(Quantizer { step, levels }: Quantizer) -> bool {
    /// The largest level that [`round_level`](crate::quant::round_level) rounds to exactly.
    const EXACT: i64 = 1 << 22;
    step.is_finite() && step > 0.0 && -EXACT <= levels.lo && levels.lo <= levels.hi && levels.hi <= EXACT
}
