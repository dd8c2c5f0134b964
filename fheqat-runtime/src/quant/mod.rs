//! Rounding to integer levels: the one place where floats become integers.
//!
//! Training, evaluation, lowering and the client all round through these functions, so that evaluation-mode accuracy,
//! simulation and the encrypted run agree bit for bit.

pub mod activation;
pub mod client;
pub mod encoder;
pub mod observer;
pub mod row;
pub mod standardization;
pub mod thermometer;
pub mod tolerance;
pub mod transform;
pub mod transition;
pub mod whitening;

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

pub use client::ClientLayer;
pub use encoder::{Code, Encoder};
pub use observer::Observer;
pub use standardization::Standardization;
pub use thermometer::{ChannelCode, ThermometerCode};
pub use transform::Transform;
pub use whitening::Whitening;

use self::activation::Function;

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
        self.round(value) as i64
    }

    /// The level of a float, as the float that training computes with.
    #[must_use]
    pub fn round(&self, value: f32) -> f32 {
        round_level(value / self.step, self.levels)
    }
}

/// From an accumulator to the level of the quantizer behind it: `clamp(round_half_even(x))` of
/// `x = sum * gain / divisor + offset`, or `clamp(round_half_even(f(x) / step))` of a function.
///
/// Of an average whose step is that of the numbers it is of, `gain` is 1 and `x` the quotient of two integers, rounded once: no
/// other quotient within the bounds of the laws is so near to half a step that it becomes one, so that half to even is exact.
///
/// Lowering reads it off every value of the accumulator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requantize {
    /// What one unit of the accumulator adds to `x`, times `divisor`.
    pub gain: f32,
    /// Numbers of which the accumulator is the sum where it stands for their average, else 1.
    pub divisor: f32,
    /// `x` at zero: the float bias, in steps where there is no function.
    pub offset: f32,
    /// The function, where there is one.
    pub lookup: Option<Lookup>,
    /// The levels it gives.
    pub levels: Range,
}

/// A function whose values are rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookup {
    /// The function.
    pub function: Function,
    /// The distance between two levels.
    pub step: f32,
}

impl Requantize {
    /// The level of an accumulator, in the arithmetic that training uses.
    #[must_use]
    #[inline]
    pub fn level(&self, sum: f32) -> f32 {
        let x = sum * self.gain / self.divisor + self.offset;
        match &self.lookup {
            None => round_level(x, self.levels),
            Some(lookup) => round_level(lookup.steps(x), self.levels),
        }
    }
}

impl Lookup {
    /// `f(x) / step`.
    #[must_use]
    pub fn steps(&self, x: f32) -> f32 {
        self.function.apply(x) / self.step
    }
}

/// Rounds half to even and clamps; the level is an integer that `f32` holds exactly.
///
/// Clamping to integers commutes with rounding, and between levels, which fit 8 bits, adding `1.5 * 2^23` leaves no
/// bits for a fraction: the addition rounds half to even, in one instruction that every processor runs on vectors.
#[must_use]
#[inline]
pub fn round_level(value: f32, levels: Range) -> f32 {
    const NO_FRACTION: f32 = 1.5 * (1 << 23) as f32;
    let (lo, hi) = (levels.lo as f32, levels.hi as f32);
    // `f32::clamp` checks its bounds, and a check keeps a loop off the vectors.
    let held = if value < lo { lo } else { value };
    let held = if held > hi { hi } else { held };
    (held + NO_FRACTION) - NO_FRACTION
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounding_is_half_to_even_then_clamped(value in -300.0f32..300.0, bits in 1i64..=8) {
            for levels in [Range::signed(bits), Range::unsigned(bits)] {
                for value in [value, value.round() + 0.5, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -0.0] {
                    let expected = value.round_ties_even().clamp(levels.lo as f32, levels.hi as f32);
                    prop_assert!((round_level(value, levels) - expected).abs() < 0.1, "{value} {levels:?}");
                }
            }
        }
    }

    /// Every sum of windows that the laws allow, at steps that no float holds.
    #[test]
    fn averages_of_one_step_round_as_quotients_of_integers() {
        let exact = |sum: i64, count: i64, levels: Range| {
            let (whole, rest) = (sum.div_euclid(count), sum.rem_euclid(count));
            let is_above = 2 * rest > count || (2 * rest == count && whole % 2 != 0);
            (whole + i64::from(is_above)).clamp(levels.lo, levels.hi)
        };
        let averaged = |sum: i64, count: i64, levels: Range, step: f32| {
            let sums = transition::Dequantize::average(step, count as f32);
            sums.requantize(step, levels, None).level(sum as f32) as i64
        };
        assert_eq!(averaged(50, 100, Range::unsigned(2), 0.1), 0);
        for levels in [1, 2, 3, 8].into_iter().flat_map(|bits| [Range::signed(bits), Range::unsigned(bits)]) {
            let most = (1 << 16) / (levels.hi - levels.lo);
            let large = [100, 121, 144, 196, 255, 256, 784, 1000, 4096, 65_535, 65_536];
            for count in (1..=64).chain(large).filter(|&count| count <= most) {
                for sum in levels.lo * count..=levels.hi * count {
                    for step in [0.1, 0.333, 3e-20] {
                        let found = averaged(sum, count, levels, step);
                        assert_eq!(
                            found,
                            exact(sum, count, levels),
                            "{sum} of {count} at {step}, {levels:?}"
                        );
                    }
                }
            }
        }
    }
}
