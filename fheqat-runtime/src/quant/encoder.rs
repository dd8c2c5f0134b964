//! From the features of a sample to the levels that the client encrypts.

use fheqat_spec::{BIT, Range};
use serde::{Deserialize, Serialize};

use super::{Quantizer, ThermometerCode, Transform};
use crate::vectors::on_vectors;

/// From features to levels: transformed, then rounded or compared with thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// What is done to features first.
    pub transform: Transform,
    /// What makes levels of them.
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
        match &self.code {
            Code::Round(quantizer) => {
                self.transform.apply(sample, levels);
                let quantizer = *quantizer;
                on_vectors(move || {
                    for value in levels {
                        *value = quantizer.round(*value);
                    }
                });
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

    /// How many levels it gives for so many features.
    #[must_use]
    pub const fn outputs(&self, features: usize) -> usize {
        match &self.code {
            Code::Round(_) => features,
            Code::Thermometer(code) => features.saturating_mul(code.bits()),
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
        matches!(self.code, Code::Thermometer(_)) && self.transform.keeps_features_apart()
    }

    /// Whether it takes samples of so many features, at least one, and every one of its numbers may be.
    pub(crate) fn fits(&self, features: usize) -> bool {
        features > 0
            && self.transform.fits(features)
            && match &self.code {
                Code::Round(quantizer) => quantizer.is_sound(),
                Code::Thermometer(code) => code.fits(features),
            }
    }
}

impl From<Quantizer> for Encoder {
    fn from(quantizer: Quantizer) -> Self {
        Self { transform: Transform::AsIs, code: Code::Round(quantizer) }
    }
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
