//! Rounding to integer levels: the one place where floats become integers.
//!
//! Training, evaluation, lowering and the client all round through these functions, so that evaluation-mode accuracy,
//! simulation and the encrypted run agree bit for bit.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

/// `level = clamp(round_half_even(x / step), levels)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantizer {
    /// The distance between two levels.
    pub step: f32,
    /// The levels it gives.
    pub levels: Range,
}

impl Quantizer {
    /// The level of a float.
    #[must_use]
    pub fn level(&self, value: f32) -> i64 {
        round_level(value / self.step, self.levels) as i64
    }
}

/// From an accumulator to the level of the quantizer behind it: `clamp(round_half_even(sum * gain + offset))`.
///
/// Rising in `sum`, since each of its operations is; so it is a staircase, and lowering reads the thresholds off it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requantize {
    /// Levels for one unit of the accumulator, positive.
    pub gain: f32,
    /// The level at zero: the float bias in steps.
    pub offset: f32,
    /// The levels it gives.
    pub levels: Range,
}

impl Requantize {
    /// The level of an accumulator, in the arithmetic that training uses.
    #[must_use]
    pub fn level(&self, sum: f32) -> f32 {
        round_level(sum * self.gain + self.offset, self.levels)
    }
}

/// Rounds half to even and clamps; the level is an integer that `f32` holds exactly.
#[must_use]
pub fn round_level(value: f32, levels: Range) -> f32 {
    value.round_ties_even().clamp(levels.lo as f32, levels.hi as f32)
}
