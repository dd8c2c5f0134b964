//! What rounding adds: of results to few bits, and of bootstrap keys to far fewer than they have.

use rand::Rng;
use tfhe::core_crypto::prelude::{CiphertextModulus, LweCiphertext, decrypt_lwe_ciphertext};

use super::{
    Ratio,
    primitives::{extraction_errors, parameters},
};
use crate::{
    Seed,
    fhe::{entropy::SystemSeeder, rounded, secrets::Secrets},
    params::{TorusBits, modulus_switch::ModulusSwitch},
};

/// To the point: no part of these formulas is a bound.
fn check(what: &str, ratio: &Ratio) {
    ratio.print(what);
    assert!((ratio.mean - 1.0).abs() <= ratio.unsure(), "{what}: {} of the predicted", ratio.mean);
    assert!(ratio.deviation < 0.06, "{what}: a deviation of {} tells nothing", ratio.deviation);
}

#[test]
fn results() {
    let mut rng = Seed(3).rng(0);
    for (k, size) in [(3, 512), (1, 256)] {
        let parameters = parameters(560, k, size, (18, 1));
        let secrets = Secrets::new(&parameters, &mut SystemSeeder);
        let numbers = parameters.big_dimension().to_lwe_size().0;
        let phase = |ciphertext: &[u64]| {
            let ciphertext = LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native());
            decrypt_lwe_ciphertext(&secrets.big(), &ciphertext).0
        };
        for bits in [1, 9, 15, 33].map(|bits| TorusBits(bits + 8)) {
            let squares: Vec<Vec<f64>> = (0..2000)
                .map(|_| {
                    let mut ciphertext: Vec<u64> = (0..numbers).map(|_| rng.next_u64()).collect();
                    let before = phase(&ciphertext);
                    rounded::centre(&mut ciphertext, bits);
                    let mut bytes = Vec::new();
                    rounded::pack(&ciphertext, bits, &mut bytes);
                    let error = phase(&rounded::unpack(&bytes, bits, numbers)).wrapping_sub(before);
                    let turns = error.cast_signed() as f64 * (-64.0_f64).exp2();
                    vec![turns * turns / parameters.result_rounding(bits).0]
                })
                .collect();
            check(&format!("results of k {k} N {size} in {} bits", bits.0), &Ratio::of(&squares));
        }
    }
}

/// Five bits fewer add a thousand times as much, three to ten times the noise of an extraction; with six, errors would reach the other
/// sign, and be read as less.
#[test]
fn bootstrap_keys() {
    for (parameters, rotations) in
        [(parameters(560, 3, 512, (18, 1)), 40), (parameters(560, 2, 512, (9, 2)), 40)]
    {
        let own = parameters.bootstrap_body_bits();
        let bits = TorusBits(own.0 - 5);
        let [usual, added] = [own, bits].map(|bits| parameters.bootstrap_rounding(bits).0);
        let predicted = parameters.extraction().0 - usual + added;
        assert!(added > 0.7 * predicted);
        let errors = extraction_errors(parameters, bits, ModulusSwitch::PLAIN, 2, rotations);
        let squares: Vec<Vec<f64>> = errors
            .iter()
            .map(|errors| errors.iter().map(|error| error.powi(2) / predicted).collect())
            .collect();
        let decomposition = parameters.rotation;
        let (base, levels) = (decomposition.base_log.0, decomposition.levels.0);
        check(
            &format!("extractions, base {base} levels {levels}, {} of {} bits", bits.0, own.0),
            &Ratio::of(&squares),
        );
    }
}
