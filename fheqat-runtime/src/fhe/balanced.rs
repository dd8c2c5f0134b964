//! Secret keys with about as many ones as zeros.
//!
//! What a decomposition drops is multiplied by key bits: its variance rises with the ones of both keys. A key is therefore drawn anew
//! until its ones are at most [`ONES`] standard deviations from the half, `|ones - n/2| <= ONES sqrt(n) / 2`, which two of three are.
//! Whatever is gained by attacking such keys is gained against two of three uniform ones: at most 0.6 bits are lost.

use tfhe::core_crypto::{
    commons::math::random::{RandomGenerable, UniformBinary},
    prelude::{
        DefaultRandomGenerator, GlweSecretKeyOwned, LweDimension, LweSecretKeyOwned,
        NormalizedHammingWeightBound, SecretRandomGenerator, UnsignedInteger,
        generate_binary_lwe_secret_key_with_bounded_hamming_weight,
    },
};

use crate::params::{Parameters, noise::ONES};

type Generator = SecretRandomGenerator<DefaultRandomGenerator>;

/// n bits.
pub(super) fn small_key(parameters: &Parameters, generator: &mut Generator) -> LweSecretKeyOwned<u32> {
    key(parameters.lwe_dimension, generator)
}

/// k polynomials of N bits, balanced together.
pub(super) fn big_key(parameters: &Parameters, generator: &mut Generator) -> GlweSecretKeyOwned<u64> {
    let bits = key(parameters.big_dimension(), generator).into_container();
    GlweSecretKeyOwned::from_container(bits, parameters.polynomial_size)
}

fn key<Scalar>(dimension: LweDimension, generator: &mut Generator) -> LweSecretKeyOwned<Scalar>
where
    Scalar: UnsignedInteger + RandomGenerable<UniformBinary>,
{
    let mut key = LweSecretKeyOwned::new_empty_key(Scalar::ZERO, dimension);
    let most_ones = 0.5 + ONES / 2.0 / (dimension.0.max(1) as f64).sqrt();
    let bound = NormalizedHammingWeightBound::new(most_ones).expect("more than a half, and at most all");
    generate_binary_lwe_secret_key_with_bounded_hamming_weight(&mut key, generator, bound);
    key
}

#[cfg(test)]
mod tests {
    use tfhe::core_crypto::prelude::{GlweDimension, PolynomialSize, new_seeder};

    use super::*;
    use crate::params::Decomposition;

    #[test]
    fn ones_are_as_many_as_zeros_but_for_a_deviation() {
        let parameters = Parameters {
            lwe_dimension: LweDimension(552),
            glwe_dimension: GlweDimension(3),
            polynomial_size: PolynomialSize(512),
            rotation: Decomposition::new(17, 1),
            key_switch: None,
        };
        let mut generator = Generator::new(new_seeder().seed());
        let mut seen = Vec::new();
        let mut balance = |bits: Vec<u64>| {
            let (ones, dimension) = (bits.iter().sum::<u64>() as f64, bits.len() as f64);
            assert!(bits.iter().all(|&bit| bit <= 1));
            let deviations = (ones - dimension / 2.0) / (dimension.sqrt() / 2.0);
            assert!(deviations <= ONES && deviations >= -ONES - 2.0 / dimension.sqrt(), "{deviations}");
            seen.push(deviations);
        };
        for _ in 0..300 {
            balance(small_key(&parameters, &mut generator).as_ref().iter().map(|&bit| bit.into()).collect());
            balance(big_key(&parameters, &mut generator).into_container());
        }
        // Not the half itself: all in between are there.
        assert!(seen.iter().any(|&deviations| deviations < -0.7) && seen.iter().any(|&most| most > 0.7));
    }
}
