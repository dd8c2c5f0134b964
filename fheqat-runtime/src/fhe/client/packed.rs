//! Inputs under the big key: one ciphertext holds N, one in each coefficient of its polynomial, so that N inputs share a mask.

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, DynamicDistribution, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, GlweCiphertextCount, GlweSecretKey, PlaintextList, SeededGlweCiphertextList,
        Seeder, encrypt_seeded_glwe_ciphertext_list,
    },
};

use crate::params::Parameters;

/// Encrypts one number in each coefficient and returns their bodies; the masks are drawn from `seed`.
pub(super) fn encrypt(
    parameters: &Parameters,
    key: &GlweSecretKey<&[u64]>,
    mut plaintexts: Vec<u64>,
    seed: u128,
    seeder: &mut (dyn Seeder + 'static),
) -> Vec<u64> {
    let (inputs, size) = (plaintexts.len(), parameters.polynomial_size);
    let ciphertexts = inputs.div_ceil(size.0);
    plaintexts.resize(ciphertexts * size.0, 0);
    let mut list = SeededGlweCiphertextList::new(
        0,
        parameters.glwe_dimension.to_glwe_size(),
        size,
        GlweCiphertextCount(ciphertexts),
        CompressionSeed::from(TorusSeed(seed)),
        CiphertextModulus::new_native(),
    );
    let noise = DynamicDistribution::new_gaussian(parameters.big_encryption());
    // A circuit that reads no input has nothing to encrypt.
    if ciphertexts > 0 {
        encrypt_seeded_glwe_ciphertext_list(
            key,
            &mut list,
            &PlaintextList::from_container(plaintexts),
            noise,
            seeder,
        );
    }
    let mut bodies = list.into_container();
    bodies.truncate(inputs);
    bodies
}
