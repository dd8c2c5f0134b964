//! What packing adds to a result, and what rounding packed results adds.

use rand::Rng;
use tfhe::core_crypto::prelude::{
    CiphertextModulus, GlweCiphertext, GlweSecretKey, LweCiphertext, PlaintextCount, PlaintextList,
    decrypt_glwe_ciphertext, decrypt_lwe_ciphertext,
};

use super::{PRECISE, Ratio};
use crate::{
    Seed,
    fhe::{ClientKey, ServerKey, entropy::SystemSeeder, rounded},
    params::{
        Packing, Parameters, TorusBits,
        dimension::{GlweDimension, PolynomialSize},
        search::Space,
    },
};

const RESULTS: usize = Packing::SIZE.0;

fn phases(key: &GlweSecretKey<&[u64]>, packed: &[u64]) -> Vec<u64> {
    let packed = GlweCiphertext::from_container(packed, Packing::SIZE, CiphertextModulus::new_native());
    let mut phases = PlaintextList::new(0, PlaintextCount(RESULTS));
    decrypt_glwe_ciphertext(key, &packed, &mut phases);
    phases.into_container()
}

fn turns(error: u64) -> f64 {
    error.cast_signed() as f64 * (-64.0_f64).exp2()
}

/// Squared errors of sums that were packed with new keys, in parts of the prediction: `[packed, results]`.
fn packed_errors(parameters: &Parameters, packed: usize, results: usize) -> Vec<Vec<f64>> {
    let (client, keys) = ClientKey::generate(*parameters, &mut SystemSeeder);
    let keys = ServerKey::from(keys).packing.unwrap();
    let (mut rng, mut workspace) = (Seed(4).rng(0), keys.workspace());
    let mut sum = vec![0; parameters.big_dimension().to_lwe_size().0];
    let predicted = parameters.packing_noise(&parameters.packing.unwrap()).0;
    (0..packed)
        .map(|_| {
            let mut before = vec![0; results];
            let packed = keys.pack(results, &mut sum, &mut workspace, &mut |result, sum| {
                sum.fill_with(|| rng.next_u64());
                let sum = LweCiphertext::from_container(&*sum, CiphertextModulus::new_native());
                before[result] = decrypt_lwe_ciphertext(&client.secrets.big(), &sum).0;
            });
            let after = phases(&client.secrets.packed(), &packed);
            let error = |(result, before): (usize, &u64)| {
                turns(after[Packing::place(result, results)].wrapping_sub(*before)).powi(2) / predicted
            };
            before.iter().enumerate().map(error).collect()
        })
        .collect()
}

fn of(k: usize, size: usize, packing: Packing) -> Parameters {
    let bare = Parameters::without_rotations(GlweDimension(k), PolynomialSize(size));
    Parameters { packing: Some(packing), ..bare }
}

fn name(parameters: &Parameters) -> String {
    let packing = parameters.packing.unwrap();
    let (trace, ring_switch) = (packing.trace, packing.ring_switch);
    format!(
        "results packed from kN {} to {} by {}x{} and {}x{}",
        parameters.big_dimension().0,
        packing.dimension().0,
        trace.base_log.0,
        trace.levels.0,
        ring_switch.base_log.0,
        ring_switch.levels.0
    )
}

#[test]
fn every_choice_at_the_usual_dimension() {
    for packing in Space::default().packings {
        let parameters = of(1, 2048, packing);
        let errors: Vec<Vec<f64>> = (0..2).flat_map(|_| packed_errors(&parameters, 4, RESULTS)).collect();
        Ratio::of(&errors).check_roughly(&name(&parameters));
    }
}

#[test]
fn few_results_and_none_of_their_neighbours() {
    let parameters = of(1, 2048, Space::default().packings[1]);
    for results in [1, 2, 3, 10] {
        let errors = packed_errors(&parameters, 200 / results, results);
        Ratio::of(&errors).check_roughly(&format!("{results} {}", name(&parameters)));
    }
}

/// Every dimension of the space at which packing leaves something of a result.
#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn every_choice_at_every_dimension() {
    let space = Space::default();
    let mut shapes: Vec<(usize, usize)> =
        space.shapes.iter().chain(&space.unrotated).map(|(k, size)| (k.0, size.0)).collect();
    shapes.sort_by_key(|(k, size)| k * size);
    shapes.dedup_by_key(|(k, size)| *k * *size);
    for (k, size) in shapes {
        for &packing in &space.packings {
            let parameters = of(k, size, packing);
            if parameters.packing_noise(&packing).0.sqrt() > 0.02 {
                continue;
            }
            let mut errors = Vec::new();
            let ratio = loop {
                errors.extend(packed_errors(&parameters, 4, RESULTS));
                let ratio = Ratio::of(&errors);
                if errors.len() >= 16 && ratio.deviation <= PRECISE {
                    break ratio;
                }
            };
            ratio.check(&name(&parameters));
        }
    }
}

#[test]
fn rounding() {
    let mut rng = Seed(5).rng(0);
    let packing = Space::default().packings[0];
    let (client, _) = ClientKey::generate(of(1, 2048, packing), &mut SystemSeeder);
    let key = client.secrets.packed();
    for bits in [9, 15, 20].map(TorusBits) {
        let squares: Vec<Vec<f64>> = (0..40)
            .map(|_| {
                let mut packed: Vec<u64> =
                    (0..packing.dimension().0 + RESULTS).map(|_| rng.next_u64()).collect();
                let before = phases(&key, &packed);
                let mut bytes = Vec::new();
                rounded::pack_polynomials(&mut packed, RESULTS, bits, &mut bytes);
                assert_eq!(bytes.len(), packing.result_bytes(bits, RESULTS));
                let after = phases(&key, &rounded::unpack(&bytes, bits, packed.len()));
                let error = |(after, before): (&u64, &u64)| turns(after.wrapping_sub(*before)).powi(2);
                after.iter().zip(&before).map(error).map(|error| error / packing.rounding(bits).0).collect()
            })
            .collect();
        let ratio = Ratio::of(&squares);
        ratio.print(&format!("packed results in {} bits", bits.0));
        assert!((ratio.mean - 1.0).abs() <= ratio.unsure() && ratio.deviation < 0.03, "{}", ratio.mean);
    }
}
