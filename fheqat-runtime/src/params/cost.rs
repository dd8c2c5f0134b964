//! What a server spends, in seconds of one core: counts of operations times prices. By this law parameters are chosen, and reports
//! predict.

use super::dimension::{DecompositionLevelCount, GlweDimension, PolynomialSize};
use serde::{Deserialize, Serialize};

use super::{Decomposition, Packing, Parameters, Seconds, SmallKey, modulus_switch::Rounding};

/// How often each operation on whole ciphertexts is done, beside switching keys and rotating. Small ones are under the small
/// key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CiphertextCounts {
    /// Inputs expanded from a seed: as many in one ciphertext as its polynomials have coefficients.
    pub inputs: usize,
    /// Ciphertexts under the small key expanded from a seed.
    pub small_inputs: usize,
    /// Weighted wires added to a sum under the big key.
    pub additions: usize,
    /// Weighted inputs added one by one to a sum under the big key.
    pub packed_additions: usize,
    /// Sums of at least [`PACKED_PRODUCT`] inputs under the big key, each a product of polynomials.
    pub packed_sums: usize,
    /// The inputs of those sums.
    pub packed_terms: usize,
    /// Weighted ciphertexts added to a sum under the small key.
    pub small_additions: usize,
    /// Coefficients extracted.
    pub extractions: usize,
    /// Sums packed into results that share ciphertexts.
    pub packed_results: usize,
}

impl CiphertextCounts {
    /// These and others.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            inputs: self.inputs + other.inputs,
            small_inputs: self.small_inputs + other.small_inputs,
            additions: self.additions + other.additions,
            packed_additions: self.packed_additions + other.packed_additions,
            packed_sums: self.packed_sums + other.packed_sums,
            packed_terms: self.packed_terms + other.packed_terms,
            small_additions: self.small_additions + other.small_additions,
            extractions: self.extractions + other.extractions,
            packed_results: self.packed_results + other.packed_results,
        }
    }
}

/// What the operations of an inference and of key generation take on one core of a machine, keys in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// By shape of the big key.
    pub shapes: Vec<ShapePrices>,
    /// A key switch, for each integer of its key: the first of a block, and each further one.
    pub key_switch: StepPrice,
    /// Adding a weighted wire to a sum, for each byte of the wire.
    pub addition: Seconds,
    /// Adding a weighted input to a sum under the big key, for each byte of the sum: its mask is in the cache.
    pub packed_addition: Seconds,
    /// Extracting a coefficient, for each byte of the wire that it gives.
    pub extraction: Seconds,
    /// Expanding a ciphertext from its seed, for each byte of its mask.
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
    /// What each further level adds to a step.
    pub further_level: StepPrice,
    /// A step of a block of the small key's bits at one level.
    pub block: StepPrice,
    /// What each further level adds to it.
    pub further_level_of_block: StepPrice,
    /// Generating and expanding the bootstrap key, for each of its `n * levels * (k + 1)` ciphertexts.
    pub bootstrap_key: Seconds,
}

/// From so many inputs under the big key on a sum is a product of polynomials: its transforms take less than additions one by one.
pub const PACKED_PRODUCT: usize = 48;

/// Digits that masks are cut into for such products, of all but very large weights.
const MASK_DIGITS: usize = 2;

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
    /// A step of so many external products on average, which pays for a `share` of bringing the key from memory.
    #[must_use]
    pub fn of(&self, products: f64, share: f64) -> Seconds {
        Seconds(products * self.further.0 + share * (self.first.0 - self.further.0).max(0.0))
    }
}

impl ShapePrices {
    /// A step at so many levels.
    #[must_use]
    pub fn step(&self, levels: DecompositionLevelCount, small_key: SmallKey) -> StepPrice {
        let (one, each) = match small_key {
            SmallKey::Uniform => (self.one_level, self.further_level),
            SmallKey::Blocks => (self.block, self.further_level_of_block),
        };
        let further = levels.0 as f64 - 1.0;
        let price = |one: Seconds, each: Seconds| Seconds(one.0 + further * each.0);
        StepPrice { first: price(one.first, each.first), further: price(one.further, each.further) }
    }

    /// Butterflies and multiplications of one level: shapes are compared by it.
    fn size(glwe_dimension: usize, polynomial_size: usize) -> f64 {
        let polynomials = glwe_dimension as f64 + 1.0;
        polynomials * polynomial_size as f64 * (f64::from(polynomial_size.ilog2()) + polynomials)
    }

    /// The same machine at another shape, estimated from the number of operations.
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
            block: step(self.block),
            further_level_of_block: step(self.further_level_of_block),
            bootstrap_key: Seconds(self.bootstrap_key.0 * factor),
        }
    }
}

/// Shapes of the big key that the search tries, and whose noise was measured: (k, N). Of N = 16,384 a bootstrap key takes 290 MB and
/// more.
const SHAPES: [(usize, usize); 8] =
    [(3, 512), (4, 512), (2, 1024), (1, 2048), (3, 1024), (2, 2048), (1, 4096), (1, 8192)];

/// Shapes of the big key where nothing rotates, by rising dimension: from 768, where tfhe's curve of secure noise was checked, to
/// where the noise of a sum of 24 bits is far below half a slot. An input is a coefficient, so long polynomials have few masks.
const UNROTATED: [(usize, usize); 12] = [
    (3, 256),
    (2, 512),
    (1, 1024),
    (4, 256),
    (5, 256),
    (3, 512),
    (6, 256),
    (7, 256),
    (2, 1024),
    (1, 2048),
    (4, 512),
    (8, 256),
];

/// Shapes of the big key that the search tries for circuits without rotations.
#[must_use]
pub fn unrotated_shapes() -> Vec<(GlweDimension, PolynomialSize)> {
    UNROTATED.iter().map(|&(k, n)| (GlweDimension(k), PolynomialSize(n))).collect()
}

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
        block: StepPrice { first: Seconds(0.0), further: Seconds(0.0) },
        further_level_of_block: StepPrice { first: Seconds(0.0), further: Seconds(0.0) },
        bootstrap_key: Seconds(0.0),
    };
}

/// Nanoseconds by shape: a step's first product and each further one, what a further level adds to both; the same of a step of a block;
/// and a ciphertext of the bootstrap key. The median of four runs of `cargo bench --bench prices -- shipped`, on one quiet core with AVX2; of blocks, the ratio to steps of
/// a bit of two runs beside other programs.
const SHIPPED: [(usize, usize, [f64; 9]); 8] = [
    (3, 512, [11_100.0, 6_390.0, 8_820.0, 3_570.0, 21_200.0, 12_700.0, 17_200.0, 9_980.0, 286_000.0]),
    (4, 512, [15_300.0, 8_190.0, 12_600.0, 5_270.0, 31_100.0, 20_000.0, 26_000.0, 17_700.0, 360_000.0]),
    (2, 1024, [15_500.0, 9_510.0, 11_100.0, 5_270.0, 30_300.0, 15_500.0, 22_600.0, 12_100.0, 520_000.0]),
    (1, 2048, [18_500.0, 13_300.0, 12_300.0, 7_090.0, 34_100.0, 21_200.0, 26_000.0, 15_200.0, 778_000.0]),
    (3, 1024, [23_200.0, 13_200.0, 17_600.0, 7_560.0, 46_400.0, 22_300.0, 35_400.0, 19_100.0, 717_000.0]),
    (2, 2048, [32_500.0, 20_900.0, 22_900.0, 12_300.0, 61_400.0, 35_000.0, 40_900.0, 31_800.0, 1_310_000.0]),
    (1, 4096, [38_200.0, 28_800.0, 25_300.0, 15_800.0, 77_300.0, 57_000.0, 54_200.0, 40_600.0, 2_000_000.0]),
    (
        1,
        8192,
        [80_100.0, 61_800.0, 54_100.0, 35_600.0, 167_000.0, 131_000.0, 110_000.0, 109_000.0, 5_320_000.0],
    ),
];

impl Prices {
    /// The prices of the machine that this crate was developed on.
    #[must_use]
    pub fn shipped() -> Self {
        let nanoseconds = |count: f64| Seconds(count * 1e-9);
        let step = |[first, further]: [f64; 2]| StepPrice {
            first: nanoseconds(first),
            further: nanoseconds(further),
        };
        let shapes =
            SHIPPED.map(|(glwe_dimension, polynomial_size, [a, b, c, d, e, f, g, h, key])| ShapePrices {
                glwe_dimension,
                polynomial_size,
                one_level: step([a, b]),
                further_level: step([c, d]),
                block: step([e, f]),
                further_level_of_block: step([g, h]),
                bootstrap_key: nanoseconds(key),
            });
        Self {
            shapes: shapes.to_vec(),
            key_switch: step([0.25, 0.09]),
            addition: nanoseconds(0.073),
            packed_addition: nanoseconds(0.025),
            extraction: nanoseconds(0.083),
            expansion: nanoseconds(3.4),
            key_switching_key: nanoseconds(28.6),
        }
    }

    /// The prices of the parameters' shape.
    #[must_use]
    pub fn shape(&self, parameters: &Parameters) -> ShapePrices {
        self.shape_of(parameters.glwe_dimension.0, parameters.polynomial_size.0)
    }

    fn shape_of(&self, k: usize, n: usize) -> ShapePrices {
        let known = |shape: &&ShapePrices| (shape.glwe_dimension, shape.polynomial_size) == (k, n);
        let scaled = || self.shapes.first().map(|shape| shape.scaled(k, n));
        self.shapes.iter().find(known).copied().or_else(scaled).unwrap_or(ShapePrices::FREE)
    }

    /// A step of a rotation.
    #[must_use]
    pub fn step(&self, parameters: &Parameters) -> StepPrice {
        self.shape(parameters).step(parameters.rotation.levels, parameters.small_key)
    }

    /// One blind rotation that pays for a `share` of a pass over the bootstrap key.
    #[must_use]
    pub fn rotation(&self, parameters: &Parameters, rounding: Rounding, share: f64) -> Seconds {
        let step = self.step(parameters);
        Seconds(parameters.steps() as f64 * step.of(rounding.products, share).0)
    }

    /// One key switch that pays for a `share` of a pass over its key; nothing when there is none.
    #[must_use]
    pub fn key_switch(&self, parameters: &Parameters, share: f64) -> Seconds {
        Seconds(parameters.key_switching_key_bytes().0 as f64 / 4.0 * self.key_switch.of(1.0, share).0)
    }

    /// Packing so many results, as if a step of the trace were an external product of its shape whose key is in the cache; nothing without
    /// keys for it.
    #[must_use]
    pub fn packing(&self, parameters: &Parameters, results: usize) -> Seconds {
        let Some(packing) = parameters.packing.filter(|_| results > 0) else { return Seconds(0.0) };
        let shape = self.shape_of(parameters.polynomials_of_a_sum(), Packing::SIZE.0);
        let step =
            |decomposition: Decomposition| shape.step(decomposition.levels, SmallKey::Uniform).further.0;
        let ring_switches = results.div_ceil(Packing::SIZE.0) as f64;
        Seconds(
            Packing::steps(results) as f64 * step(packing.trace) + ring_switches * step(packing.ring_switch),
        )
    }

    /// Sums that are products of polynomials: the transforms of the masks, once, then for each sum that of its weights for each ciphertext
    /// that it reads, and those back. A transform takes what it does in an external product whose key is in the cache.
    fn packed_sums(&self, parameters: &Parameters, counts: CiphertextCounts) -> Seconds {
        if counts.packed_sums == 0 {
            return Seconds(0.0);
        }
        let (k, size) = (parameters.glwe_dimension.0, parameters.polynomial_size.0);
        let mask = k * MASK_DIGITS;
        let weights = counts.packed_sums.max(counts.packed_terms / size);
        let transforms = counts.inputs.div_ceil(size) * mask + weights + counts.packed_sums * mask;
        let one = self.shape(parameters).one_level.further.0 / (2 * (k + 1)) as f64;
        Seconds(transforms as f64 * one)
    }

    /// Operations on whole ciphertexts.
    #[must_use]
    pub fn ciphertext_operations(&self, parameters: &Parameters, counts: CiphertextCounts) -> Seconds {
        let small = 4.0 * parameters.lwe_dimension.to_lwe_size().0 as f64;
        let big = 8.0 * parameters.big_dimension().to_lwe_size().0 as f64;
        let added = small * counts.small_additions as f64 + big * counts.additions as f64;
        let packed = counts.inputs.div_ceil(parameters.polynomial_size.0) as f64;
        let mask = 8.0 * parameters.big_dimension().0 as f64;
        let expanded = small * counts.small_inputs as f64 + mask * packed;
        let extracted = big * counts.extractions as f64;
        let inputs = big * counts.packed_additions as f64;
        Seconds(
            added * self.addition.0
                + inputs * self.packed_addition.0
                + extracted * self.extraction.0
                + expanded * self.expansion.0
                + self.packed_sums(parameters, counts).0
                + self.packing(parameters, counts.packed_results).0,
        )
    }

    /// Generating the keys of a server.
    #[must_use]
    pub fn keygen(&self, parameters: &Parameters) -> Seconds {
        let ciphertexts = parameters.lwe_dimension.0
            * parameters.rotation.levels.0
            * parameters.glwe_dimension.to_glwe_size().0;
        let integers = parameters.key_switching_key_bytes().0 as f64 / 4.0;
        let bootstrap_key = ciphertexts as f64 * self.shape(parameters).bootstrap_key.0;
        let shape = self.shape_of(parameters.polynomials_of_a_sum(), Packing::SIZE.0);
        let packing = parameters.packing.map_or(0, |packing| {
            let trace = Packing::STEPS * parameters.trace(&packing).ciphertexts();
            trace + parameters.ring_switch(&packing).ciphertexts()
        });
        let packing_key = packing as f64 * shape.bootstrap_key.0;
        Seconds(bootstrap_key + integers * self.key_switching_key.0 + packing_key)
    }
}
