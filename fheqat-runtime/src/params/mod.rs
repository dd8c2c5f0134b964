//! Cryptographic parameters: ranges and variances, no weights and no keys.
//!
//! [`workload`] reads off a circuit what each rotation needs; [`noise`] says what noise parameters give, [`modulus_switch`]
//! how a rotation rounds, [`rounding`] how what is sent does, [`packing`] how results share a ciphertext; [`constraint`] turns a margin and a noise into a probability; [`cost`] prices operations; [`search`]
//! finds the cheapest parameters.

pub mod constraint;
pub mod cost;
pub mod dimension;
pub mod modulus_switch;
pub mod noise;
pub mod objective;
pub mod packing;
pub mod rounding;
pub mod search;
mod small_key;
mod unit;
pub mod workload;

use serde::{Deserialize, Serialize};

#[cfg(any(feature = "client", feature = "server"))]
use self::search::Space;

use self::dimension::{
    DecompositionBaseLog, DecompositionLevelCount, GlweDimension, LweDimension, PolynomialSize,
};
pub use packing::{Packing, Results};
pub use small_key::SmallKey;
pub use unit::{Bytes, Log2Probability, Seconds, Slots, TorusBits, TorusDistance};

/// A gadget decomposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decomposition {
    /// log2 of the base.
    pub base_log: DecompositionBaseLog,
    /// Digits kept, from the most significant.
    pub levels: DecompositionLevelCount,
}

/// The keys' shapes. Noise is not among them: it is the least that tfhe's security curve allows for each shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// n: dimension of the small key, over the 32-bit torus; blind rotations read it. 0 where nothing rotates: then there is no
    /// small key, no bootstrap key and no key-switching key.
    pub lwe_dimension: LweDimension,
    /// How its bits are drawn.
    pub small_key: SmallKey,
    /// k: mask polynomials of the big key.
    pub glwe_dimension: GlweDimension,
    /// N: coefficients of a polynomial, over the 64-bit torus.
    pub polynomial_size: PolynomialSize,
    /// Decomposition in an external product; of one digit of one bit where nothing rotates.
    pub rotation: Decomposition,
    /// Decomposition in a key switch; none when every rotation reads fresh inputs only.
    pub key_switch: Option<Decomposition>,
    /// The keys that pack results; none where every result is sent by itself.
    pub packing: Option<Packing>,
}

impl Decomposition {
    /// Base `2^base_log`, so many levels.
    #[must_use]
    pub const fn new(base_log: usize, levels: usize) -> Self {
        Self { base_log: DecompositionBaseLog(base_log), levels: DecompositionLevelCount(levels) }
    }
}

impl Parameters {
    /// Whether they are of those that the [whole space](Space::default) has; otherwise why not.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn check(&self) -> Result<(), String> {
        Space::whole(self.small_key).check(self)
    }

    /// Keys of a circuit without rotations: the big one alone.
    #[must_use]
    pub const fn without_rotations(glwe_dimension: GlweDimension, polynomial_size: PolynomialSize) -> Self {
        Self {
            lwe_dimension: LweDimension(0),
            small_key: SmallKey::Uniform,
            glwe_dimension,
            polynomial_size,
            rotation: Decomposition::new(1, 1),
            key_switch: None,
            packing: None,
        }
    }

    /// Whether there are keys to rotate with.
    #[must_use]
    pub const fn rotate(&self) -> bool {
        self.lwe_dimension.0 > 0
    }

    /// Steps of a rotation: bits of the small key, or blocks of them.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.lwe_dimension.0 / self.small_key.bits_of_a_step()
    }

    /// kN: dimension of the big key read as an LWE key.
    #[must_use]
    pub fn big_dimension(&self) -> LweDimension {
        self.glwe_dimension.to_equivalent_lwe_dimension(self.polynomial_size)
    }

    /// log2(2N): the grid of a rotation without extension.
    #[must_use]
    pub fn coarse_grid(&self) -> u32 {
        self.polynomial_size.0.ilog2() + 1
    }

    /// The bootstrap key in the Fourier domain: `[n, levels, k + 1, k + 1, N / 2]` complex numbers of 16 bytes.
    #[must_use]
    pub fn bootstrap_key_bytes(&self) -> Bytes {
        let size = self.glwe_dimension.0 + 1;
        let numbers =
            self.lwe_dimension.0 * self.rotation.levels.0 * size * size * self.polynomial_size.0 / 2;
        Bytes(16 * numbers as u64)
    }

    /// The key-switching key: `[kN, levels, n + 1]` integers of 4 bytes.
    #[must_use]
    pub fn key_switching_key_bytes(&self) -> Bytes {
        let levels = self.key_switch.map_or(0, |decomposition| decomposition.levels.0);
        Bytes(4 * (self.big_dimension().0 * levels * (self.lwe_dimension.0 + 1)) as u64)
    }

    /// What a server holds in memory.
    #[must_use]
    pub fn server_key_bytes(&self) -> Bytes {
        let keys = [
            self.bootstrap_key_bytes(),
            self.powers_bytes(),
            self.key_switching_key_bytes(),
            self.packing_key_bytes(),
        ];
        Bytes(keys.iter().map(|bytes| bytes.0).sum())
    }
}
