//! The secret keys: kept once, in the form that tfhe's routines borrow, and overwritten when they are dropped.

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, DynamicDistribution, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, DefaultRandomGenerator, GlweSecretKey, LweSecretKey, SecretRandomGenerator,
        SeededLweBootstrapKeyOwned, SeededLweKeyswitchKeyOwned, Seeder, generate_seeded_lwe_keyswitch_key,
        par_generate_seeded_lwe_bootstrap_key,
    },
};
use zeroize::Zeroizing;

use super::balanced;
use crate::params::{Decomposition, Packing, Parameters};

/// The secret keys, a word a bit; on files a bit a bit.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// `[n]`; nothing where nothing rotates.
    #[serde(with = "bits")]
    small: Zeroizing<Vec<u32>>,
    /// `[kN]`.
    #[serde(with = "bits")]
    big: Zeroizing<Vec<u64>>,
    /// `[k'N']`, of packed results; nothing where they are not packed.
    #[serde(with = "bits")]
    packed: Zeroizing<Vec<u64>>,
}

impl Secrets {
    pub(crate) fn new(parameters: &Parameters, seeder: &mut (dyn Seeder + 'static)) -> Self {
        let mut generator = SecretRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed());
        let mut small = Zeroizing::new(vec![0; parameters.lwe_dimension.0]);
        let mut big = Zeroizing::new(vec![0; parameters.big_dimension().0]);
        let mut packed = Zeroizing::new(vec![0; packed_dimension(parameters)]);
        balanced::draw_small(&mut small, parameters.small_key, &mut generator);
        balanced::draw(&mut big, &mut generator);
        balanced::draw(&mut packed, &mut generator);
        Self { small, big, packed }
    }

    pub(crate) fn small(&self) -> LweSecretKey<&[u32]> {
        LweSecretKey::from_container(&self.small)
    }

    pub(crate) fn big(&self) -> LweSecretKey<&[u64]> {
        LweSecretKey::from_container(&self.big)
    }

    pub(crate) fn ring(&self, parameters: &Parameters) -> GlweSecretKey<&[u64]> {
        GlweSecretKey::from_container(&self.big, parameters.polynomial_size)
    }

    /// The big key as polynomials of 256 coefficients.
    pub(crate) fn big_in_polynomials(&self) -> GlweSecretKey<&[u64]> {
        GlweSecretKey::from_container(&self.big, Packing::SIZE)
    }

    /// The key of packed results.
    pub(crate) fn packed(&self) -> GlweSecretKey<&[u64]> {
        GlweSecretKey::from_container(&self.packed, Packing::SIZE)
    }

    /// The seed of its masks, and its bodies; none where nothing rotates.
    pub(crate) fn bootstrap_key(
        &self,
        parameters: &Parameters,
        seeder: &mut (dyn Seeder + 'static),
    ) -> (u128, Vec<u64>) {
        if !parameters.rotate() {
            return (0, Vec::new());
        }
        let seed = seeder.seed().0;
        let mut key = parameters.seeded_bootstrap_key(seed);
        let noise = DynamicDistribution::<u64>::new_gaussian(parameters.big_encryption());
        par_generate_seeded_lwe_bootstrap_key(&self.small(), &self.ring(parameters), &mut key, noise, seeder);
        (seed, key.into_container())
    }

    /// The seed of its masks, and its bodies; none where there is no key switch.
    pub(crate) fn key_switching_key(
        &self,
        parameters: &Parameters,
        seeder: &mut (dyn Seeder + 'static),
    ) -> (u128, Vec<u32>) {
        let Some(decomposition) = parameters.key_switch else { return (0, Vec::new()) };
        let seed = seeder.seed().0;
        let mut key = parameters.seeded_key_switching_key(decomposition, seed);
        let noise = DynamicDistribution::<u32>::new_gaussian(parameters.small_encryption());
        generate_seeded_lwe_keyswitch_key(&self.big(), &self.small(), &mut key, noise, seeder);
        (seed, key.into_container())
    }

    /// Cuts what came from bytes to the keys' lengths; the bits behind them must be zeros.
    pub(crate) fn cut(&mut self, parameters: &Parameters) -> Result<(), String> {
        let small = cut(&mut self.small, parameters.lwe_dimension.0);
        let big = cut(&mut self.big, parameters.big_dimension().0);
        let packed = cut(&mut self.packed, packed_dimension(parameters));
        if small && big && packed {
            Ok(())
        } else {
            Err("its secrets have other dimensions than its parameters".to_owned())
        }
    }
}

fn packed_dimension(parameters: &Parameters) -> usize {
    parameters.packing.map_or(0, |packing| packing.dimension().0)
}

impl Parameters {
    fn seeded_bootstrap_key(&self, seed: u128) -> SeededLweBootstrapKeyOwned<u64> {
        SeededLweBootstrapKeyOwned::new(
            0,
            self.glwe_dimension.to_glwe_size(),
            self.polynomial_size,
            self.rotation.base_log,
            self.rotation.levels,
            self.lwe_dimension,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        )
    }

    fn seeded_key_switching_key(
        &self,
        decomposition: Decomposition,
        seed: u128,
    ) -> SeededLweKeyswitchKeyOwned<u32> {
        SeededLweKeyswitchKeyOwned::new(
            0,
            decomposition.base_log,
            decomposition.levels,
            self.big_dimension(),
            self.lwe_dimension,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        )
    }
}

/// Whether there were so many, and zeros up to the next byte.
fn cut<Word: Copy + PartialEq + From<bool>>(words: &mut Vec<Word>, length: usize) -> bool {
    let fits = words.len() == length.next_multiple_of(8)
        && words[length..].iter().all(|&word| word == Word::from(false));
    words.truncate(length);
    fits
}

/// Words that are 0 or 1 as bits, the first in the lowest bit of the first byte.
mod bits {
    use std::{fmt, marker::PhantomData};

    use serde::{
        Deserializer, Serializer,
        de::{Error, Visitor},
    };
    use zeroize::{Zeroize, Zeroizing};

    use crate::params::{SmallKey, search::Space};

    pub(super) fn serialize<S: Serializer, Word: Copy + PartialEq + From<bool> + Zeroize>(
        words: &Zeroizing<Vec<Word>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut bytes = Zeroizing::new(vec![0_u8; words.len().div_ceil(8)]);
        for (index, &word) in words.iter().enumerate() {
            bytes[index / 8] |= u8::from(word == Word::from(true)) << (index % 8);
        }
        serializer.serialize_bytes(&bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, Word: Copy + From<bool> + Zeroize>(
        deserializer: D,
    ) -> Result<Zeroizing<Vec<Word>>, D::Error> {
        struct Bits<Word>(PhantomData<Word>);

        impl<Word: Copy + From<bool> + Zeroize> Visitor<'_> for Bits<Word> {
            type Value = Zeroizing<Vec<Word>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bits of a key")
            }

            // A bit becomes a word: 64 times the bytes.
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                if bytes.len() > Space::whole(SmallKey::Blocks).largest_dimension().div_ceil(8) {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                let mut words = Zeroizing::new(Vec::with_capacity(8 * bytes.len()));
                for byte in bytes {
                    words.extend((0..8).map(|bit| Word::from(byte >> bit & 1 == 1)));
                }
                Ok(words)
            }
        }

        deserializer.deserialize_bytes(Bits(PhantomData))
    }
}
