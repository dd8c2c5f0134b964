//! What a server spends, in seconds of one core.

use tfhe::core_crypto::prelude::{GlweDimension, PolynomialSize};

use super::{Parameters, Seconds, grid::Rounding};

/// Shapes of the big key that the search tries, with the nanoseconds of one step of a rotation at one level of
/// decomposition: rotate, subtract, external product. Measured on one AVX2 core, keys in memory (`external_products` in
/// `fhe::tests::timing`).
const SHAPES: [(usize, usize, f64); 10] = [
    (3, 512, 13_500.0),
    (4, 512, 17_500.0),
    (2, 1024, 18_500.0),
    (3, 1024, 27_400.0),
    (1, 2048, 24_000.0),
    (2, 2048, 41_900.0),
    (1, 4096, 49_800.0),
    (1, 8192, 104_900.0),
    (1, 16384, 220_000.0),
    (1, 32768, 460_000.0),
];

/// Each further level costs this much of the first.
const FURTHER_LEVEL: f64 = 0.65;

/// Nanoseconds for each integer of the key-switching key.
const KEY_SWITCH: f64 = 0.4;

/// Nanoseconds for each byte of either key in memory.
const KEYGEN_BOOTSTRAP: f64 = 25.0;
const KEYGEN_KEY_SWITCH: f64 = 19.0;

/// Shapes of the big key, by rising cost of a step.
#[must_use]
pub fn shapes() -> Vec<(GlweDimension, PolynomialSize)> {
    let mut shapes = SHAPES;
    shapes.sort_by(|a, b| a.2.total_cmp(&b.2));
    shapes.iter().map(|&(k, n, _)| (GlweDimension(k), PolynomialSize(n))).collect()
}

impl Parameters {
    /// One external product with the rotation and subtraction before it.
    #[must_use]
    pub fn step_cost(&self) -> Seconds {
        let shape = (self.glwe_dimension.0, self.polynomial_size.0);
        let one_level = SHAPES
            .iter()
            .find(|&&(k, n, _)| (k, n) == shape)
            .map_or_else(|| 12.0 * (shape.0 * shape.0 * shape.1) as f64, |&(_, _, cost)| cost);
        Seconds(one_level * (1.0 + FURTHER_LEVEL * (self.rotation.levels.0 - 1) as f64) * 1e-9)
    }

    /// One key switch; nothing when there is none.
    #[must_use]
    pub fn key_switch_cost(&self) -> Seconds {
        Seconds(self.key_switching_key_bytes().0 as f64 / 4.0 * KEY_SWITCH * 1e-9)
    }

    /// Both keys.
    #[must_use]
    pub fn keygen_cost(&self) -> Seconds {
        let bytes = self.bootstrap_key_bytes().0 as f64 * KEYGEN_BOOTSTRAP
            + self.key_switching_key_bytes().0 as f64 * KEYGEN_KEY_SWITCH;
        Seconds(bytes * 1e-9)
    }

    /// One blind rotation.
    #[must_use]
    pub fn rotation_cost(&self, rounding: Rounding) -> Seconds {
        Seconds(self.lwe_dimension.0 as f64 * rounding.products * self.step_cost().0)
    }
}
