//! Inputs under the big key: one ciphertext holds N, one in each coefficient of its polynomial. A sum reads the coefficient of an input as
//! if it were a ciphertext of its own.

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{CiphertextModulus, SeededGlweCiphertextList},
};

use crate::{params::Parameters, vectors::on_vectors};

/// Encrypted inputs with their masks.
pub(crate) struct PackedInputs {
    /// `[ciphertexts, k, N]`, the coefficients of each polynomial from the last to the first.
    masks: Vec<u64>,
    /// One an input.
    bodies: Vec<u64>,
    /// N.
    size: usize,
    /// kN.
    dimension: usize,
}

impl PackedInputs {
    pub(crate) fn expand(parameters: &Parameters, bodies: &[u64], seed: u128) -> Self {
        let (size, dimension) = (parameters.polynomial_size.0, parameters.big_dimension().0);
        let ciphertexts = bodies.len().div_ceil(size);
        let list = SeededGlweCiphertextList::from_container(
            vec![0; ciphertexts * size],
            parameters.glwe_dimension.to_glwe_size(),
            parameters.polynomial_size,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        );
        let expanded = if ciphertexts == 0 {
            Vec::new()
        } else {
            list.decompress_into_glwe_ciphertext_list().into_container()
        };
        let masks = expanded
            .chunks_exact(dimension + size)
            .flat_map(|ciphertext| ciphertext[..dimension].chunks_exact(size))
            .flat_map(|polynomial| polynomial.iter().rev().copied())
            .collect();
        Self { masks, bodies: bodies.to_vec(), size, dimension }
    }

    /// Adds `factor` times an input to a sum `[mask, body]`.
    ///
    /// Coefficient p of the product of a mask A and a key S is `sum A[p - t] S[t]` for t up to p less `sum A[N + p - t] S[t]` for
    /// those behind.
    pub(crate) fn add(&self, input: usize, factor: i64, sum: &mut [u64]) {
        let (ciphertext, place) = (input / self.size, input % self.size);
        let factor = factor as u64;
        let masks = &self.masks[ciphertext * self.dimension..(ciphertext + 1) * self.dimension];
        for (mask, sum) in masks.chunks_exact(self.size).zip(sum.chunks_exact_mut(self.size)) {
            let (before, behind) = sum.split_at_mut(place + 1);
            add(before, &mask[self.size - 1 - place..], factor);
            add(behind, mask, factor.wrapping_neg());
        }
        if let Some(body) = sum.last_mut() {
            *body = body.wrapping_add(self.bodies[input].wrapping_mul(factor));
        }
    }
}

fn add(sum: &mut [u64], mask: &[u64], factor: u64) {
    on_vectors(
        #[inline(always)]
        || {
            for (sum, mask) in sum.iter_mut().zip(mask) {
                *sum = sum.wrapping_add(mask.wrapping_mul(factor));
            }
        },
    );
}
