//! What noise parameters give: tfhe's formulas, and the correlation of extractions.

use tfhe::core_crypto::{
    commons::noise_formulas::{
        lwe_keyswitch::keyswitch_additive_variance_132_bits_security_gaussian,
        lwe_programmable_bootstrap::pbs_variance_132_bits_security_gaussian_fft_mul,
        secure_noise::{
            minimal_glwe_variance_for_132_bits_security_gaussian,
            minimal_lwe_variance_for_132_bits_security_gaussian,
        },
    },
    prelude::{LweDimension, Variance},
};

use super::{Parameters, modulus_switch::Rounding};

const SMALL_MODULUS: f64 = 4_294_967_296.0;
const BIG_MODULUS: f64 = SMALL_MODULUS * SMALL_MODULUS;
const MANTISSA: f64 = 53.0;

/// The share of an extraction's variance that neighbouring extractions of one rotation have in common, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Correlation(pub f64);

/// The least secure noise of an encryption under the small key.
#[must_use]
pub fn small_encryption(dimension: LweDimension) -> Variance {
    minimal_lwe_variance_for_132_bits_security_gaussian(dimension, SMALL_MODULUS)
}

impl Parameters {
    /// The least secure noise of an encryption under the big key.
    #[must_use]
    pub fn big_encryption(&self) -> Variance {
        minimal_glwe_variance_for_132_bits_security_gaussian(
            self.glwe_dimension,
            self.polynomial_size,
            BIG_MODULUS,
        )
    }

    /// The noise of one extraction behind a rotation.
    ///
    /// tfhe's formula, without a part that this decomposition does not have. A product that drops the digits below the last adds an
    /// error uniform over `B^-l` to each coefficient of each of the k mask polynomials, times a polynomial of key bits:
    /// their mean 1/2, and a part without mean of the same square. The product takes the mean's part out (see
    /// `fhe::product`): `B^-2l / 12 * 1/4` for each of kN coefficients, in the half of the n steps where the small key's
    /// bit is 1. What is left differs by some percent with the ones in both keys, and the formula's part of the transforms
    /// is a fit: a 16th on top. Of the whole, sets of every shape showed 0.86 to 1.0 (`fhe::tests::noise`).
    #[must_use]
    pub fn extraction(&self) -> Variance {
        let dropped = (-2.0 * (self.rotation.base_log.0 * self.rotation.levels.0) as f64).exp2() / 12.0;
        let mean_part = self.lwe_dimension.0 as f64 / 2.0 * self.big_dimension().0 as f64 * dropped / 4.0;
        Variance((self.whole_extraction(MANTISSA) - mean_part) * KEY_SPREAD)
    }

    /// What extractions of one rotation have in common.
    ///
    /// The transforms round: an error in a mask polynomial of a product's result is multiplied by key bits of mean 1/2.
    /// The mean's part, half of it, gives coefficient i the sum of errors up to i less the sum of those behind, so
    /// coefficients at a distance d have correlation `1 - 2 d / N` in it. (The decomposition's error would do the same,
    /// but its mean is taken out.)
    #[must_use]
    pub fn correlation(&self) -> Correlation {
        let exact = self.whole_extraction(BIG_MODULUS.log2());
        let rounding = self.whole_extraction(MANTISSA) - exact;
        Correlation((0.5 * rounding * KEY_SPREAD / self.extraction().0 + CORRELATION_SLACK).min(1.0))
    }

    fn whole_extraction(&self, mantissa: f64) -> f64 {
        pbs_variance_132_bits_security_gaussian_fft_mul(
            self.lwe_dimension,
            self.glwe_dimension,
            self.polynomial_size,
            self.rotation.base_log,
            self.rotation.levels,
            mantissa,
            BIG_MODULUS,
        )
        .0
    }

    /// What the key switch adds; nothing when there is none.
    #[must_use]
    pub fn key_switch_noise(&self) -> Variance {
        let Some(decomposition) = self.key_switch else {
            return Variance(0.0);
        };
        keyswitch_additive_variance_132_bits_security_gaussian(
            self.big_dimension(),
            self.lwe_dimension,
            decomposition.base_log,
            decomposition.levels,
            BIG_MODULUS,
            SMALL_MODULUS,
        )
    }

    /// What the modulus switch adds: `error^2 / 4` for each mask element, and the rounding of the body to the fine grid.
    #[must_use]
    pub fn modulus_switch_noise(&self, rounding: Rounding, extension: u32) -> Variance {
        let coarse = f64::from(1_u32 << self.coarse_grid());
        let body = (-2.0 * f64::from(extension)).exp2() / 12.0;
        Variance((self.lwe_dimension.0 as f64 * rounding.error / 4.0 + body) / (coarse * coarse))
    }
}

const KEY_SPREAD: f64 = 1.0 + 1.0 / 16.0;

/// Measured correlations are up to so much above the formula.
const CORRELATION_SLACK: f64 = 0.05;

#[cfg(test)]
mod tests {
    use tfhe::core_crypto::commons::noise_formulas::centered_mean_shifted_modulus_switch::centered_binary_shifted_modulus_switch_additive_variance;

    use super::*;
    use crate::params::{Decomposition, modulus_switch::ModulusSwitch};

    #[test]
    fn plain_modulus_switch_is_the_formula_of_tfhe() {
        let parameters = Parameters {
            lwe_dimension: LweDimension(870),
            glwe_dimension: tfhe::core_crypto::prelude::GlweDimension(1),
            polynomial_size: tfhe::core_crypto::prelude::PolynomialSize(2048),
            rotation: Decomposition::new(23, 1),
            key_switch: Some(Decomposition::new(2, 8)),
        };
        let ours = parameters.modulus_switch_noise(ModulusSwitch::PLAIN.rounding(), 0).0;
        let body = 1.0 / 12.0 / 4096.0_f64.powi(2);
        let theirs = centered_binary_shifted_modulus_switch_additive_variance(
            parameters.lwe_dimension,
            SMALL_MODULUS,
            4096.0,
        )
        .0;
        assert!(((ours - body) / theirs - 1.0).abs() < 1e-5);
    }
}
