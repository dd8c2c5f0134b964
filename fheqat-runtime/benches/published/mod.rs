//! tfhe's own bootstrap at the parameters that it publishes for two bits of message and two of carry.

use tfhe::core_crypto::prelude::*;

/// 16 values and a padding bit.
const VALUES: u64 = 16;
const STEP: u64 = 1 << 59;
const MODULUS: CiphertextModulus<u64> = CiphertextModulus::new_native();

const LWE_DIMENSION: LweDimension = LweDimension(866);
const GLWE_DIMENSION: GlweDimension = GlweDimension(1);
const POLYNOMIAL_SIZE: PolynomialSize = PolynomialSize(2048);

/// Keys for `V1_4_PARAM_MESSAGE_2_CARRY_2_KS_PBS_GAUSSIAN_2M128`, and the table of the identity.
pub(crate) struct Published {
    big: LweSecretKeyOwned<u64>,
    bootstrap: FourierLweBootstrapKeyOwned,
    key_switch: LweKeyswitchKeyOwned<u64>,
    table: GlweCiphertextOwned<u64>,
}

fn big_noise() -> DynamicDistribution<u64> {
    DynamicDistribution::new_gaussian_from_std_dev(StandardDev(2.845_267_479_601_915e-15))
}

fn generator() -> EncryptionRandomGenerator<DefaultRandomGenerator> {
    let mut seeder = new_seeder();
    EncryptionRandomGenerator::new(seeder.seed(), seeder.as_mut())
}

impl Published {
    pub(crate) fn new() -> Self {
        let small_noise =
            DynamicDistribution::new_gaussian_from_std_dev(StandardDev(2.046_151_696_979_124e-6));
        let mut secrets = SecretRandomGenerator::<DefaultRandomGenerator>::new(new_seeder().seed());
        let small = allocate_and_generate_new_binary_lwe_secret_key(LWE_DIMENSION, &mut secrets);
        let glwe: GlweSecretKeyOwned<u64> =
            allocate_and_generate_new_binary_glwe_secret_key(GLWE_DIMENSION, POLYNOMIAL_SIZE, &mut secrets);
        let mut generator = generator();
        let standard = par_allocate_and_generate_new_lwe_bootstrap_key(
            &small,
            &glwe,
            DecompositionBaseLog(23),
            DecompositionLevelCount(1),
            big_noise(),
            MODULUS,
            &mut generator,
        );
        let mut bootstrap = FourierLweBootstrapKey::new(
            LWE_DIMENSION,
            GLWE_DIMENSION.to_glwe_size(),
            POLYNOMIAL_SIZE,
            DecompositionBaseLog(23),
            DecompositionLevelCount(1),
        );
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut bootstrap);
        let big = glwe.into_lwe_secret_key();
        let key_switch = allocate_and_generate_new_lwe_keyswitch_key(
            &big,
            &small,
            DecompositionBaseLog(3),
            DecompositionLevelCount(5),
            small_noise,
            MODULUS,
            &mut generator,
        );
        let table = generate_programmable_bootstrap_glwe_lut(
            POLYNOMIAL_SIZE,
            GLWE_DIMENSION.to_glwe_size(),
            VALUES as usize,
            MODULUS,
            STEP,
            |value: u64| value,
        );
        Self { big, bootstrap, key_switch, table }
    }

    pub(crate) fn encrypt(&self, value: u64) -> LweCiphertextOwned<u64> {
        let plaintext = Plaintext(value * STEP);
        allocate_and_encrypt_new_lwe_ciphertext(&self.big, plaintext, big_noise(), MODULUS, &mut generator())
    }

    pub(crate) fn decrypt(&self, ciphertext: &LweCiphertextOwned<u64>) -> u64 {
        let Plaintext(phase) = decrypt_lwe_ciphertext(&self.big, ciphertext);
        phase.wrapping_add(STEP / 2) / STEP
    }

    /// The key switch, the centred modulus switch and the rotation, as tfhe's integers of few bits run them.
    pub(crate) fn bootstrap(&self, ciphertext: &LweCiphertextOwned<u64>) -> LweCiphertextOwned<u64> {
        let mut small = LweCiphertext::new(0, LWE_DIMENSION.to_lwe_size(), MODULUS);
        keyswitch_lwe_ciphertext(&self.key_switch, ciphertext, &mut small);
        let grid = POLYNOMIAL_SIZE.to_blind_rotation_input_modulus_log();
        let switched = lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(small, grid);
        let mut accumulator = self.table.clone();
        blind_rotate_assign(&switched, &mut accumulator, &self.bootstrap);
        let mut output = LweCiphertext::new(0, self.big.lwe_dimension().to_lwe_size(), MODULUS);
        extract_lwe_sample_from_glwe_ciphertext(&accumulator, &mut output, MonomialDegree(0));
        output
    }
}
