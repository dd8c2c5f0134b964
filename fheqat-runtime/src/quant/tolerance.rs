//! From a tolerance in steps of an activation to the noise of a sum in its own units.
//!
//! A quantizer of tolerance `s` reads `x + e` where it would read `x`, with `e` drawn from `N(0, t^2)` and `t` as many units of
//! the sum as make `s` steps. Staircases change between two integers, so `x + e` is read as the integer nearest to it.

use fheqat_spec::Range;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::{Lookup, Requantize};

impl Requantize {
    /// The standard deviation, in units of the sum, that makes `steps` steps of the levels.
    #[must_use]
    pub fn deviation(&self, steps: f64) -> f64 {
        deviation(steps, self.gain / self.divisor * steepest(self.lookup.as_ref(), self.levels))
    }
}

/// The standard deviation, in units of a sum, of `steps` steps that each take `1 / rise` units. A sum that changes nothing is
/// read exactly.
#[must_use]
pub fn deviation(steps: f64, rise: f32) -> f64 {
    if rise == 0.0 { 0.0 } else { steps / f64::from(rise.abs()) }
}

/// The standard deviation that a client's sum may be off by: what it would be if each of the levels it sums were off by
/// `steps`, where `squares` is the sum of the squares of their weights.
#[must_use]
pub fn output_deviation(steps: f64, squares: f64) -> f64 {
    steps * squares.sqrt()
}

/// The most levels that one unit of `x` makes: one where there is no function, else the steepest of the lines between the values
/// at `k (64 + |k|) / 4096` for `|k| <= 512`, which are a 64th apart at zero, and reach to 72.
#[must_use]
pub fn steepest(lookup: Option<&Lookup>, levels: Range) -> f32 {
    let Some(lookup) = lookup else { return 1.0 };
    let value = |k: i16| {
        let x = f32::from(k) * (64.0 + f32::from(k.abs())) / 4096.0;
        (x, lookup.steps(x).clamp(levels.lo as f32, levels.hi as f32))
    };
    let rise = |(here, there): ((f32, f32), (f32, f32))| ((there.1 - here.1) / (there.0 - here.0)).abs();
    (-512..512).map(|k| rise((value(k), value(k + 1)))).fold(0.0, f32::max)
}

/// Noise of a standard deviation, as what reads it to the nearest integer sees it.
pub fn sample(deviation: f64, rng: &mut impl Rng) -> f64 {
    (deviation * rng.sample::<f64, _>(StandardNormal) + 0.5).floor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Seed,
        quant::activation::{Activation, Function, Sigmoid, Tanh},
    };

    struct Square;

    impl Activation for Square {
        const SIGNED: bool = false;

        fn apply(x: f32) -> f32 {
            x * x
        }
    }

    #[test]
    fn a_step_is_as_many_units_as_the_steepest_part_takes() {
        let levels = Range::signed(3);
        let plain = Requantize { gain: -0.25, divisor: 1.0, offset: 3.0, lookup: None, levels };
        assert!((plain.deviation(0.5) - 2.0).abs() < 1e-9);
        let of = |function, step| {
            let lookup = Some(Lookup { function, step });
            Requantize { gain: 0.5, divisor: 1.0, offset: 0.0, lookup, levels }.deviation(0.2)
        };
        // Levels a unit makes: slope / step * gain.
        for (function, step, slope) in [
            (Function::of::<Sigmoid>(), 0.25, 0.25),
            (Function::of::<Tanh>(), 0.5, 1.0),
            // Steeper, it is clamped: `x^2 / 0.5 = 3` at 1.22, where the slope is 2.45.
            (Function::of::<Square>(), 0.5, 2.45),
        ] {
            let expected = 0.2 / (slope / f64::from(step) * 0.5);
            let found = of(function, step);
            assert!((found / expected - 1.0).abs() < 0.05, "{function:?}: {found} {expected}");
        }
    }

    #[test]
    fn what_changes_nothing_is_exact() {
        let levels = Range::signed(3);
        let flat = Requantize { gain: 0.0, divisor: 1.0, offset: 1.0, lookup: None, levels };
        assert!(flat.deviation(1.0).abs() < 1e-12);
    }

    /// Rounded to integers, the variance of a wide Gaussian grows by a twelfth.
    #[test]
    fn samples_have_the_deviation_asked_for() {
        let mut rng = Seed(3).rng(0);
        for deviation in [0.0, 1.5, 6.0] {
            const COUNT: usize = 200_000;
            let samples: Vec<f64> = (0..COUNT).map(|_| sample(deviation, &mut rng)).collect();
            let mean = samples.iter().sum::<f64>() / COUNT as f64;
            let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / COUNT as f64;
            let expected = if deviation > 0.0 { deviation.powi(2) + 1.0 / 12.0 } else { 0.0 };
            assert!(mean.abs() < 0.05, "{mean}");
            assert!((variance - expected).abs() <= 0.01 * expected, "{variance} {expected}");
        }
    }
}
