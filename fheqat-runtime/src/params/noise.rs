//! What noise parameters give: tfhe's formulas, which tests compare with tfhe's own, and the correlation of extractions.

use super::{
    Decomposition, Parameters, SmallKey,
    dimension::{LweDimension, Variance},
    modulus_switch::Rounding,
};

const SMALL_MODULUS: f64 = 4_294_967_296.0;
const BIG_MODULUS: f64 = SMALL_MODULUS * SMALL_MODULUS;
const MANTISSA: f64 = 53.0;

/// The share of an extraction's variance that neighbouring extractions of one rotation have in common, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Correlation(pub f64);

/// The least secure noise of an encryption under a small key.
#[must_use]
pub fn small_encryption(dimension: LweDimension, key: SmallKey) -> Variance {
    Variance(secure(key.as_uniform(dimension).0 as f64, SMALL_MODULUS))
}

/// tfhe's curve of 132 bits for Gaussian noise, bit for bit: 4 units of the modulus, and what the dimension asks for.
fn secure(dimension: f64, modulus: f64) -> f64 {
    (4.0 - 2.885_390_081_777_93 * modulus.ln()).exp2()
        + (5.314_691_876_750_68 - 0.049_782_913_165_266_1 * dimension).exp2()
}

/// The least secure noise of an encryption over the torus of 64 bits, under keys of so many bits.
#[must_use]
pub fn glwe_encryption(dimension: LweDimension) -> Variance {
    Variance(secure(dimension.0 as f64, BIG_MODULUS))
}

/// What rounding in transforms of 53 bits adds to a sum of products, by tfhe's fit: for each polynomial of the result `levels` digits of
/// each of so many `polynomials` are multiplied, and k of the results are masks.
pub(super) fn transforms(base_log: f64, levels: f64, polynomials: f64, k: f64, size: f64) -> f64 {
    transforms_of(MANTISSA, base_log, levels, polynomials, k, size)
}

fn transforms_of(mantissa: f64, base_log: f64, levels: f64, polynomials: f64, k: f64, size: f64) -> f64 {
    let lost = (BIG_MODULUS.log2() - mantissa).max(0.0);
    0.00705
        * (2.0 * (lost + base_log - BIG_MODULUS.log2())).exp2()
        * levels.powf(1.01827)
        * k.powf(1.22003)
        * size.powf(2.22003)
        * polynomials.powf(1.01827)
}

impl Parameters {
    /// The least secure noise of an encryption under the small key.
    #[must_use]
    pub fn small_encryption(&self) -> Variance {
        small_encryption(self.lwe_dimension, self.small_key)
    }

    /// The least secure noise of an encryption under the big key.
    #[must_use]
    pub fn big_encryption(&self) -> Variance {
        glwe_encryption(self.big_dimension())
    }

    /// The noise of one extraction behind a rotation.
    ///
    /// tfhe's formula, without a part that this decomposition does not have. A product that drops the digits below the last adds an
    /// error uniform over `B^-l` to each coefficient of each of the k mask polynomials, times a polynomial of key bits:
    /// their mean 1/2, and a part without mean of the same square. The product takes the mean's part out (see
    /// `fhe::server::product`): `B^-2l / 12 * 1/4` for each of kN coefficients, in the half of the n steps where the small key's
    /// bit is 1.
    ///
    /// What is left of the drop is in proportion to the ones of the small key, and the part of the transforms to those of the big one,
    /// so no key has more than `1 + ONES / sqrt(n)` and `1 + ONES / sqrt(kN)` times these parts ([`ONES`]): together less
    /// than `1 + 1 / sqrt(552)`. A 16th on top covers that, with a 50th to spare for the formula's part of the transforms, which
    /// is a fit. Of the whole, sets of every shape showed 0.86 to 1.0 (`fhe::tests::noise`).
    /// What the key's rounding adds ([`rounding`](super::rounding)) is on top of that.
    #[must_use]
    pub fn extraction(&self) -> Variance {
        let rounding = self.bootstrap_rounding(self.bootstrap_body_bits());
        Variance(self.unrounded_extraction() + rounding.0)
    }

    /// The same under a key whose bodies are not rounded.
    pub(super) fn unrounded_extraction(&self) -> f64 {
        let dropped = (-2.0 * (self.rotation.base_log.0 * self.rotation.levels.0) as f64).exp2() / 12.0;
        let mean_part = self.drops() * self.big_dimension().0 as f64 * dropped / 4.0;
        (self.whole_extraction(MANTISSA) - mean_part) * KEY_SPREAD
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
        let (n, k) = (self.lwe_dimension.0 as f64, self.glwe_dimension.0 as f64);
        let (size, levels) = (self.polynomial_size.0 as f64, self.rotation.levels.0 as f64);
        let base_log = self.rotation.base_log.0 as f64;
        let dropped = (-2.0 * base_log * levels).exp2();
        let ulp = BIG_MODULUS.powi(-2);
        let transforms = transforms_of(mantissa, base_log, levels, k + 1.0, k, size);
        let key = self.key_noise_in_extraction() * secure(k * size, BIG_MODULUS);
        let rounding = k * size * (ulp / 48.0 + dropped / 24.0) + dropped / 12.0 - ulp / 12.0;
        n * self.transforms_repeat() * transforms + self.drops() * rounding + key
    }

    /// The same of what the transforms round. In blocks, products with powers of X round too: 2.5 to 3.1 times the fit was measured.
    fn transforms_repeat(&self) -> f64 {
        match self.small_key {
            SmallKey::Uniform => 1.0,
            SmallKey::Blocks => 3.2,
        }
    }

    /// How often a product's noise is in the sum: `(X^a - 1)` doubles it where powers of X are multiplied after the decomposition.
    fn repeats(&self) -> f64 {
        match self.small_key {
            SmallKey::Uniform => 1.0,
            SmallKey::Blocks => 2.0,
        }
    }

    /// How often what a decomposition drops is in the sum: in a step whose bits have a 1.
    fn drops(&self) -> f64 {
        self.lwe_dimension.0 as f64 * self.small_key.mean() * self.repeats()
    }

    /// How often the noise of a number of the bootstrap key counts in an extraction: `n l (k + 1) N` times the mean square of a digit.
    pub(super) fn key_noise_in_extraction(&self) -> f64 {
        let Decomposition { base_log, levels } = self.rotation;
        let polynomials = self.lwe_dimension.0 * levels.0 * (self.glwe_dimension.0 + 1);
        let digit = (2.0 * base_log.0 as f64).exp2() / 12.0 + 1.0 / 6.0;
        (polynomials * self.polynomial_size.0) as f64 * digit * self.repeats()
    }

    /// What the key switch adds at most, whatever the keys; nothing when there is none.
    ///
    /// tfhe's formula, of a key with as many ones as zeros, and what [`ONES`] more in the big key let the dropped digits add.
    #[must_use]
    pub fn key_switch_noise(&self) -> Variance {
        self.key_switch_noise_of(ONES)
    }

    /// The same of a big key whose ones are so many standard deviations above the half.
    fn key_switch_noise_of(&self, ones: f64) -> Variance {
        let Some(decomposition) = self.key_switch else {
            return Variance(0.0);
        };
        let (dimension, levels) = (self.big_dimension().0 as f64, decomposition.levels.0 as f64);
        let base_log = decomposition.base_log.0 as f64;
        let (ulp, small_ulp) = (BIG_MODULUS.powi(-2), SMALL_MODULUS.powi(-2));
        let digits = (2.0 * base_log).exp2() / 12.0 + 1.0 / 6.0;
        let key = levels * dimension * self.small_encryption().0 * digits;
        let dropped = dimension * (ulp / 48.0 + (-2.0 * base_log * levels).exp2() / 24.0);
        Variance(key + dropped * (1.0 + ones / dimension.sqrt()) - ulp / 12.0 + small_ulp / 12.0)
    }

    /// What the modulus switch adds at most, whatever the key: [`error_weight`](Self::error_weight) times `error^2` for each mask element,
    /// and the rounding of the body to the fine grid.
    #[must_use]
    pub fn modulus_switch_noise(&self, rounding: Rounding, extension: u32) -> Variance {
        let coarse = f64::from(1_u32 << self.coarse_grid());
        let body = (-2.0 * f64::from(extension)).exp2() / 12.0;
        Variance((self.error_weight() * rounding.error + body) / (coarse * coarse))
    }

    /// How often the squared error of a mask element is in the noise of a modulus switch, at most: `sum (s_i - m)^2` with m the mean of a
    /// bit. Of n uniform bits that is `n / 4`, whatever they are; of blocks it grows with their ones.
    #[must_use]
    pub fn error_weight(&self) -> f64 {
        let (n, mean) = (self.lwe_dimension.0 as f64, self.small_key.mean());
        let ones = n * mean + ONES * self.small_key.deviation_of_ones(self.lwe_dimension);
        ones * (1.0 - 2.0 * mean) + n * mean * mean
    }
}

/// How many standard deviations the ones of a key are from the half at most: for n bits, `sqrt(n) / 2` is one. Other keys are
/// not used (`fhe::balanced`).
pub const ONES: f64 = 1.0;

/// What is predicted on top of the formulas for products with a key, for its ones and for the fit of the transforms.
pub(super) const KEY_SPREAD: f64 = 1.0 + 1.0 / 16.0;

/// Measured correlations are up to so much above the formula.
const CORRELATION_SLACK: f64 = 0.05;

#[cfg(all(test, feature = "fhe"))]
mod tests;
