//! Measured noise against predicted, on real ciphertexts.

use std::sync::Arc;

use tfhe::core_crypto::{
    commons::math::random::DynamicDistribution,
    prelude::{
        CiphertextModulus, DefaultRandomGenerator, EncryptionRandomGenerator, GlweDimension, LweCiphertext,
        LweDimension, Plaintext, PolynomialSize, Variance, allocate_and_encrypt_new_lwe_ciphertext,
        decrypt_lwe_ciphertext, keyswitch_lwe_ciphertext_with_scalar_change, new_seeder,
    },
};

use super::graphs::guide;
use crate::{
    Seed,
    fhe::{
        ClientKey, CompileOptions, ServerKey,
        encoding::half_steps,
        execute::Workers,
        keys,
        measure::signs,
        plan::Plan,
        rotate::{self, Rotate, Scratch},
    },
    params::{Decomposition, Parameters, Slots, grid::Switching, noise::small_encryption},
};

fn parameters(n: usize, k: usize, size: usize, rotation: (usize, usize)) -> Parameters {
    Parameters {
        lwe_dimension: LweDimension(n),
        glwe_dimension: GlweDimension(k),
        polynomial_size: PolynomialSize(size),
        rotation: Decomposition::new(rotation.0, rotation.1),
        key_switch: Some(Decomposition::new(2, 8)),
    }
}

fn keys(parameters: Parameters) -> (ClientKey, ServerKey) {
    let compiled = guide(Seed(1)).compile(&CompileOptions::default()).unwrap();
    let Plan { mut client, mut server } = compiled.plan().clone();
    client.parameters = parameters;
    server.parameters = parameters;
    server.stages.clear();
    let plan = Plan { client, server };
    let workers = Arc::new(Workers::new(None, &plan.server).unwrap());
    keys::generate(&plan, workers)
}

struct Encryptor(EncryptionRandomGenerator<DefaultRandomGenerator>);

impl Encryptor {
    fn new() -> Self {
        let mut seeder = new_seeder();
        Self(EncryptionRandomGenerator::new(seeder.seed(), seeder.as_mut()))
    }

    fn small(&mut self, key: &ClientKey, phase: u32) -> Vec<u32> {
        let noise =
            DynamicDistribution::<u32>::new_gaussian(small_encryption(key.plan().parameters.lwe_dimension));
        let modulus = CiphertextModulus::new_native();
        allocate_and_encrypt_new_lwe_ciphertext(&key.small(), Plaintext(phase), noise, modulus, &mut self.0)
            .into_container()
    }

    fn big(&mut self, key: &ClientKey, phase: u64) -> Vec<u64> {
        let noise = DynamicDistribution::<u64>::new_gaussian(key.plan().parameters.big_encryption());
        let modulus = CiphertextModulus::new_native();
        allocate_and_encrypt_new_lwe_ciphertext(&key.big(), Plaintext(phase), noise, modulus, &mut self.0)
            .into_container()
    }
}

fn big_phase(key: &ClientKey, ciphertext: &[u64]) -> u64 {
    decrypt_lwe_ciphertext(
        &key.big(),
        &LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native()),
    )
    .0
}

fn small_phase(key: &ClientKey, ciphertext: &[u32]) -> u32 {
    decrypt_lwe_ciphertext(
        &key.small(),
        &LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native()),
    )
    .0
}

/// Errors in turns at coefficients `0, N / taps, ...` of `count` rotations: `[count, taps]`.
fn extraction_errors(
    parameters: Parameters,
    switching: Switching,
    count: usize,
    taps: usize,
) -> Vec<Vec<f64>> {
    let (client, server) = keys(parameters);
    let rotation = signs(&parameters, switching);
    let mut scratch = Scratch::new(&parameters, switching.extension, &server.processor.fft);
    let mut encryptor = Encryptor::new();
    let mut output = vec![0; parameters.big_dimension().to_lwe_size().0];
    let unit = half_steps(1, Slots(2));
    (0..count)
        .map(|index| {
            let ciphertext = encryptor.small(&client, (index as u32).wrapping_mul(0x9e37_79b9));
            let jobs = [(&rotation, &ciphertext[..])];
            let component = server.processor.rotate(&jobs, &mut scratch).next().unwrap();
            (0..taps)
                .map(|tap| {
                    rotate::extract(&component, tap * parameters.polynomial_size.0 / taps, &mut output);
                    let phase = big_phase(&client, &output);
                    let ideal = if (phase as i64) < 0 { unit.wrapping_neg() } else { unit };
                    phase.wrapping_sub(ideal) as i64 as f64 * (-64.0_f64).exp2()
                })
                .collect()
        })
        .collect()
}

fn mean_product(errors: &[Vec<f64>], lag: usize) -> f64 {
    let products = errors.iter().flat_map(|errors| errors.iter().zip(&errors[lag..]).map(|(a, b)| a * b));
    let count = errors.len() * (errors[0].len() - lag);
    products.sum::<f64>() / count as f64
}

/// The variance of `samples` normal samples of variance 1 has deviation `sqrt(2 / samples)`; five of them leave one false
/// alarm in a million.
pub(super) fn slack(samples: usize) -> f64 {
    5.0 * (2.0 / samples as f64).sqrt()
}

fn within(what: &str, measured: f64, predicted: Variance, secure: Variance, samples: usize) {
    println!(
        "{what}: measured 2^{:.2}, predicted 2^{:.2}, secure minimum 2^{:.2}, ratio {:.3}",
        measured.log2(),
        predicted.0.log2(),
        secure.0.log2(),
        measured / predicted.0,
    );
    assert!(measured <= predicted.0 * (1.0 + 1.0 / 16.0 + slack(samples)), "{what}");
    assert!(measured >= secure.0, "{what}");
}

fn check_extractions(parameters: Parameters, switching: Switching, count: usize) {
    const TAPS: usize = 16;
    let errors = extraction_errors(parameters, switching, count, TAPS);
    let variance = mean_product(&errors, 0);
    let what = format!(
        "n {} k {} N {} base {} levels {} extension {}",
        parameters.lwe_dimension.0,
        parameters.glwe_dimension.0,
        parameters.polynomial_size.0,
        parameters.rotation.base_log.0,
        parameters.rotation.levels.0,
        switching.extension,
    );
    within(&what, variance, parameters.extraction(), parameters.big_encryption(), count * TAPS / 2);
    let lags: Vec<f64> = (1..TAPS).map(|lag| mean_product(&errors, lag) / variance).collect();
    let shown: Vec<String> = lags.iter().map(|correlation| format!("{correlation:.2}")).collect();
    let predicted = parameters.correlation().0;
    println!("    correlation by lag: {}; predicted {predicted:.2} falling to its negative", shown.join(" "));
    let near = lags[..4].iter().sum::<f64>() / 4.0;
    assert!(near <= predicted + slack(count * TAPS / 2), "{what}: {near}");
}

#[test]
fn extraction() {
    check_extractions(parameters(560, 3, 512, (18, 1)), Switching { extension: 1, exchange: 4.0 }, 40);
}

#[test]
#[ignore = "a measurement of a minute: run with --nocapture"]
fn extractions() {
    let plain = Switching::PLAIN;
    let extended = Switching { extension: 3, exchange: 1.0 };
    for (parameters, switching) in [
        (parameters(850, 1, 2048, (23, 1)), plain),
        (parameters(850, 1, 2048, (23, 1)), extended),
        (parameters(850, 1, 2048, (22, 1)), plain),
        (parameters(700, 1, 2048, (13, 2)), plain),
        (parameters(700, 2, 1024, (21, 1)), plain),
        (parameters(700, 2, 1024, (19, 1)), plain),
        (parameters(600, 3, 512, (18, 1)), plain),
    ] {
        check_extractions(parameters, switching, 120);
    }
}

/// The key switch, and the modulus switch behind it by itself.
fn check_switches(parameters: Parameters, count: usize) {
    let (client, server) = keys(parameters);
    let mut encryptor = Encryptor::new();
    let mut key_switch = 0.0;
    let mut switched: Vec<(Switching, f64)> = [(0, 0.0), (1, 0.5), (1, 8.0), (3, 0.3), (4, 1e6)]
        .map(|(extension, exchange)| (Switching { extension, exchange }, 0.0))
        .to_vec();
    for index in 0..count {
        let phase = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let input = encryptor.big(&client, phase);
        let mut output = vec![0; parameters.lwe_dimension.to_lwe_size().0];
        keyswitch_lwe_ciphertext_with_scalar_change(
            server.key_switch.as_ref().unwrap(),
            &LweCiphertext::from_container(input, CiphertextModulus::new_native()),
            &mut LweCiphertext::from_container(&mut output[..], CiphertextModulus::new_native()),
        );
        let after = small_phase(&client, &output);
        let error = f64::from(after.wrapping_sub((phase >> 32) as u32) as i32) * (-32.0_f64).exp2();
        key_switch += error * error / count as f64;
        for (switching, variance) in &mut switched {
            let log_grid = parameters.coarse_grid() + switching.extension;
            let position =
                rotate::phase_on_grid(&output, *switching, log_grid, &client.small().into_container());
            let step = (-f64::from(log_grid)).exp2();
            let exact = f64::from(after) * (-32.0_f64).exp2();
            let error = (f64::from(position) + 0.5) * step - exact;
            let error = error - error.round();
            *variance += error * error / count as f64;
        }
    }
    let secure = small_encryption(parameters.lwe_dimension);
    within("key switch", key_switch, parameters.key_switch_noise(), secure, count);
    for (switching, variance) in switched {
        let predicted = parameters.modulus_switch_noise(switching.rounding(), switching.extension);
        let what = format!("modulus switch {switching:?}");
        within(&what, variance, predicted, Variance(0.0), count);
        assert!(variance >= predicted.0 * (1.0 - slack(count)), "{what}");
    }
}

#[test]
fn switches() {
    check_switches(parameters(560, 3, 512, (18, 1)), 400);
}

#[test]
#[ignore = "a measurement of a minute: run with --nocapture"]
fn more_switches() {
    check_switches(parameters(850, 1, 2048, (23, 1)), 4000);
}
