//! What accumulators stand for, and where the levels of the quantizer behind lie on them: gain and offset, in one place.

use fheqat_spec::Range;

use super::{Lookup, Requantize, activation::Function};

/// The middle of a range; exact in `f32`, for it is half an integer.
#[must_use]
pub fn middle(range: Range) -> f32 {
    (range.lo + range.hi) as f32 / 2.0
}

/// What a sum stands for: `sum * unit + bias`. Evaluation, simulation and the client all decode through it.
#[must_use]
#[inline]
pub const fn decode(sum: f32, unit: f32, bias: f32) -> f32 {
    sum * unit + bias
}

/// What the integers of one channel stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dequantize {
    /// The value of one unit, times `divisor`: behind weights their scale times the step of what they multiply.
    pub unit: f32,
    /// Numbers of which the integers are sums where they stand for the average, else 1. It divides for itself, so that half a step
    /// of an average is exactly half a step.
    pub divisor: f32,
    /// Where values are counted from.
    pub origin: Origin,
}

/// Where values are counted from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Origin {
    /// `value = sum * unit / divisor + bias`.
    Bias(f32),
    /// `value = (sum - centre) * unit / divisor`, where the middle of the levels behind lies, whatever its own value.
    Centre(f32),
}

/// One channel of a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// What a normalised value is multiplied by.
    pub gamma: f32,
    /// What is then added.
    pub beta: f32,
    /// The mean of the values.
    pub mean: f32,
    /// Their variance.
    pub variance: f32,
}

impl Channel {
    /// Added to a variance before the root is taken, as in `PyTorch`.
    pub const EPSILON: f32 = 1e-5;

    /// What a value is multiplied by.
    #[must_use]
    pub fn factor(&self) -> f32 {
        self.gamma / (self.variance + Self::EPSILON).sqrt()
    }
}

impl Dequantize {
    /// Sums without a bias.
    #[must_use]
    pub const fn plain(unit: f32) -> Self {
        Self::biased(unit, 0.0)
    }

    /// Sums with a bias.
    #[must_use]
    pub const fn biased(unit: f32, bias: f32) -> Self {
        Self { unit, divisor: 1.0, origin: Origin::Bias(bias) }
    }

    /// Sums of so many numbers, each of which stands for `unit`, that stand for the average.
    #[must_use]
    pub const fn average(unit: f32, numbers: f32) -> Self {
        Self { divisor: numbers, ..Self::plain(unit) }
    }

    /// The value that one unit adds.
    #[must_use]
    pub fn share(&self) -> f32 {
        self.unit / self.divisor
    }

    /// The accumulator `sum_i q_i a_i` of integer weights that sum to `weights`, over all inputs `a_i` in `levels`, lies
    /// symmetric about `sum_i q_i (lo + hi) / 2`.
    #[must_use]
    pub fn centred(unit: f32, weights: f32, levels: Range) -> Self {
        Self { unit, divisor: 1.0, origin: Origin::Centre(weights * middle(levels)) }
    }

    /// The same with every value larger by `bias`.
    #[must_use]
    pub fn moved_by(self, bias: f32) -> Self {
        let origin = match self.origin {
            Origin::Bias(own) => Origin::Bias(own + bias),
            Origin::Centre(centre) => Origin::Centre(centre - bias / self.unit),
        };
        Self { origin, ..self }
    }

    /// The same with every value times `factor`, and `constant` more. The middle of a centred accumulator has the value zero.
    #[must_use]
    pub fn mapped(self, factor: f32, constant: f32) -> Self {
        let origin = Origin::Bias(self.bias() * factor + constant);
        Self { unit: self.unit * factor, origin, ..self }
    }

    /// The value at zero.
    #[must_use]
    pub fn bias(&self) -> f32 {
        match self.origin {
            Origin::Bias(bias) => bias,
            Origin::Centre(centre) => -(centre * self.share()),
        }
    }

    /// The same normalised: `gamma * (value - mean) / sqrt(variance + epsilon) + beta`, where values are counted from a centre
    /// without `mean` and `beta`, so that it stays the centre.
    #[must_use]
    pub fn normalize(&self, channel: Channel) -> Self {
        let factor = channel.factor();
        let origin = match self.origin {
            Origin::Bias(bias) => Origin::Bias((bias - channel.mean) * factor + channel.beta),
            Origin::Centre(centre) => Origin::Centre(centre),
        };
        Self { unit: self.unit * factor, origin, ..*self }
    }

    /// The staircase to `levels`, one `step` apart, of the values or of a function of them. In front of a function the middle
    /// of a centred accumulator has the value zero.
    #[must_use]
    pub fn requantize(&self, step: f32, levels: Range, function: Option<Function>) -> Requantize {
        let divisor = self.divisor;
        if let Some(function) = function {
            let lookup = Some(Lookup { function, step });
            return Requantize { gain: self.unit, divisor, offset: self.bias(), lookup, levels };
        }
        let gain = self.unit / step;
        let offset = match self.origin {
            Origin::Bias(bias) => bias / step,
            Origin::Centre(centre) => middle(levels) - gain * centre / divisor,
        };
        Requantize { gain, divisor, offset, lookup: None, levels }
    }
}

/// Accumulator units for one level of the quantizer behind a layer whose rows sum to at most `max_l1`.
///
/// As tried: one unit at a budget of 8, two at 16, with equal levels on both sides. The accumulator spans
/// `max_l1 * span(levels_in)` units, and an eighth of that is given to the transition, never less than a unit a level.
#[must_use]
pub fn units_per_level(max_l1: usize, levels_in: Range, levels_out: Range) -> f32 {
    let span = |range: Range| (range.hi - range.lo) as f32;
    (max_l1 as f32 * span(levels_in) / (8.0 * span(levels_out))).round().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centred_staircase_is_symmetric_about_its_range() {
        let levels = Range::unsigned(3);
        // Weights 3, 3, -2: sums in -14..=42, middle 14.
        let sums = Dequantize::centred(0.25 * 2.0, 4.0, levels);
        let staircase = sums.requantize(0.5, levels, None);
        assert!((staircase.gain - 1.0).abs() < 1e-6);
        assert!((14.0 * staircase.gain + staircase.offset - 3.5).abs() < 1e-6);
        assert!((staircase.level(-14.0), staircase.level(42.0)) == (0.0, 7.0));
        assert!((14.0 * sums.unit + sums.bias()).abs() < 1e-6);
    }

    #[test]
    fn units_as_tried() {
        let levels = Range::unsigned(3);
        for (budget, units) in [(3, 1.0), (4, 1.0), (8, 1.0), (12, 2.0), (16, 2.0), (32, 4.0)] {
            assert!((units_per_level(budget, levels, levels) - units).abs() < 1e-6, "{budget}");
        }
        assert!((units_per_level(8, Range::unsigned(2), levels) - 1.0).abs() < 1e-6);
    }
}
