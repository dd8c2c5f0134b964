//! How many bits of a number go over the wire, and the noise that rounding to them adds.
//!
//! A uniform number rounded to b bits is off by an error that is uniform over `2^-b` turns: variance `4^-b / 12`.

use super::{
    Parameters, TorusBits,
    dimension::{LweDimension, Variance},
};

/// The most of an output's allowed variance that the rounding of its result adds. At kN = 2048, 64 slots and a failure of 2^-128, 15
/// bits add a ninth, and 16 bits would make a result of two outputs longer than 8 kB.
const SHARE_OF_RESULT: f64 = 1.0 / 8.0;

/// The most of an extraction's variance that the rounding of the bootstrap key adds.
const SHARE_OF_EXTRACTION: f64 = 0.01;

impl TorusBits {
    /// Bytes that so many numbers are packed into.
    #[must_use]
    pub const fn bytes(self, numbers: usize) -> usize {
        (numbers * self.0 as usize).div_ceil(8)
    }

    /// The variance of one rounded number.
    #[must_use]
    pub fn rounding(self) -> Variance {
        Variance(if self == Self::ALL { 0.0 } else { (-2.0 * f64::from(self.0)).exp2() / 12.0 })
    }

    /// The fewest that add at most `most`, where `factor` numbers' variances are added.
    pub(super) fn fewest(factor: f64, most: f64) -> Self {
        let bits = ((factor / 12.0 / most).log2() / 2.0).ceil();
        Self(bits.max(1.0).min(f64::from(Self::ALL.0)) as u32)
    }
}

/// What rounding a result under a key of so many bits adds: of dimension d, `(d / 48 + 1 / 12) 4^-bits`.
///
/// With `e_i` the errors of the mask the phase moves by `-sum e_i S_i`. Half of their sum is public and goes back into the body
/// before it is rounded itself, so `sum e_i (1/2 - S_i)` is left: a quarter of each error's variance.
pub(super) fn result_rounding(dimension: LweDimension, bits: TorusBits) -> Variance {
    Variance(numbers_of_a_result(dimension) * bits.rounding().0)
}

fn numbers_of_a_result(dimension: LweDimension) -> f64 {
    dimension.0 as f64 / 4.0 + 1.0
}

/// The fewest bits that add at most an eighth of what is allowed, and no more than noise leaves of it.
pub(super) fn result_bits(
    dimension: LweDimension,
    Variance(noise): Variance,
    Variance(allowed): Variance,
) -> TorusBits {
    let most = (allowed - noise).min(SHARE_OF_RESULT * allowed);
    if most > 0.0 { TorusBits::fewest(numbers_of_a_result(dimension), most) } else { TorusBits::ALL }
}

impl Parameters {
    /// What rounding a result to so many bits a number adds.
    #[must_use]
    pub fn result_rounding(&self, bits: TorusBits) -> Variance {
        result_rounding(self.big_dimension(), bits)
    }

    /// The bits of a result with so much noise where so much is allowed.
    #[must_use]
    pub fn result_bits(&self, noise: Variance, allowed: Variance) -> TorusBits {
        result_bits(self.big_dimension(), noise, allowed)
    }

    /// The bits of a number of the seeded bootstrap key: the fewest that add at most a hundredth of an extraction's variance. It does
    /// not depend on n.
    #[must_use]
    pub fn bootstrap_body_bits(&self) -> TorusBits {
        TorusBits::fewest(self.key_noise_in_extraction(), SHARE_OF_EXTRACTION * self.unrounded_extraction())
    }

    /// What rounding the bodies of the bootstrap key to so many bits adds to an extraction. A body is uniform, and the noise of its
    /// encryption is added to it in the same place, so the rounding's counts as that noise does.
    #[must_use]
    pub fn bootstrap_rounding(&self, bits: TorusBits) -> Variance {
        Variance(self.key_noise_in_extraction() * bits.rounding().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Decomposition, SmallKey, dimension::*, search::Space};

    fn parameters(n: usize, k: usize, size: usize, (base, levels): (usize, usize)) -> Parameters {
        Parameters {
            lwe_dimension: LweDimension(n),
            small_key: SmallKey::Uniform,
            glwe_dimension: GlweDimension(k),
            polynomial_size: PolynomialSize(size),
            rotation: Decomposition::new(base, levels),
            key_switch: None,
            packing: None,
        }
    }

    #[test]
    fn bits_of_a_key_are_the_fewest_that_add_a_hundredth() {
        for (n, k, size, rotation, bits) in [
            (704, 4, 512, (19, 1), 42),
            (692, 1, 2048, (21, 1), 46),
            (872, 1, 2048, (23, 1), 49),
            (948, 1, 2048, (13, 2), 43),
        ] {
            assert_eq!(parameters(n, k, size, rotation).bootstrap_body_bits(), TorusBits(bits));
        }
        let space = Space::default();
        for &(GlweDimension(k), PolynomialSize(size)) in &space.shapes {
            for rotation in &space.rotations {
                let rotation = (rotation.base_log.0, rotation.levels.0);
                let of = |n| parameters(n, k, size, rotation);
                let (one, bits) = (of(700), of(700).bootstrap_body_bits());
                let added = |bits| one.bootstrap_rounding(bits).0 / one.extraction().0;
                assert!(added(bits) <= 0.01 && added(TorusBits(bits.0 - 1)) > 0.01, "{one:?}: {bits:?}");
                assert!(bits.0 <= 50 && bits == of(1060).bootstrap_body_bits(), "{one:?}: {bits:?}");
            }
        }
        assert!(
            Parameters::without_rotations(GlweDimension(2), PolynomialSize(512)).bootstrap_body_bits().0
                <= 64
        );
    }

    #[test]
    fn bits_of_a_result_are_the_fewest_that_fit() {
        let one = parameters(920, 1, 2048, (23, 1));
        let allowed = Variance((0.5 / 64.0 / 13.3_f64).powi(2));
        assert_eq!(one.result_bits(Variance(0.0), allowed), TorusBits(15));
        for used in [0.0, 0.5, 0.9, 0.99, 0.999_999] {
            let noise = Variance(used * allowed.0);
            let bits = one.result_bits(noise, allowed);
            let most = (allowed.0 - noise.0).min(allowed.0 / 8.0);
            assert!(
                one.result_rounding(bits).0 <= most && one.result_rounding(TorusBits(bits.0 - 1)).0 > most
            );
        }
        for noise in [1.0, 1.5, f64::INFINITY] {
            assert_eq!(one.result_bits(Variance(noise * allowed.0), allowed), TorusBits::ALL);
        }
        assert_eq!(one.result_bits(Variance(0.0), Variance(1e3)), TorusBits(1));
        assert_eq!(one.result_bits(Variance(0.0), Variance(1e-60)), TorusBits::ALL);
        assert_eq!(one.result_rounding(TorusBits::ALL), Variance(0.0));
    }
}
