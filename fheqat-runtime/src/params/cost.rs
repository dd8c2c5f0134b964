//! What a server spends, in seconds of one core: counts of operations times what each takes on a machine.

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::prelude::{DecompositionLevelCount, GlweDimension, PolynomialSize};

use super::{Parameters, Seconds, demand::Moves, grid::Rounding};

/// What the operations of an inference and of key generation take on one core of a machine, keys in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// By shape of the big key.
    pub shapes: Vec<ShapePrices>,
    /// A key switch, for each integer of its key: the first of a block, and each further one.
    pub key_switch: StepPrice,
    /// Adding a weighted wire to a sum, for each byte of the wire.
    pub addition: Seconds,
    /// Extracting a coefficient, for each byte of the wire that it gives.
    pub extraction: Seconds,
    /// Expanding an encrypted input from its seed, for each byte of its mask.
    pub expansion: Seconds,
    /// Generating and expanding the key-switching key, for each of its integers.
    pub key_switching_key: Seconds,
}

/// What depends on the big key's shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapePrices {
    /// k.
    pub glwe_dimension: usize,
    /// N.
    pub polynomial_size: usize,
    /// A step of a rotation at one level of decomposition.
    pub one_level: StepPrice,
    /// What each further level adds to it.
    pub further_level: StepPrice,
    /// Generating and expanding the bootstrap key, for each of its `n * levels * (k + 1)` ciphertexts.
    pub bootstrap_key: Seconds,
}

/// The most rotations that go through the bootstrap key together.
pub const BLOCK: usize = 8;

/// One mask element's step of a rotation, or of a key switch: the first external product brings its part of the key from
/// memory, which the further ones, of other interleaved polynomials and of other rotations of its block, find in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepPrice {
    /// The first external product, with the rotation and subtraction before it.
    pub first: Seconds,
    /// Each further one.
    pub further: Seconds,
}

impl StepPrice {
    /// A step of so many external products on average, which bears a `share` of bringing the key from memory.
    #[must_use]
    pub fn of(&self, products: f64, share: f64) -> Seconds {
        Seconds(products * self.further.0 + share * (self.first.0 - self.further.0).max(0.0))
    }
}

impl ShapePrices {
    /// A step at so many levels.
    #[must_use]
    pub fn step(&self, levels: DecompositionLevelCount) -> StepPrice {
        let further = levels.0 as f64 - 1.0;
        let price = |one: Seconds, each: Seconds| Seconds(one.0 + further * each.0);
        StepPrice {
            first: price(self.one_level.first, self.further_level.first),
            further: price(self.one_level.further, self.further_level.further),
        }
    }

    /// Butterflies and multiplications of one level, to compare shapes by.
    fn size(glwe_dimension: usize, polynomial_size: usize) -> f64 {
        let polynomials = glwe_dimension as f64 + 1.0;
        polynomials * polynomial_size as f64 * (f64::from(polynomial_size.ilog2()) + polynomials)
    }

    /// The same machine at another shape, as nearly as operations tell.
    fn scaled(&self, glwe_dimension: usize, polynomial_size: usize) -> Self {
        let factor = Self::size(glwe_dimension, polynomial_size)
            / Self::size(self.glwe_dimension, self.polynomial_size);
        let step = |step: StepPrice| StepPrice {
            first: Seconds(step.first.0 * factor),
            further: Seconds(step.further.0 * factor),
        };
        Self {
            glwe_dimension,
            polynomial_size,
            one_level: step(self.one_level),
            further_level: step(self.further_level),
            bootstrap_key: Seconds(self.bootstrap_key.0 * factor),
        }
    }
}

/// Shapes of the big key that the search tries: (k, N).
const SHAPES: [(usize, usize); 10] = [
    (3, 512),
    (4, 512),
    (2, 1024),
    (1, 2048),
    (3, 1024),
    (2, 2048),
    (1, 4096),
    (1, 8192),
    (1, 16384),
    (1, 32768),
];

/// Shapes of the big key that the search tries and a machine's prices know.
#[must_use]
pub fn shapes() -> Vec<(GlweDimension, PolynomialSize)> {
    SHAPES.iter().map(|&(k, n)| (GlweDimension(k), PolynomialSize(n))).collect()
}

impl ShapePrices {
    const FREE: Self = Self {
        glwe_dimension: 1,
        polynomial_size: 1,
        one_level: StepPrice { first: Seconds(0.0), further: Seconds(0.0) },
        further_level: StepPrice { first: Seconds(0.0), further: Seconds(0.0) },
        bootstrap_key: Seconds(0.0),
    };
}

/// Nanoseconds by shape: a step's first product and each further one, what a further level adds to both, and a ciphertext
/// of the bootstrap key. What `prices_of_this_machine` in `tests/prices.rs` printed on one core with AVX2.
const SHIPPED: [(usize, usize, [f64; 5]); 10] = [
    (3, 512, [16_400.0, 10_600.0, 10_600.0, 4_800.0, 389_000.0]),
    (4, 512, [23_400.0, 13_400.0, 14_000.0, 7_800.0, 482_000.0]),
    (2, 1024, [22_000.0, 15_500.0, 14_000.0, 6_900.0, 682_000.0]),
    (1, 2048, [26_300.0, 21_200.0, 15_500.0, 9_000.0, 1_020_000.0]),
    (3, 1024, [32_900.0, 21_400.0, 22_700.0, 11_300.0, 947_000.0]),
    (2, 2048, [44_200.0, 32_200.0, 33_500.0, 17_800.0, 1_734_000.0]),
    (1, 4096, [55_000.0, 44_600.0, 35_700.0, 20_500.0, 2_600_000.0]),
    (1, 8192, [114_000.0, 97_900.0, 70_900.0, 44_900.0, 6_870_000.0]),
    (1, 16384, [249_000.0, 231_000.0, 128_000.0, 149_000.0, 18_600_000.0]),
    (1, 32768, [529_000.0, 595_000.0, 279_000.0, 308_000.0, 54_300_000.0]),
];

impl Prices {
    /// Those of the machine that this crate was developed on.
    #[must_use]
    pub fn shipped() -> Self {
        let nanoseconds = |count: f64| Seconds(count * 1e-9);
        let step = |[first, further]: [f64; 2]| StepPrice {
            first: nanoseconds(first),
            further: nanoseconds(further),
        };
        let shapes = SHIPPED.map(|(glwe_dimension, polynomial_size, [a, b, c, d, e])| ShapePrices {
            glwe_dimension,
            polynomial_size,
            one_level: step([a, b]),
            further_level: step([c, d]),
            bootstrap_key: nanoseconds(e),
        });
        Self {
            shapes: shapes.to_vec(),
            key_switch: step([0.42, 0.1]),
            addition: nanoseconds(0.1),
            extraction: nanoseconds(0.13),
            expansion: nanoseconds(4.9),
            key_switching_key: nanoseconds(41.0),
        }
    }

    /// Those of the parameters' shape.
    #[must_use]
    pub fn shape(&self, parameters: &Parameters) -> ShapePrices {
        let (k, n) = (parameters.glwe_dimension.0, parameters.polynomial_size.0);
        let known = |shape: &&ShapePrices| (shape.glwe_dimension, shape.polynomial_size) == (k, n);
        let scaled = || self.shapes.first().map(|shape| shape.scaled(k, n));
        self.shapes.iter().find(known).copied().or_else(scaled).unwrap_or(ShapePrices::FREE)
    }

    /// One blind rotation that bears a `share` of a pass over the bootstrap key.
    #[must_use]
    pub fn rotation(&self, parameters: &Parameters, rounding: Rounding, share: f64) -> Seconds {
        let step = self.shape(parameters).step(parameters.rotation.levels);
        Seconds(parameters.lwe_dimension.0 as f64 * step.of(rounding.products, share).0)
    }

    /// One key switch that bears a `share` of a pass over its key; nothing when there is none.
    #[must_use]
    pub fn key_switch(&self, parameters: &Parameters, share: f64) -> Seconds {
        Seconds(parameters.key_switching_key_bytes().0 as f64 / 4.0 * self.key_switch.of(1.0, share).0)
    }

    /// What is done with whole ciphertexts.
    #[must_use]
    pub fn moves(&self, parameters: &Parameters, moves: Moves) -> Seconds {
        let small = 4.0 * parameters.lwe_dimension.to_lwe_size().0 as f64;
        let big = 8.0 * parameters.big_dimension().to_lwe_size().0 as f64;
        let added = small * moves.small_additions as f64 + big * moves.additions as f64;
        let expanded = small * moves.small_inputs as f64 + big * moves.inputs as f64;
        let extracted = big * moves.extractions as f64;
        Seconds(added * self.addition.0 + extracted * self.extraction.0 + expanded * self.expansion.0)
    }

    /// Both keys of a server.
    #[must_use]
    pub fn keygen(&self, parameters: &Parameters) -> Seconds {
        let ciphertexts = parameters.lwe_dimension.0
            * parameters.rotation.levels.0
            * parameters.glwe_dimension.to_glwe_size().0;
        let integers = parameters.key_switching_key_bytes().0 as f64 / 4.0;
        let bootstrap_key = ciphertexts as f64 * self.shape(parameters).bootstrap_key.0;
        Seconds(bootstrap_key + integers * self.key_switching_key.0)
    }
}
