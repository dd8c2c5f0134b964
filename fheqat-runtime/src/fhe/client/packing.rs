//! The client's part of packed results: the keys that pack them, and their decryption.

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, DynamicDistribution, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, GlweCiphertext, GlweCiphertextCount, GlweSecretKey, PlaintextCount, PlaintextList,
        SeededGlweCiphertextList, Seeder, decrypt_glwe_ciphertext, encrypt_seeded_glwe_ciphertext_list,
    },
};
use zeroize::Zeroizing;

use crate::{
    fhe::{
        packing_keys::{SeededPackingKeys, SeededRingSwitch, exponent, turned},
        rounded,
        secrets::Secrets,
    },
    params::{Decomposition, Packing, Parameters, TorusBits, packing::RingSwitch},
};

const SIZE: usize = Packing::SIZE.0;

/// The keys that pack results; none where they are not packed.
pub(super) fn keys(
    parameters: &Parameters,
    secrets: &Secrets,
    seeder: &mut (dyn Seeder + 'static),
) -> Option<SeededPackingKeys> {
    let packing = parameters.packing?;
    let sums = secrets.big_in_polynomials();
    let trace = parameters.trace(&packing);
    let mut turned_keys = Zeroizing::new(vec![0; Packing::STEPS * sums.as_ref().len()]);
    for (step, key) in turned_keys.chunks_exact_mut(sums.as_ref().len()).enumerate() {
        turn(sums.as_ref(), exponent(step), key);
    }
    let ring_switch = parameters.ring_switch(&packing);
    Some(SeededPackingKeys {
        trace: encrypt(&trace, &turned_keys, &sums, seeder),
        ring_switch: encrypt(&ring_switch, sums.as_ref(), &secrets.packed(), seeder),
    })
}

/// Polynomials under `X -> X^exponent`.
fn turn(polynomials: &[u64], exponent: usize, output: &mut [u64]) {
    for (polynomial, output) in polynomials.chunks_exact(SIZE).zip(output.chunks_exact_mut(SIZE)) {
        for (&coefficient, (place, negate)) in polynomial.iter().zip(turned(exponent)) {
            output[place] = if negate { coefficient.wrapping_neg() } else { coefficient };
        }
    }
}

/// For each polynomial and each digit, from the last, what the digit of a mask is multiplied by: the negative of the polynomial times the
/// digit's worth.
fn encrypt(
    switch: &RingSwitch,
    polynomials: &[u64],
    key: &GlweSecretKey<&[u64]>,
    seeder: &mut (dyn Seeder + 'static),
) -> SeededRingSwitch {
    let Decomposition { base_log, levels } = switch.decomposition;
    // As long as it will be: where a vector grows, it leaves a copy behind.
    let mut plaintexts = Zeroizing::new(Vec::with_capacity(polynomials.len() * levels.0));
    for polynomial in polynomials.chunks_exact(SIZE) {
        for level in (1..=levels.0).rev() {
            let worth = 1_u64 << (64 - base_log.0 * level);
            plaintexts.extend(polynomial.iter().map(|bit| bit.wrapping_mul(worth).wrapping_neg()));
        }
    }
    let seed = seeder.seed().0;
    let mut list = SeededGlweCiphertextList::new(
        0,
        key.glwe_dimension().to_glwe_size(),
        Packing::SIZE,
        GlweCiphertextCount(plaintexts.len() / SIZE),
        CompressionSeed::from(TorusSeed(seed)),
        CiphertextModulus::new_native(),
    );
    let noise = DynamicDistribution::new_gaussian(switch.encryption());
    let plaintexts = PlaintextList::from_container(&plaintexts[..]);
    encrypt_seeded_glwe_ciphertext_list(key, &mut list, &plaintexts, noise, seeder);
    let mut bodies = Vec::new();
    rounded::pack(list.as_ref(), switch.body_bits(), &mut bodies);
    SeededRingSwitch { seed, bodies }
}

/// The phases of so many results that share a ciphertext.
pub(super) fn decrypt(
    packing: &Packing,
    key: &GlweSecretKey<&[u64]>,
    bytes: &[u8],
    bits: TorusBits,
    results: usize,
) -> Vec<u64> {
    let mut numbers = rounded::unpack(bytes, bits, packing.dimension().0 + results);
    let bodies = numbers.split_off(packing.dimension().0);
    numbers.resize(packing.dimension().0 + SIZE, 0);
    for (result, body) in bodies.into_iter().enumerate() {
        numbers[packing.dimension().0 + Packing::place(result, results)] = body;
    }
    let ciphertext = GlweCiphertext::from_container(numbers, Packing::SIZE, CiphertextModulus::new_native());
    let mut phases = PlaintextList::new(0, PlaintextCount(SIZE));
    decrypt_glwe_ciphertext(key, &ciphertext, &mut phases);
    (0..results).map(|result| phases.as_ref()[Packing::place(result, results)]).collect()
}
