//! Masks are seeds on files and wires: what a seed expands to may never change.

use sha2::{Digest, Sha256};
use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{CiphertextModulus, GlweDimension, LweDimension, PolynomialSize, SeededLweBootstrapKey},
};

use crate::{
    fhe::server::running::expand,
    params::{Decomposition, Parameters, SmallKey},
};

const SEED: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

fn digest(bytes: impl IntoIterator<Item = u8>) -> String {
    let digest = Sha256::digest(bytes.into_iter().collect::<Vec<u8>>());
    let start: [u8; 8] = std::array::from_fn(|index| digest[index]);
    format!("{:016x}", u64::from_be_bytes(start))
}

#[test]
fn seeds_expand_to_what_they_always_did() {
    let parameters = Parameters {
        lwe_dimension: LweDimension(3),
        small_key: SmallKey::Uniform,
        glwe_dimension: GlweDimension(2),
        polynomial_size: PolynomialSize(256),
        rotation: Decomposition::new(9, 2),
        key_switch: Some(Decomposition::new(2, 3)),
        packing: None,
    };
    let small = expand(vec![7_u32; 5], parameters.lwe_dimension, SEED);
    let big = expand(vec![7_u64; 5], parameters.lwe_dimension, SEED);
    let key_switch = parameters.expand_key_switching_key(SEED, vec![7; 512 * 3]).unwrap().into_container();
    let bootstrap = SeededLweBootstrapKey::from_container(
        vec![7_u64; 3 * 2 * 3 * 256],
        parameters.glwe_dimension.to_glwe_size(),
        parameters.polynomial_size,
        parameters.rotation.base_log,
        parameters.rotation.levels,
        CompressionSeed::from(TorusSeed(SEED)),
        CiphertextModulus::new_native(),
    )
    .par_decompress_into_lwe_bootstrap_key()
    .into_container();
    let digests = [
        digest(small.iter().flat_map(|word| word.to_le_bytes())),
        digest(big.iter().flat_map(|word| word.to_le_bytes())),
        digest(key_switch.iter().flat_map(|word| word.to_le_bytes())),
        digest(bootstrap.iter().flat_map(|word| word.to_le_bytes())),
    ];
    assert_eq!(digests, ["28507d10bce61182", "b63aef12ce882437", "c49d99ded725711e", "587d13f8acd31727"]);
}
