//! The key switch, 64 to 32 bits: tfhe's key, decomposition and sums, for several ciphertexts at a time.

use tfhe::core_crypto::{
    algorithms::slice_algorithms::slice_wrapping_sub_scalar_mul_assign,
    prelude::{Container, ContiguousEntityContainer, LweKeyswitchKey, SignedDecomposer},
};

use crate::plan::encoding::to_small;

/// Switches each of a block of ciphertexts `[kN + 1]` to `[n + 1]`, bit for bit as tfhe does one of them.
///
/// A block goes through the key together: each part is brought from memory once.
pub(crate) fn switch<Key: Container<Element = u32>>(
    key: &LweKeyswitchKey<Key>,
    inputs: &[impl AsRef<[u64]>],
    outputs: &mut [impl AsMut<[u32]>],
) {
    for (input, output) in inputs.iter().zip(&mut *outputs) {
        let output = output.as_mut();
        output.fill(0);
        if let (Some(&body), Some(switched)) = (input.as_ref().last(), output.last_mut()) {
            *switched = to_small(body);
        }
    }
    let decomposer =
        SignedDecomposer::<u64>::new(key.decomposition_base_log(), key.decomposition_level_count());
    for (index, levels) in key.iter().enumerate() {
        for (input, output) in inputs.iter().zip(&mut *outputs) {
            for (row, digit) in levels.iter().zip(decomposer.decompose(input.as_ref()[index])) {
                slice_wrapping_sub_scalar_mul_assign(output.as_mut(), row.as_ref(), digit.value() as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tfhe::core_crypto::prelude::{
        CiphertextModulus, DecompositionBaseLog, DecompositionLevelCount, LweCiphertext, LweDimension,
        keyswitch_lwe_ciphertext_with_scalar_change,
    };

    use super::*;

    #[test]
    fn a_block_is_switched_as_tfhe_switches_each() {
        const BIG: usize = 96;
        const SMALL: usize = 41;
        let word = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for (base_log, levels) in [(3, 5), (2, 8), (4, 4), (6, 2)] {
            let numbers = BIG * levels * (SMALL + 1);
            let key = LweKeyswitchKey::from_container(
                (0..numbers).map(|index| (word(index) >> 32) as u32).collect::<Vec<_>>(),
                DecompositionBaseLog(base_log),
                DecompositionLevelCount(levels),
                LweDimension(SMALL).to_lwe_size(),
                CiphertextModulus::new_native(),
            );
            let inputs: Vec<Vec<u64>> =
                (0..5).map(|input| (0..=BIG).map(|index| word(1000 * input + index)).collect()).collect();
            let mut outputs = vec![vec![7_u32; SMALL + 1]; inputs.len()];
            switch(&key, &inputs, &mut outputs);
            for (input, output) in inputs.iter().zip(&outputs) {
                let input = LweCiphertext::from_container(&input[..], CiphertextModulus::new_native());
                let mut expected = LweCiphertext::new(
                    0_u32,
                    LweDimension(SMALL).to_lwe_size(),
                    CiphertextModulus::new_native(),
                );
                keyswitch_lwe_ciphertext_with_scalar_change(&key, &input, &mut expected);
                assert_eq!(output[..], *expected.as_ref());
            }
        }
    }
}
