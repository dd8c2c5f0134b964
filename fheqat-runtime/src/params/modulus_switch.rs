//! The modulus switch of one rotation: how fine its grid is, and how each mask element is rounded to it.
//!
//! A rotation over `w = 2^extension` interleaved ring polynomials sees a grid of `2wN` points. A mask element on a
//! multiple of `2^(extension - h)` grid steps needs `2^h` external products (see `fhe::server::rotate`), so each element is
//! rounded to the `h` with the least `2^h + lambda * error^2`, error in grid steps. Errors are public and the key's
//! bits have mean 1/2, so half their sum is put back into the body and each adds `error^2 / 4` of variance.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The widest extension searched.
pub const MAX_EXTENSION: u32 = 5;

/// How one rotation switches its modulus.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModulusSwitch {
    /// log2 of the polynomials interleaved.
    pub extension: u32,
    /// lambda: the squared error of one grid step weighs as much as so many external products.
    pub error_weight: f64,
}

/// A mask element on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// In grid steps.
    pub value: u32,
    /// h: log2 of the external products it takes.
    pub family: u32,
    /// Rounded minus exact, in 2^-32 turns.
    pub error: i32,
}

/// What rounding a uniform mask element does on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    /// External products for each element.
    pub products: f64,
    /// Mean squared error in steps of the coarse grid of 2N points, squared.
    pub error: f64,
}

impl ModulusSwitch {
    /// One polynomial: the usual rotation.
    pub const PLAIN: Self = Self { extension: 0, error_weight: 0.0 };

    /// Whether the search could have chosen it.
    #[cfg(feature = "server")]
    pub(crate) fn is_candidate(self) -> bool {
        let candidates = every_candidate().get(self.extension as usize);
        self == Self::PLAIN
            || candidates.is_some_and(|all| all.iter().any(|&(candidate, _)| candidate == self))
    }

    /// Rounds a mask element of the 32-bit torus to a grid of `2^log_grid` points.
    #[must_use]
    pub fn round(self, element: u32, log_grid: u32) -> Rounded {
        let step = 32 - log_grid;
        let nearest = |family: u32| {
            let stride = step + self.extension - family;
            let value = (u64::from(element) + (1_u64 << (stride - 1))) >> stride << stride;
            (value, (value as i64 - i64::from(element)) as i32)
        };
        let price = |family: u32, error: i32| {
            let steps = f64::from(error) / f64::from(1_u32 << step);
            f64::from(1_u32 << family) + self.error_weight * steps * steps
        };
        let mut family = 0;
        let (mut value, mut error) = nearest(0);
        for slot_multiple in 1..=self.extension {
            let (finer_value, finer_error) = nearest(slot_multiple);
            if price(slot_multiple, finer_error) < price(family, error) {
                (family, value, error) = (slot_multiple, finer_value, finer_error);
            }
        }
        Rounded { value: (value >> step) as u32 & ((1 << log_grid) - 1), family, error }
    }

    /// The average over mask elements, which are uniform: a mean over evenly spaced samples of one coarse step.
    #[must_use]
    pub fn rounding(self) -> Rounding {
        const SAMPLES: u32 = 1 << 12;
        const LOG_COARSE: u32 = 8;
        let log_grid = LOG_COARSE + self.extension;
        let coarse = 1_u32 << (32 - LOG_COARSE);
        let (mut products, mut error) = (0.0, 0.0);
        for sample in 0..SAMPLES {
            let element = (2 * sample + 1) * (coarse / (2 * SAMPLES));
            let rounded = self.round(element, log_grid);
            products += f64::from(1_u32 << rounded.family);
            error += (f64::from(rounded.error) / f64::from(coarse)).powi(2);
        }
        Rounding { products: products / f64::from(SAMPLES), error: error / f64::from(SAMPLES) }
    }
}

/// The modulus switches that the search tries, by extension and falling error.
#[must_use]
pub fn every_candidate() -> &'static [Vec<(ModulusSwitch, Rounding)>] {
    static CANDIDATES: LazyLock<Vec<Vec<(ModulusSwitch, Rounding)>>> =
        LazyLock::new(|| (0..=MAX_EXTENSION).map(candidates).collect());
    &CANDIDATES
}

/// The modulus switches of one extension that the search tries, by falling error.
#[must_use]
pub fn candidates(extension: u32) -> Vec<(ModulusSwitch, Rounding)> {
    if extension == 0 {
        return vec![(ModulusSwitch::PLAIN, ModulusSwitch::PLAIN.rounding())];
    }
    (0..=48)
        .map(|step| ModulusSwitch { extension, error_weight: 0.02 * 1.25_f64.powi(step) })
        .map(|modulus_switch| (modulus_switch, modulus_switch.rounding()))
        .collect()
}

#[cfg(all(test, feature = "fhe"))]
mod tests {
    use tfhe::core_crypto::prelude::*;

    use super::*;

    #[test]
    fn a_plain_rounding_has_the_variance_of_a_uniform_error() {
        let rounding = ModulusSwitch::PLAIN.rounding();
        assert!((rounding.products - 1.0).abs() < 1e-12);
        assert!((rounding.error - 1.0 / 12.0).abs() < 1e-6);
    }

    #[test]
    fn a_heavy_error_uses_the_whole_grid() {
        let rounding = ModulusSwitch { extension: 3, error_weight: 1e9 }.rounding();
        assert!((rounding.error - 1.0 / 12.0 / 64.0).abs() < 1e-5);
        assert!((rounding.products - (4.0 + 2.0 + 1.0 + 0.5 + 0.5 - 1.0 + 0.5 - 2.0)).abs() < 10.0);
    }

    #[test]
    fn products_rise_as_errors_fall() {
        for extension in 1..=MAX_EXTENSION {
            for pair in candidates(extension).windows(2) {
                assert!(pair[1].1.error <= pair[0].1.error);
                assert!(pair[1].1.products >= pair[0].1.products);
            }
        }
    }

    #[test]
    fn plain_mask_is_the_standard_modulus_switch() {
        let elements: Vec<u32> = (0..1000_u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        let lwe = LweCiphertext::from_container(elements.clone(), CiphertextModulus::new_native());
        let switched =
            lwe_ciphertext_centered_binary_modulus_switch::<u32, u32, _>(lwe, CiphertextModulusLog(12));
        for (element, expected) in elements.iter().zip(switched.mask()) {
            assert_eq!(ModulusSwitch::PLAIN.round(*element, 12).value, expected % (1 << 12));
        }
    }
}
