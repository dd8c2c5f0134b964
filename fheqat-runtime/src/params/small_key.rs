//! How the bits of the small key are drawn, and what that asks of its noise.

use std::{fmt, sync::OnceLock};

use serde::{Deserialize, Serialize};

use super::{
    Bytes, Parameters,
    dimension::{LweDimension, PolynomialSize},
};

/// How the bits of the small key are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SmallKey {
    /// Each by itself, 0 or 1 alike.
    Uniform,
    /// In blocks of [`BLOCK`](Self::BLOCK) bits, of which one is 1 or none, each of these alike (Lee, Min, Seo and Song, *Faster TFHE
    /// bootstrapping with block binary keys*, Asiacrypt 2023). One step of a rotation takes a block.
    #[default]
    Blocks,
}

impl SmallKey {
    /// Bits of a block.
    pub const BLOCK: usize = 3;

    /// By so much a key of blocks is longer than one of uniform bits that is as secure with the same noise: tests/security.
    pub const LONGER: usize = 28;

    /// Bits that one step of a rotation takes.
    #[must_use]
    pub const fn bits_of_a_step(self) -> usize {
        match self {
            Self::Uniform => 1,
            Self::Blocks => Self::BLOCK,
        }
    }

    /// The mean of a bit.
    #[must_use]
    pub fn mean(self) -> f64 {
        1.0 / (self.bits_of_a_step() + 1) as f64
    }

    /// The standard deviation of the ones of so many bits: of the `n / BLOCK` blocks each has a 1 or none.
    #[must_use]
    pub fn deviation_of_ones(self, dimension: LweDimension) -> f64 {
        let bits = self.bits_of_a_step() as f64;
        let has_one = bits * self.mean();
        (dimension.0 as f64 / bits * has_one * (1.0 - has_one)).sqrt()
    }

    /// How many powers of X two tables have whose products are all of the 2N, where a rotation multiplies by them.
    pub(crate) const fn powers(PolynomialSize(size): PolynomialSize) -> [usize; 2] {
        let low = 1 << ((2 * size).ilog2() / 2);
        [low, 2 * size / low]
    }

    /// Dimensions that the search tries, rising: whole steps.
    pub(super) fn dimensions(self) -> Vec<LweDimension> {
        let dimensions = match self {
            Self::Uniform => (552..=1060).step_by(4),
            Self::Blocks => (582..=1086).step_by(6),
        };
        dimensions.map(LweDimension).collect()
    }

    /// The dimension of uniform bits that is as secure with the same noise.
    pub(super) fn as_uniform(self, dimension: LweDimension) -> LweDimension {
        match self {
            Self::Uniform => dimension,
            Self::Blocks => LweDimension(dimension.0.saturating_sub(Self::LONGER)),
        }
    }
}

/// What depends on the kind of small keys alone, made once for each.
pub(super) struct OfEachKind<T> {
    uniform: OnceLock<T>,
    blocks: OnceLock<T>,
}

impl<T> OfEachKind<T> {
    pub(super) const fn new() -> Self {
        Self { uniform: OnceLock::new(), blocks: OnceLock::new() }
    }

    pub(super) fn get_or_init(&self, small_key: SmallKey, make: impl FnOnce() -> T) -> &T {
        match small_key {
            SmallKey::Uniform => self.uniform.get_or_init(make),
            SmallKey::Blocks => self.blocks.get_or_init(make),
        }
    }
}

/// What follows n.
impl fmt::Display for SmallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => Ok(()),
            Self::Blocks => write!(f, " in blocks of {}", Self::BLOCK),
        }
    }
}

impl Parameters {
    /// Tables of powers of X in the Fourier domain, `[powers, N / 2]` complex numbers of 16 bytes, where a rotation multiplies by them.
    #[must_use]
    pub fn powers_bytes(&self) -> Bytes {
        let [low, high] = match self.small_key {
            SmallKey::Uniform => [0, 0],
            SmallKey::Blocks => SmallKey::powers(self.polynomial_size),
        };
        Bytes(16 * ((low + high) * self.polynomial_size.0 / 2) as u64)
    }
}
