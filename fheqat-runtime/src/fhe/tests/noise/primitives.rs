//! Each operation by itself: rotations and their extractions, key switches, modulus switches.

use tfhe::core_crypto::{
    commons::math::random::DynamicDistribution,
    prelude::{
        CiphertextModulus, DefaultRandomGenerator, EncryptionRandomGenerator, GlweDimension, LweCiphertext,
        LweDimension, Plaintext, PolynomialSize, Seeder, allocate_and_encrypt_new_lwe_ciphertext,
        decrypt_lwe_ciphertext, keyswitch_lwe_ciphertext_with_scalar_change,
    },
};

use super::{LEAST, PRECISE, Ratio, slack};
use crate::{
    fhe::{
        ClientKey, ServerKey,
        entropy::SystemSeeder,
        rounded,
        server::rotate::{self, Rotate, Scratch},
    },
    params::{
        Decomposition, Parameters, Slots, SmallKey, TorusBits,
        cost::BLOCK,
        modulus_switch::{MAX_EXTENSION, ModulusSwitch},
        search::Space,
    },
    plan::{Rotation, encoding::half_steps},
};

pub(super) fn parameters(n: usize, k: usize, size: usize, rotation: (usize, usize)) -> Parameters {
    Parameters {
        lwe_dimension: LweDimension(n),
        small_key: SmallKey::Uniform,
        glwe_dimension: GlweDimension(k),
        polynomial_size: PolynomialSize(size),
        rotation: Decomposition::new(rotation.0, rotation.1),
        key_switch: Some(Decomposition::new(2, 8)),
        packing: None,
    }
}

/// The bodies of the bootstrap key are rounded once more, to so many bits.
fn keys(parameters: Parameters, bits: TorusBits) -> (ClientKey, ServerKey) {
    let (client, mut evaluation) = ClientKey::generate(parameters, &mut SystemSeeder);
    let (own, bodies) = (parameters.bootstrap_body_bits(), parameters.bootstrap_bodies());
    let mut coarse = Vec::new();
    rounded::pack(&rounded::unpack(&evaluation.bootstrap, own, bodies), bits, &mut coarse);
    evaluation.bootstrap.clear();
    rounded::pack(&rounded::unpack(&coarse, bits, bodies), own, &mut evaluation.bootstrap);
    (client, ServerKey::from(evaluation))
}

struct Encryptor(EncryptionRandomGenerator<DefaultRandomGenerator>);

impl Encryptor {
    fn new() -> Self {
        Self(EncryptionRandomGenerator::new(SystemSeeder.seed(), &mut SystemSeeder))
    }

    fn small(&mut self, key: &ClientKey, phase: u32) -> Vec<u32> {
        let noise = DynamicDistribution::<u32>::new_gaussian(key.parameters.small_encryption());
        let modulus = CiphertextModulus::new_native();
        allocate_and_encrypt_new_lwe_ciphertext(
            &key.secrets.small(),
            Plaintext(phase),
            noise,
            modulus,
            &mut self.0,
        )
        .into_container()
    }

    fn big(&mut self, key: &ClientKey, phase: u64) -> Vec<u64> {
        let noise = DynamicDistribution::<u64>::new_gaussian(key.parameters.big_encryption());
        let modulus = CiphertextModulus::new_native();
        allocate_and_encrypt_new_lwe_ciphertext(
            &key.secrets.big(),
            Plaintext(phase),
            noise,
            modulus,
            &mut self.0,
        )
        .into_container()
    }
}

fn big_phase(key: &ClientKey, ciphertext: &[u64]) -> u64 {
    decrypt_lwe_ciphertext(
        &key.secrets.big(),
        &LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native()),
    )
    .0
}

fn small_phase(key: &ClientKey, ciphertext: &[u32]) -> u32 {
    decrypt_lwe_ciphertext(
        &key.secrets.small(),
        &LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native()),
    )
    .0
}

const TAPS: usize = 16;

/// Errors in turns at coefficients `0, N / TAPS, ...` of `count` rotations for each of so many keys, of so many bits: `[keys * count,
/// TAPS]`.
pub(super) fn extraction_errors(
    parameters: Parameters,
    bits: TorusBits,
    modulus_switch: ModulusSwitch,
    keys: usize,
    count: usize,
) -> Vec<Vec<f64>> {
    let rotation = Rotation::of_one_jump(&parameters, modulus_switch);
    let mut encryptor = Encryptor::new();
    let mut output = vec![0; parameters.big_dimension().to_lwe_size().0];
    let unit = half_steps(1, Slots(2));
    let mut errors = Vec::new();
    for _ in 0..keys {
        let (client, server) = self::keys(parameters, bits);
        let cpu = server.cpu.as_ref().unwrap();
        let mut scratch = Scratch::new(&parameters, modulus_switch.extension, &cpu.fft);
        let inputs: Vec<Vec<u32>> = (0..count as u32)
            .map(|index| encryptor.small(&client, index.wrapping_mul(0x9e37_79b9)))
            .collect();
        for block in inputs.chunks(BLOCK) {
            let jobs: Vec<rotate::Job<'_>> = block.iter().map(|input| (&rotation, &input[..])).collect();
            errors.extend(cpu.rotate(&jobs, &mut scratch).map(|component| {
                let taps = (0..TAPS).map(|tap| {
                    rotate::extract(&component, tap * parameters.polynomial_size.0 / TAPS, &mut output);
                    let phase = big_phase(&client, &output);
                    let ideal = if (phase as i64) < 0 { unit.wrapping_neg() } else { unit };
                    phase.wrapping_sub(ideal) as i64 as f64 * (-64.0_f64).exp2()
                });
                taps.collect::<Vec<f64>>()
            }));
        }
    }
    errors
}

fn mean_product(errors: &[Vec<f64>], lag: usize) -> f64 {
    let products = errors.iter().flat_map(|errors| errors.iter().zip(&errors[lag..]).map(|(a, b)| a * b));
    let count = errors.len() * (errors[0].len() - lag);
    products.sum::<f64>() / count as f64
}

/// What extractions have in common is at most what was predicted.
fn check_extractions(parameters: Parameters, errors: &[Vec<f64>], unsure: f64) -> Ratio {
    let predicted = parameters.extraction();
    let squares: Vec<Vec<f64>> = errors
        .iter()
        .map(|errors| errors.iter().map(|error| error.powi(2) / predicted.0).collect())
        .collect();
    let variance = mean_product(errors, 0);
    assert!(variance >= parameters.big_encryption().0);
    let lags: Vec<f64> = (1..TAPS).map(|lag| mean_product(errors, lag) / variance).collect();
    let shown: Vec<String> = lags.iter().map(|correlation| format!("{correlation:.2}")).collect();
    let correlation = parameters.correlation().0;
    println!("correlation by lag: {}; predicted {correlation:.2} falling to its negative", shown.join(" "));
    let near = lags[..4].iter().sum::<f64>() / 4.0;
    assert!(near <= correlation + unsure, "{near}");
    Ratio::of(&squares)
}

fn name(parameters: Parameters, modulus_switch: ModulusSwitch) -> String {
    format!(
        "extractions, n {} {:?} k {} N {} base {} levels {} nu {}",
        parameters.lwe_dimension.0,
        parameters.small_key,
        parameters.glwe_dimension.0,
        parameters.polynomial_size.0,
        parameters.rotation.base_log.0,
        parameters.rotation.levels.0,
        modulus_switch.extension,
    )
}

/// The same with bits in blocks, about as secure.
fn in_blocks(parameters: Parameters) -> Parameters {
    let n = (parameters.lwe_dimension.0 + SmallKey::LONGER) / 6 * 6;
    Parameters { lwe_dimension: LweDimension(n), small_key: SmallKey::Blocks, ..parameters }
}

/// Parameters with small keys of either kind.
fn of_either_kind(parameters: Parameters) -> [Parameters; 2] {
    [parameters, in_blocks(parameters)]
}

#[test]
fn extraction() {
    let modulus_switch = ModulusSwitch { extension: 1, error_weight: 4.0 };
    for parameters in of_either_kind(parameters(560, 3, 512, (18, 1))) {
        let errors = extraction_errors(parameters, TorusBits::ALL, modulus_switch, 1, 40);
        let ratio = check_extractions(parameters, &errors, slack(20 * TAPS));
        ratio.check_roughly(&name(parameters, modulus_switch));
    }
}

/// n, k, N, base and levels that are measured. Of each number of levels the space's smallest and largest base are among them: at the
/// one nearly all noise is of the digits that are dropped, at the other of the key and the transforms.
const MEASURED: [(usize, usize, usize, (usize, usize)); 19] = [
    (600, 3, 512, (14, 1)),
    (600, 3, 512, (15, 1)),
    (600, 3, 512, (18, 1)),
    (600, 4, 512, (20, 1)),
    (700, 2, 1024, (19, 1)),
    (700, 2, 1024, (21, 1)),
    (700, 2, 1024, (23, 1)),
    (1060, 2, 1024, (23, 1)),
    (850, 1, 2048, (22, 1)),
    (850, 1, 2048, (23, 1)),
    (700, 1, 2048, (9, 2)),
    (700, 1, 2048, (13, 2)),
    (700, 1, 2048, (15, 2)),
    (700, 3, 1024, (23, 1)),
    (700, 2, 2048, (22, 1)),
    (700, 1, 4096, (22, 1)),
    (700, 1, 8192, (15, 2)),
    (600, 2, 1024, (8, 3)),
    (600, 1, 2048, (12, 3)),
];

/// Base and levels of the key switches that are measured: of each base the space has one at least.
const MEASURED_KEY_SWITCHES: [(usize, usize); 8] =
    [(1, 10), (1, 20), (2, 8), (2, 11), (3, 5), (4, 4), (5, 4), (6, 3)];

#[test]
fn the_search_chooses_from_what_is_measured() {
    let space = Space::default();
    for (k, size) in &space.shapes {
        assert!(MEASURED.iter().any(|set| (set.1, set.2) == (k.0, size.0)), "{k:?} {size:?}");
    }
    let bases = |levels: usize, of: &mut dyn Iterator<Item = (usize, usize)>| {
        let bases: Vec<usize> = of.filter(|set| set.1 == levels).map(|set| set.0).collect();
        (bases.iter().copied().min(), bases.iter().copied().max())
    };
    for levels in space.rotations.iter().map(|rotation| rotation.levels.0) {
        let mut searched = space.rotations.iter().map(|rotation| (rotation.base_log.0, rotation.levels.0));
        let measured = bases(levels, &mut MEASURED.iter().map(|set| set.3));
        assert_eq!(measured, bases(levels, &mut searched), "{levels} levels");
    }
    for key_switch in &space.key_switches {
        let of_this_base = |&(base, _): &(usize, usize)| base == key_switch.base_log.0;
        assert!(MEASURED_KEY_SWITCHES.iter().any(of_this_base), "{key_switch:?}");
    }
    let measured = MEASURED.map(|(n, k, size, rotation)| of_either_kind(parameters(n, k, size, rotation)));
    for (index, small_key) in [SmallKey::Uniform, SmallKey::Blocks].into_iter().enumerate() {
        let largest = Space::of(small_key).lwe_dimensions.last().copied();
        assert_eq!(largest, measured.iter().map(|of_kinds| of_kinds[index].lwe_dimension).max());
    }
}

fn measure_extraction(parameters: Parameters, modulus_switch: ModulusSwitch) {
    let mut errors = Vec::new();
    let ratio = loop {
        errors.extend(extraction_errors(parameters, TorusBits::ALL, modulus_switch, 8, 48));
        let ratio = check_extractions(parameters, &errors, slack(errors.len() * TAPS / 2));
        if ratio.deviation <= PRECISE {
            break ratio;
        }
    };
    ratio.check(&name(parameters, modulus_switch));
}

#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn extractions() {
    for (n, k, size, rotation) in MEASURED {
        for parameters in of_either_kind(parameters(n, k, size, rotation)) {
            measure_extraction(parameters, ModulusSwitch::PLAIN);
        }
    }
}

#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn extractions_of_several_polynomials() {
    for (n, k, size, rotation, extension, error_weight) in [
        (700, 2, 1024, (21, 1), 1, 1e6),
        (850, 1, 2048, (23, 1), 3, 1.0),
        (600, 4, 512, (20, 1), MAX_EXTENSION, 0.1),
    ] {
        let modulus_switch = ModulusSwitch { extension, error_weight };
        for parameters in of_either_kind(parameters(n, k, size, rotation)) {
            measure_extraction(parameters, modulus_switch);
        }
    }
}

/// The key switch, and the modulus switch behind it by itself, for so many keys.
fn switches(parameters: Parameters, keys: usize, count: usize) -> Vec<(String, Ratio)> {
    let mut encryptor = Encryptor::new();
    let mut key_switch: Vec<Vec<f64>> = Vec::new();
    let mut switched: Vec<(ModulusSwitch, Vec<Vec<f64>>)> =
        [(0, 0.0), (1, 0.5), (1, 8.0), (3, 0.3), (4, 1e6)]
            .map(|(extension, error_weight)| (ModulusSwitch { extension, error_weight }, Vec::new()))
            .into();
    let predicted = parameters.key_switch_noise();
    for _ in 0..keys {
        let (client, server) = self::keys(parameters, TorusBits::ALL);
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
            key_switch.push(vec![error * error / predicted.0]);
            for (modulus_switch, squares) in &mut switched {
                let predicted = parameters.modulus_switch_noise(
                    modulus_switch.rounding(parameters.small_key),
                    modulus_switch.extension,
                );
                let log_grid = parameters.coarse_grid() + modulus_switch.extension;
                let position = rotate::phase_on_grid(
                    &output,
                    *modulus_switch,
                    log_grid,
                    (parameters.small_key, client.secrets.small().into_container()),
                );
                let step = (-f64::from(log_grid)).exp2();
                let exact = f64::from(after) * (-32.0_f64).exp2();
                let error = (f64::from(position) + 0.5) * step - exact;
                let error = error - error.round();
                squares.push(vec![error * error / predicted.0]);
            }
        }
    }
    let key_switch = Ratio::of(&key_switch);
    assert!(key_switch.mean * predicted.0 >= parameters.small_encryption().0);
    let switched = switched.into_iter().map(|(modulus_switch, squares)| {
        let ratio = Ratio::of(&squares);
        // Of blocks what is predicted is that of the key with the most ones.
        let of_fewest = match parameters.small_key {
            SmallKey::Uniform => 1.0,
            SmallKey::Blocks => 0.93,
        };
        assert!(
            ratio.mean >= of_fewest - slack(ratio.samples),
            "{modulus_switch:?} is predicted to the point"
        );
        let (size, kind) = (parameters.polynomial_size.0, parameters.small_key);
        (format!("modulus switch, N {size}, {kind:?}, {modulus_switch:?}"), ratio)
    });
    let Decomposition { base_log, levels } = parameters.key_switch.unwrap();
    let what = format!("key switch, base {} levels {}", base_log.0, levels.0);
    std::iter::once((what, key_switch)).chain(switched).collect()
}

#[test]
fn few_switches() {
    for parameters in of_either_kind(parameters(560, 3, 512, (18, 1))) {
        for (what, ratio) in switches(parameters, 1, 400) {
            ratio.check_roughly(&what);
        }
    }
}

#[test]
#[ignore = "a measurement of minutes: run with --nocapture"]
fn more_switches() {
    for (base, levels) in MEASURED_KEY_SWITCHES {
        let key_switch = Some(Decomposition::new(base, levels));
        for parameters in of_either_kind(parameters(850, 1, 2048, (23, 1))) {
            let parameters = Parameters { key_switch, ..parameters };
            for (what, ratio) in switches(parameters, 4, 1100) {
                ratio.check_above(&what, if what.starts_with("key") { least_of_digits(base) } else { LEAST });
            }
        }
    }
}

/// The part of a key switch's formula that its digits have: of mean square `(B^2 + 2) / 12 - B / (4 (B + 1))`.
fn least_of_digits(base_log: usize) -> f64 {
    let base = (base_log as f64).exp2();
    let part = 1.0 - 3.0 * base / ((base + 1.0) * (base * base + 2.0));
    part.min(LEAST / 0.95) * 0.95
}
