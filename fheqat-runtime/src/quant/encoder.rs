//! From the features of a sample to the levels that the client encrypts.

use fheqat_spec::{BIT, Range};
use serde::{Deserialize, Serialize};

use super::{ClientLayer, Quantizer, ThermometerCode, Transform};
use crate::vectors::on_vectors;

/// From features to levels: transformed, through the layers of the client, then rounded or compared with thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// What is done to features first.
    pub transform: Transform,
    /// The layers that the client runs in float then, in their order.
    pub layers: Vec<ClientLayer>,
    /// What makes levels of what they give.
    pub code: Code,
}

/// How numbers become levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Code {
    /// One level each.
    Round(Quantizer),
    /// Several levels 0 or 1 each.
    Thermometer(ThermometerCode),
}

impl Encoder {
    /// The levels of a sample.
    ///
    /// # Panics
    /// When the sample has another number of features than were measured.
    #[must_use]
    pub fn levels(&self, sample: &[f32]) -> Vec<i64> {
        let mut levels = vec![0.0; self.outputs(sample.len())];
        self.encode(sample, &mut levels, &mut Vec::new());
        levels.into_iter().map(|level| level as i64).collect()
    }

    /// Writes the levels of a sample, as the floats that training computes with; `memory` is its own.
    pub(crate) fn encode(&self, sample: &[f32], levels: &mut [f32], memory: &mut Vec<f32>) {
        if !self.layers.is_empty() {
            let numbers = self.through_layers(sample);
            match &self.code {
                Code::Round(quantizer) => {
                    levels.copy_from_slice(&numbers);
                    round(*quantizer, levels);
                }
                Code::Thermometer(code) => code.encode(&numbers, levels),
            }
            return;
        }
        match &self.code {
            Code::Round(quantizer) => {
                self.transform.apply(sample, levels);
                round(*quantizer, levels);
            }
            Code::Thermometer(code) if matches!(self.transform, Transform::AsIs) => {
                code.encode(sample, levels);
            }
            Code::Thermometer(code) => {
                memory.resize(sample.len(), 0.0);
                self.transform.apply(sample, memory);
                code.encode(memory, levels);
            }
        }
    }

    /// What the layers of the client make of the features of a sample.
    fn through_layers(&self, sample: &[f32]) -> Vec<f32> {
        let (mut numbers, mut next) = (vec![0.0; sample.len()], Vec::new());
        self.transform.apply(sample, &mut numbers);
        for layer in &self.layers {
            next.resize(layer.outputs(numbers.len()), 0.0);
            layer.apply(&numbers, &mut next);
            std::mem::swap(&mut numbers, &mut next);
        }
        numbers
    }

    /// How many numbers it makes levels of, for so many features.
    pub(crate) fn numbers(&self, features: usize) -> usize {
        self.layers.iter().fold(features, |numbers, layer| layer.outputs(numbers))
    }

    /// How many levels it gives for so many features.
    #[must_use]
    pub fn outputs(&self, features: usize) -> usize {
        let numbers = self.numbers(features);
        match &self.code {
            Code::Round(_) => numbers,
            Code::Thermometer(code) => numbers.saturating_mul(code.bits()),
        }
    }

    /// Every level lies in it.
    #[must_use]
    pub const fn range(&self) -> Range {
        match &self.code {
            Code::Round(quantizer) => quantizer.levels,
            Code::Thermometer(_) => BIT,
        }
    }

    /// The rounding, where it rounds.
    #[must_use]
    pub const fn quantizer(&self) -> Option<Quantizer> {
        match &self.code {
            Code::Round(quantizer) => Some(*quantizer),
            Code::Thermometer(_) => None,
        }
    }

    /// Whether a missing value (NaN) has levels.
    #[must_use]
    pub const fn takes_missing(&self) -> bool {
        matches!(self.code, Code::Thermometer(_))
            && self.layers.is_empty()
            && self.transform.keeps_features_apart()
    }

    /// Whether it takes samples of so many features, at least one, and every one of its numbers may be.
    pub(crate) fn fits(&self, features: usize) -> bool {
        let numbers = self.layers.iter().try_fold(features, |numbers, layer| layer.fits(numbers));
        features > 0
            && self.transform.fits(features)
            && match (&self.code, numbers) {
                (Code::Round(quantizer), Some(_)) => quantizer.is_sound(),
                (Code::Thermometer(code), Some(numbers)) => code.fits(numbers),
                (_, None) => false,
            }
    }
}

impl From<Quantizer> for Encoder {
    fn from(quantizer: Quantizer) -> Self {
        Self { transform: Transform::AsIs, layers: Vec::new(), code: Code::Round(quantizer) }
    }
}

/// Rounds numbers where they are.
fn round(quantizer: Quantizer, numbers: &mut [f32]) {
    on_vectors(move || {
        for number in numbers {
            *number = quantizer.round(*number);
        }
    });
}

impl Quantizer {
    /// Whether every finite number is rounded to one of its levels.
    fn is_sound(&self) -> bool {
        /// The largest level that [`round_level`](super::round_level) rounds to exactly.
        const EXACT: i64 = 1 << 22;
        let Self { step, levels } = *self;
        step.is_finite() && step > 0.0 && -EXACT <= levels.lo && levels.lo <= levels.hi && levels.hi <= EXACT
    }
}
