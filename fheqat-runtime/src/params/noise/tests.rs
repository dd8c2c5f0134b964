//! Formulas against those of tfhe.

use tfhe::core_crypto::commons::noise_formulas::{
    centered_mean_shifted_modulus_switch::centered_binary_shifted_modulus_switch_additive_variance,
    lwe_keyswitch::keyswitch_additive_variance_132_bits_security_gaussian,
    lwe_programmable_bootstrap::pbs_variance_132_bits_security_gaussian_fft_mul,
    secure_noise::{
        minimal_glwe_variance_for_132_bits_security_gaussian,
        minimal_lwe_variance_for_132_bits_security_gaussian,
    },
};

use super::*;
use crate::params::{Decomposition, modulus_switch::ModulusSwitch, search::Space};

fn same(ours: f64, theirs: f64, what: &str) {
    assert!((ours / theirs - 1.0).abs() < 1e-9, "{what}: {ours} is {theirs} by tfhe");
}

#[test]
fn formulas_are_those_of_tfhe() {
    let space = Space::of(SmallKey::Uniform);
    for &(glwe_dimension, polynomial_size) in space.shapes.iter().chain(&space.unrotated) {
        for lwe_dimension in space.lwe_dimensions.iter().copied().step_by(16) {
            for &rotation in &space.rotations {
                let key_switch = space.key_switches[lwe_dimension.0 % space.key_switches.len()];
                let parameters = Parameters {
                    lwe_dimension,
                    small_key: SmallKey::Uniform,
                    glwe_dimension,
                    polynomial_size,
                    rotation,
                    key_switch: Some(key_switch),
                    packing: None,
                };
                let what = format!("{parameters:?}");
                for mantissa in [MANTISSA, 64.0] {
                    let theirs = pbs_variance_132_bits_security_gaussian_fft_mul(
                        lwe_dimension,
                        glwe_dimension,
                        polynomial_size,
                        rotation.base_log,
                        rotation.levels,
                        mantissa,
                        BIG_MODULUS,
                    );
                    same(parameters.whole_extraction(mantissa), theirs.0, &what);
                }
                let theirs = keyswitch_additive_variance_132_bits_security_gaussian(
                    parameters.big_dimension(),
                    lwe_dimension,
                    key_switch.base_log,
                    key_switch.levels,
                    BIG_MODULUS,
                    SMALL_MODULUS,
                );
                same(parameters.key_switch_noise_of(0.0).0, theirs.0, &what);
                let theirs = minimal_glwe_variance_for_132_bits_security_gaussian(
                    glwe_dimension,
                    polynomial_size,
                    BIG_MODULUS,
                );
                same(parameters.big_encryption().0, theirs.0, &what);
                let theirs =
                    minimal_lwe_variance_for_132_bits_security_gaussian(lwe_dimension, SMALL_MODULUS);
                same(small_encryption(lwe_dimension, SmallKey::Uniform).0, theirs.0, &what);
            }
        }
    }
}

#[test]
fn plain_modulus_switch_is_the_formula_of_tfhe() {
    let parameters = Parameters {
        lwe_dimension: LweDimension(870),
        small_key: SmallKey::Uniform,
        glwe_dimension: tfhe::core_crypto::prelude::GlweDimension(1),
        polynomial_size: tfhe::core_crypto::prelude::PolynomialSize(2048),
        rotation: Decomposition::new(23, 1),
        key_switch: Some(Decomposition::new(2, 8)),
        packing: None,
    };
    let ours = parameters.modulus_switch_noise(ModulusSwitch::PLAIN.rounding(SmallKey::Uniform), 0).0;
    let body = 1.0 / 12.0 / 4096.0_f64.powi(2);
    let theirs = centered_binary_shifted_modulus_switch_additive_variance(
        parameters.lwe_dimension,
        SMALL_MODULUS,
        4096.0,
    )
    .0;
    assert!(((ours - body) / theirs - 1.0).abs() < 1e-5);
}
