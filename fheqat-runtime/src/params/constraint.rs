//! From a margin and a noise to a probability of failure.

use std::f64::consts::{LN_2, PI};

use crate::params::dimension::Variance;

use super::{Log2Probability, TorusDistance};

/// A margin in standard deviations of the noise.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Deviations(pub f64);

/// An upper bound on the probability that Gaussian noise leaves `-margin..margin`.
///
/// With `z = margin / sigma` it is `2 Q(z)`, and `Q(z) <= phi(z) 2 / (z + sqrt(z^2 + 8 / pi))` for `z >= 0`
/// (Sampford 1953; equal at 0, 6 % above at 1, under 1 % from 7 on), which has a logarithm that does not underflow.
#[must_use]
pub fn failure(margin: TorusDistance, noise: Variance) -> Log2Probability {
    if margin.0 <= 0.0 {
        return Log2Probability(0.0);
    }
    if noise.0 <= 0.0 {
        return Log2Probability(f64::NEG_INFINITY);
    }
    two_sided(Deviations(margin.0 / noise.0.sqrt()))
}

/// The smallest margin that Gaussian noise leaves with no more than this probability.
#[must_use]
pub fn deviations(probability: Log2Probability) -> Deviations {
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided(Deviations(high)) > probability {
        high *= 2.0;
    }
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if two_sided(Deviations(middle)) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    Deviations(high)
}

fn two_sided(Deviations(z): Deviations) -> Log2Probability {
    let density = -z * z / (2.0 * LN_2) - 0.5 * (2.0 * PI).log2();
    let tail = 1.0 + (2.0 / (z + (z * z + 8.0 / PI).sqrt())).log2();
    Log2Probability((density + tail).min(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of erfc(z / sqrt 2) from tables, as log2.
    #[test]
    fn agrees_with_tables_and_never_flatters() {
        for (z, exact) in [
            (0.0, 0.0),
            (1.0, 0.317_310_507_862_914_f64.log2()),
            (2.0, 0.045_500_263_896_358_f64.log2()),
            (5.0, 5.733_031_437_583_892e-7_f64.log2()),
            (7.0, 2.559_625_087_771_67e-12_f64.log2()),
            (9.0, 2.257_176_811_907_681e-19_f64.log2()),
            (13.0, 1.223_192_858_288_16e-38_f64.log2()),
        ] {
            let bound = two_sided(Deviations(z)).0;
            assert!(bound >= exact - 1e-9, "{z}: {bound} below {exact}");
            assert!(bound <= exact + 0.1, "{z}: {bound} far above {exact}");
        }
    }

    #[test]
    fn inverts() {
        for log2 in [-1.0, -40.0, -64.0, -128.0] {
            let z = deviations(Log2Probability(log2));
            assert!((two_sided(z).0 - log2).abs() < 1e-6);
        }
        assert!((deviations(Log2Probability(-40.0)).0 - 7.14).abs() < 0.01);
        assert!((deviations(Log2Probability(-64.0)).0 - 9.16).abs() < 0.01);
    }
}
