//! tfhe's own bootstrap: a key switch, the centred modulus switch and one rotation, as its integers of few bits run them.

use tfhe::core_crypto::{
    commons::noise_formulas::{
        centered_mean_shifted_modulus_switch::centered_binary_shifted_modulus_switch_additive_variance,
        lwe_keyswitch::keyswitch_additive_variance_132_bits_security_gaussian,
        lwe_programmable_bootstrap::pbs_variance_132_bits_security_gaussian_fft_mul,
        secure_noise::{
            minimal_glwe_variance_for_132_bits_security_gaussian,
            minimal_lwe_variance_for_132_bits_security_gaussian,
        },
    },
    prelude::*,
};

use fheqat_runtime::params::{
    Decomposition, Log2Probability, Parameters, SmallKey, constraint::deviations, cost::Prices,
    modulus_switch::ModulusSwitch, search::Space,
};

const MODULUS: CiphertextModulus<u64> = CiphertextModulus::new_native();
const TORUS: f64 = 18_446_744_073_709_551_616.0;

/// Shapes of keys, noise of encryptions, and the values of a message under its padding bit: a power of two.
pub(crate) struct Set {
    parameters: Parameters,
    small: Variance,
    big: Variance,
    values: u64,
}

impl Set {
    /// `V1_4_PARAM_MESSAGE_2_CARRY_2_KS_PBS_GAUSSIAN_2M128`.
    pub(crate) fn published() -> Self {
        Self {
            parameters: Parameters {
                lwe_dimension: LweDimension(866),
                small_key: SmallKey::Uniform,
                glwe_dimension: GlweDimension(1),
                polynomial_size: PolynomialSize(2048),
                rotation: Decomposition::new(23, 1),
                key_switch: Some(Decomposition::new(3, 5)),
                packing: None,
            },
            small: StandardDev(2.046_151_696_979_124e-6).get_variance(),
            big: StandardDev(2.845_267_479_601_915e-15).get_variance(),
            values: 16,
        }
    }

    /// The cheapest by tfhe's formulas and the shipped prices that reads `weight` times a bootstrapped value and fails with
    /// that probability.
    pub(crate) fn cheapest(values: u64, weight: f64, p_fail: Log2Probability) -> Option<Self> {
        let prices = Prices::shipped();
        let price = |parameters: &Parameters| {
            let rotation = prices.rotation(parameters, ModulusSwitch::PLAIN.rounding(SmallKey::Uniform), 1.0);
            rotation.0 + prices.key_switch(parameters, 1.0).0
        };
        let spread = 1.0 / (4.0 * values as f64) / deviations(p_fail).0;
        let space = Space::of(SmallKey::Uniform);
        let rings = space
            .shapes
            .iter()
            .flat_map(|&shape| space.rotations.iter().map(move |&rotation| (shape, rotation)));
        let fits = rings.flat_map(|((glwe_dimension, polynomial_size), rotation)| {
            let keys = space.lwe_dimensions.iter().map(move |&lwe_dimension| Parameters {
                lwe_dimension,
                small_key: SmallKey::Uniform,
                glwe_dimension,
                polynomial_size,
                rotation,
                key_switch: None,
                packing: None,
            });
            keys.flat_map(|parameters| {
                let before =
                    weight * weight * bootstrap_noise(&parameters) + modulus_switch_noise(&parameters);
                let switches = space.key_switches.iter().filter(move |&&key_switch| {
                    before + key_switch_noise(&parameters, key_switch) <= spread * spread
                });
                switches.map(move |&key_switch| Parameters { key_switch: Some(key_switch), ..parameters })
            })
        });
        let parameters = fits.min_by(|one, other| price(one).total_cmp(&price(other)))?;
        let Parameters { lwe_dimension, glwe_dimension, polynomial_size, .. } = parameters;
        let small = minimal_lwe_variance_for_132_bits_security_gaussian(lwe_dimension, TORUS);
        let big =
            minimal_glwe_variance_for_132_bits_security_gaussian(glwe_dimension, polynomial_size, TORUS);
        Some(Self { parameters, small, big, values })
    }

    fn step(&self) -> u64 {
        (1 << 63) / self.values
    }
}

fn bootstrap_noise(parameters: &Parameters) -> f64 {
    pbs_variance_132_bits_security_gaussian_fft_mul(
        parameters.lwe_dimension,
        parameters.glwe_dimension,
        parameters.polynomial_size,
        parameters.rotation.base_log,
        parameters.rotation.levels,
        53.0,
        TORUS,
    )
    .0
}

fn modulus_switch_noise(parameters: &Parameters) -> f64 {
    let grid = f64::from(1_u32 << parameters.coarse_grid());
    centered_binary_shifted_modulus_switch_additive_variance(parameters.lwe_dimension, TORUS, grid).0
}

fn key_switch_noise(parameters: &Parameters, key_switch: Decomposition) -> f64 {
    keyswitch_additive_variance_132_bits_security_gaussian(
        parameters.big_dimension(),
        parameters.lwe_dimension,
        key_switch.base_log,
        key_switch.levels,
        TORUS,
        TORUS,
    )
    .0
}

/// Keys, and the table of the identity.
pub(crate) struct Bootstraps {
    set: Set,
    small: LweSecretKeyOwned<u64>,
    big: LweSecretKeyOwned<u64>,
    bootstrap: FourierLweBootstrapKeyOwned,
    key_switch: LweKeyswitchKeyOwned<u64>,
    table: GlweCiphertextOwned<u64>,
}

fn gaussian(variance: Variance) -> DynamicDistribution<u64> {
    DynamicDistribution::new_gaussian(variance)
}

fn generator() -> EncryptionRandomGenerator<DefaultRandomGenerator> {
    let mut seeder = new_seeder();
    EncryptionRandomGenerator::new(seeder.seed(), seeder.as_mut())
}

impl Bootstraps {
    pub(crate) fn new(set: Set) -> Self {
        let Parameters { lwe_dimension, glwe_dimension, polynomial_size, rotation, key_switch, .. } =
            set.parameters;
        let key_switch = key_switch.expect("a bootstrap switches keys");
        let mut secrets = SecretRandomGenerator::<DefaultRandomGenerator>::new(new_seeder().seed());
        let small = allocate_and_generate_new_binary_lwe_secret_key(lwe_dimension, &mut secrets);
        let glwe: GlweSecretKeyOwned<u64> =
            allocate_and_generate_new_binary_glwe_secret_key(glwe_dimension, polynomial_size, &mut secrets);
        let mut generator = generator();
        let standard = par_allocate_and_generate_new_lwe_bootstrap_key(
            &small,
            &glwe,
            rotation.base_log,
            rotation.levels,
            gaussian(set.big),
            MODULUS,
            &mut generator,
        );
        let mut bootstrap = FourierLweBootstrapKey::new(
            lwe_dimension,
            glwe_dimension.to_glwe_size(),
            polynomial_size,
            rotation.base_log,
            rotation.levels,
        );
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut bootstrap);
        let big = glwe.into_lwe_secret_key();
        let key_switch = allocate_and_generate_new_lwe_keyswitch_key(
            &big,
            &small,
            key_switch.base_log,
            key_switch.levels,
            gaussian(set.small),
            MODULUS,
            &mut generator,
        );
        let table = generate_programmable_bootstrap_glwe_lut(
            polynomial_size,
            glwe_dimension.to_glwe_size(),
            set.values as usize,
            MODULUS,
            set.step(),
            |value: u64| value,
        );
        Self { set, small, big, bootstrap, key_switch, table }
    }

    /// Under the key that a rotation reads.
    pub(crate) fn encrypt(&self, value: u64) -> LweCiphertextOwned<u64> {
        allocate_and_encrypt_new_lwe_ciphertext(
            &self.small,
            Plaintext(value * self.set.step()),
            gaussian(self.set.small),
            MODULUS,
            &mut generator(),
        )
    }

    pub(crate) fn decrypt(&self, ciphertext: &LweCiphertextOwned<u64>) -> u64 {
        let Plaintext(phase) = decrypt_lwe_ciphertext(&self.big, ciphertext);
        phase.wrapping_add(self.set.step() / 2) / self.set.step()
    }

    pub(crate) fn rotate(&self, small: LweCiphertextOwned<u64>) -> LweCiphertextOwned<u64> {
        let grid = self.set.parameters.polynomial_size.to_blind_rotation_input_modulus_log();
        let switched = lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(small, grid);
        let mut accumulator = self.table.clone();
        blind_rotate_assign(&switched, &mut accumulator, &self.bootstrap);
        let mut output = LweCiphertext::new(0, self.big.lwe_dimension().to_lwe_size(), MODULUS);
        extract_lwe_sample_from_glwe_ciphertext(&accumulator, &mut output, MonomialDegree(0));
        output
    }

    pub(crate) fn switch(&self, ciphertext: &LweCiphertextOwned<u64>) -> LweCiphertextOwned<u64> {
        let mut small = LweCiphertext::new(0, self.small.lwe_dimension().to_lwe_size(), MODULUS);
        keyswitch_lwe_ciphertext(&self.key_switch, ciphertext, &mut small);
        small
    }
}
