//! The noise that keys are really made with, against tfhe's curve of secure noise.

use tfhe::core_crypto::{
    commons::{
        math::random::{CompressionSeed, Seed as TorusSeed},
        noise_formulas::secure_noise::minimal_lwe_variance_for_132_bits_security_gaussian,
    },
    prelude::{
        CiphertextModulus, ContiguousEntityContainer, GlweDimension, LweDimension, PlaintextCount,
        PlaintextList, PolynomialSize, SeededGlweCiphertextList, SeededLweBootstrapKey, Variance,
        decrypt_glwe_ciphertext, decrypt_lwe_ciphertext,
    },
};

use super::noise::slack;
use crate::{
    fhe::{ClientKey, entropy::SystemSeeder, rounded, secrets::Secrets},
    params::{Decomposition, Packing, Parameters, SmallKey, noise::small_encryption, search::Space},
};

#[test]
fn every_set_searched_has_the_least_secure_noise_of_tfhe() {
    let space = Space::of(SmallKey::Uniform);
    for &lwe_dimension in &space.lwe_dimensions {
        let secure = minimal_lwe_variance_for_132_bits_security_gaussian(lwe_dimension, 32.0_f64.exp2());
        assert_eq!(small_encryption(lwe_dimension, SmallKey::Uniform), secure, "{lwe_dimension:?}");
        let longer = LweDimension(lwe_dimension.0 + SmallKey::LONGER);
        assert_eq!(small_encryption(longer, SmallKey::Blocks), secure, "{longer:?}");
        for &(glwe_dimension, polynomial_size) in &space.shapes {
            let parameters = Parameters {
                lwe_dimension,
                small_key: SmallKey::Uniform,
                glwe_dimension,
                polynomial_size,
                rotation: Decomposition::new(23, 1),
                key_switch: None,
                packing: None,
            };
            let dimension = glwe_dimension.to_equivalent_lwe_dimension(polynomial_size);
            let secure = minimal_lwe_variance_for_132_bits_security_gaussian(dimension, 64.0_f64.exp2());
            assert_eq!(parameters.big_encryption(), secure, "{dimension:?}");
        }
    }
}

fn assert_is(what: &str, errors: &[f64], secure: Variance) {
    let measured = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
    println!("{what}: measured 2^{:.3}, secure minimum 2^{:.3}", measured.log2(), secure.0.log2());
    assert!((measured / secure.0 - 1.0).abs() < slack(errors.len()), "{what}");
}

/// What a key encrypts is a multiple of its decomposition's last digit; the rest of a phase is noise.
fn keys_carry_the_least_secure_noise(parameters: Parameters) {
    let key_switch = parameters.key_switch.unwrap();
    let secrets = Secrets::new(&parameters, &mut SystemSeeder);

    let (seed, bodies) = secrets.key_switching_key(&parameters, &mut SystemSeeder);
    let key = parameters.expand_key_switching_key(seed, bodies).unwrap();
    let digits = key_switch.base_log.0 * key_switch.levels.0;
    let list = key.as_lwe_ciphertext_list();
    let errors: Vec<f64> = list
        .iter()
        .map(|ciphertext| decrypt_lwe_ciphertext(&secrets.small(), &ciphertext).0 << digits)
        .map(|error| f64::from(error.cast_signed()) * (-32.0 - digits as f64).exp2())
        .collect();
    let secure =
        minimal_lwe_variance_for_132_bits_security_gaussian(parameters.lwe_dimension, 32.0_f64.exp2());
    assert_is("key-switching key", &errors, secure);

    let (seed, bodies) = secrets.bootstrap_key(&parameters, &mut SystemSeeder);
    let size = parameters.polynomial_size;
    let key = SeededLweBootstrapKey::from_container(
        bodies,
        parameters.glwe_dimension.to_glwe_size(),
        size,
        parameters.rotation.base_log,
        parameters.rotation.levels,
        CompressionSeed::from(TorusSeed(seed)),
        CiphertextModulus::new_native(),
    )
    .par_decompress_into_lwe_bootstrap_key();
    let digits = parameters.rotation.base_log.0 * parameters.rotation.levels.0;
    let mut phases = PlaintextList::new(0_u64, PlaintextCount(size.0));
    let mut errors = Vec::new();
    for ggsw in key.iter().take(64) {
        for glwe in ggsw.as_glwe_list().iter() {
            decrypt_glwe_ciphertext(&secrets.ring(&parameters), &glwe, &mut phases);
            let signed = phases.as_ref().iter().map(|phase| (phase << digits).cast_signed());
            errors.extend(signed.map(|error| error as f64 * (-64.0 - digits as f64).exp2()));
        }
    }
    let secure =
        minimal_lwe_variance_for_132_bits_security_gaussian(parameters.big_dimension(), 64.0_f64.exp2());
    assert_is("bootstrap key", &errors, secure);
}

/// Bodies are rounded, which adds to the noise.
#[test]
fn keys_that_pack_results_carry_the_least_secure_noise() {
    for packing in Space::default().packings {
        let bare = Parameters::without_rotations(GlweDimension(1), PolynomialSize(2048));
        let parameters = Parameters { packing: Some(packing), ..bare };
        let (client, keys) = ClientKey::generate(parameters, &mut SystemSeeder);
        let keys = keys.packing.unwrap();
        let secrets = &client.secrets;
        let (trace, ring_switch) = (parameters.trace(&packing), parameters.ring_switch(&packing));
        for (what, switch, keys, secret, count) in [
            ("trace", trace, keys.trace, secrets.big_in_polynomials(), Packing::STEPS),
            ("ring switch", ring_switch, keys.ring_switch, secrets.packed(), 1),
        ] {
            let bodies = count * switch.ciphertexts() * Packing::SIZE.0;
            let list = SeededGlweCiphertextList::from_container(
                rounded::unpack(&keys.bodies, switch.body_bits(), bodies),
                switch.glwe_dimension.to_glwe_size(),
                Packing::SIZE,
                CompressionSeed::from(TorusSeed(keys.seed)),
                CiphertextModulus::new_native(),
            )
            .decompress_into_glwe_ciphertext_list();
            // Of the first digit only: noise may be more than the last is worth.
            let Decomposition { base_log, levels } = switch.decomposition;
            let mut phases = PlaintextList::new(0_u64, PlaintextCount(Packing::SIZE.0));
            let mut errors = Vec::new();
            for glwe in list.iter().skip(levels.0 - 1).step_by(levels.0) {
                decrypt_glwe_ciphertext(&secret, &glwe, &mut phases);
                let signed = phases.as_ref().iter().map(|phase| (phase << base_log.0).cast_signed());
                errors.extend(signed.map(|error| error as f64 * (-64.0 - base_log.0 as f64).exp2()));
            }
            let dimension = switch.glwe_dimension.to_equivalent_lwe_dimension(Packing::SIZE);
            let secure = minimal_lwe_variance_for_132_bits_security_gaussian(dimension, 64.0_f64.exp2());
            assert_eq!(switch.encryption(), secure);
            assert_is(what, &errors, Variance(secure.0 + switch.body_bits().rounding().0));
        }
    }
}

#[test]
fn keys_of_several_shapes_carry_the_least_secure_noise() {
    for (lwe_dimension, glwe_dimension, polynomial_size) in [(560, 3, 512), (700, 2, 1024)] {
        keys_carry_the_least_secure_noise(Parameters {
            lwe_dimension: LweDimension(lwe_dimension),
            small_key: SmallKey::Uniform,
            glwe_dimension: GlweDimension(glwe_dimension),
            polynomial_size: PolynomialSize(polynomial_size),
            rotation: Decomposition::new(9, 2),
            key_switch: Some(Decomposition::new(2, 3)),
            packing: None,
        });
    }
}
