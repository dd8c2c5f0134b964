//! Secret keys with about as many ones as zeros.
//!
//! What a decomposition drops is multiplied by key bits: its variance rises with the ones of both keys. A key is therefore drawn anew
//! until its ones are at most [`ONES`] standard deviations from the half, `|ones - n/2| <= ONES sqrt(n) / 2`, which two of three are.
//! Whatever is gained by attacking such keys is gained against two of three uniform ones: at most 0.6 bits are lost. Of keys in blocks five
//! of six have few enough ones.

use tfhe::core_crypto::{
    commons::math::random::{RandomGenerable, UniformBinary},
    prelude::{
        DefaultRandomGenerator, LweSecretKey, NormalizedHammingWeightBound, SecretRandomGenerator,
        UnsignedInteger, generate_binary_lwe_secret_key,
        generate_binary_lwe_secret_key_with_bounded_hamming_weight,
    },
};
use zeroize::Zeroizing;

use crate::params::{SmallKey, dimension::LweDimension, noise::ONES};

/// Draws every bit of a key.
pub(super) fn draw<Scalar>(bits: &mut [Scalar], generator: &mut SecretRandomGenerator<DefaultRandomGenerator>)
where
    Scalar: UnsignedInteger + RandomGenerable<UniformBinary>,
{
    if bits.is_empty() {
        return;
    }
    let most_ones = 0.5 + ONES / 2.0 / (bits.len() as f64).sqrt();
    let bound = NormalizedHammingWeightBound::new(most_ones).expect("more than a half, and at most all");
    let mut key = LweSecretKey::from_container(bits);
    generate_binary_lwe_secret_key_with_bounded_hamming_weight(&mut key, generator, bound);
}

/// Draws every bit of a small key.
pub(super) fn draw_small(
    bits: &mut [u32],
    small_key: SmallKey,
    generator: &mut SecretRandomGenerator<DefaultRandomGenerator>,
) {
    match small_key {
        SmallKey::Uniform => draw(bits, generator),
        SmallKey::Blocks => draw_blocks(bits, generator),
    }
}

/// Draws blocks of uniform bits and keeps those with at most one 1, which are then uniform among such blocks; and draws all anew until the
/// ones are at most [`ONES`] standard deviations above their mean.
fn draw_blocks(bits: &mut [u32], generator: &mut SecretRandomGenerator<DefaultRandomGenerator>) {
    let (key, dimension) = (SmallKey::Blocks, LweDimension(bits.len()));
    let most_ones = bits.len() as f64 * key.mean() + ONES * key.deviation_of_ones(dimension);
    let mut uniform = Zeroizing::new([0; SmallKey::BLOCK]);
    loop {
        for block in bits.chunks_exact_mut(SmallKey::BLOCK) {
            loop {
                let mut drawn = LweSecretKey::from_container(&mut uniform[..]);
                generate_binary_lwe_secret_key(&mut drawn, generator);
                if uniform.iter().sum::<u32>() <= 1 {
                    break;
                }
            }
            block.copy_from_slice(&uniform[..]);
        }
        if f64::from(bits.iter().sum::<u32>()) <= most_ones {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tfhe::core_crypto::prelude::Seeder;

    use super::*;
    use crate::fhe::entropy::SystemSeeder;

    #[test]
    fn ones_are_as_many_as_zeros_but_for_a_deviation() {
        let mut generator = SecretRandomGenerator::new(SystemSeeder.seed());
        let mut seen = Vec::new();
        for dimension in [552, 1536].into_iter().cycle().take(600) {
            let mut bits = vec![0_u64; dimension];
            draw(&mut bits, &mut generator);
            let (ones, dimension) = (bits.iter().sum::<u64>() as f64, bits.len() as f64);
            assert!(bits.iter().all(|&bit| bit <= 1));
            let deviations = (ones - dimension / 2.0) / (dimension.sqrt() / 2.0);
            assert!(deviations <= ONES && deviations >= -ONES - 2.0 / dimension.sqrt(), "{deviations}");
            seen.push(deviations);
        }
        // Not the half itself: all in between are there.
        assert!(seen.iter().any(|&deviations| deviations < -0.7) && seen.iter().any(|&most| most > 0.7));
    }

    #[test]
    fn blocks_have_one_of_four_values_alike_and_few_ones() {
        let mut generator = SecretRandomGenerator::new(SystemSeeder.seed());
        let mut seen = [0_u32; SmallKey::BLOCK + 1];
        let mut deviations = Vec::new();
        for dimension in [582, 966].into_iter().cycle().take(200) {
            let mut bits = vec![0_u32; dimension];
            draw_small(&mut bits, SmallKey::Blocks, &mut generator);
            for block in bits.chunks_exact(SmallKey::BLOCK) {
                assert!(block.iter().sum::<u32>() <= 1, "{block:?}");
                seen[block.iter().position(|&bit| bit == 1).unwrap_or(SmallKey::BLOCK)] += 1;
            }
            let ones = f64::from(bits.iter().sum::<u32>()) - dimension as f64 * SmallKey::Blocks.mean();
            deviations.push(ones / SmallKey::Blocks.deviation_of_ones(LweDimension(dimension)));
        }
        assert!(deviations.iter().all(|&deviation| deviation <= ONES));
        assert!(deviations.iter().any(|&deviation| deviation > 0.5));
        assert!(deviations.iter().any(|&deviation| deviation < -1.0));
        // The bound takes ones from each place alike: about 0.3 deviations of 51,600 blocks in all.
        let blocks = f64::from(seen.iter().sum::<u32>());
        let ones = &seen[..SmallKey::BLOCK];
        let mean = f64::from(ones.iter().sum::<u32>()) / ones.len() as f64;
        assert!((mean / blocks - 0.25).abs() < 0.01, "{seen:?}");
        for &count in ones {
            assert!((f64::from(count) - mean).abs() < 5.0 * mean.sqrt(), "{seen:?}");
        }
    }
}
