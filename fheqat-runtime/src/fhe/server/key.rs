//! Evaluation keys, expanded to the form that a server computes with.

use std::fmt;

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, Fft, FourierLweBootstrapKey, FourierLweBootstrapKeyOwned, LweKeyswitchKeyOwned,
        SeededLweBootstrapKey, SeededLweKeyswitchKey, par_convert_standard_lwe_bootstrap_key_to_fourier,
    },
};

use super::{blocks::Powers, packing::PackingKeys, rotate::Cpu};
use crate::{
    fhe::{evaluation_keys::EvaluationKeys, ids::KeyId, rounded},
    params::{Bytes, Parameters, SmallKey},
};

/// Evaluation keys, expanded: what a server keeps in memory for each client, however many models it runs for it. Not secret.
pub struct ServerKey {
    id: KeyId,
    parameters: Parameters,
    /// None where the parameters have no rotations.
    pub(in crate::fhe) cpu: Option<Cpu>,
    pub(in crate::fhe) key_switch: Option<LweKeyswitchKeyOwned<u32>>,
    /// None where the parameters have none.
    pub(in crate::fhe) packing: Option<PackingKeys>,
}

impl From<EvaluationKeys> for ServerKey {
    /// Expands them, on the threads of rayon's current pool. Meanwhile the masks of the bootstrap key are in memory twice: it takes at
    /// most 1.5 times [`EvaluationKeys::memory`], and of keys that pack results twice, beside the evaluation keys themselves.
    fn from(keys: EvaluationKeys) -> Self {
        let EvaluationKeys {
            id,
            parameters,
            bootstrap_seed,
            bootstrap,
            key_switch_seed,
            key_switch,
            packing,
        } = keys;
        let cpu = parameters.rotate().then(|| {
            let bits = parameters.bootstrap_body_bits();
            let bodies = rounded::unpack(&bootstrap, bits, parameters.bootstrap_bodies());
            let key = parameters.expand_bootstrap_key(bootstrap_seed, bodies);
            let fft = Fft::new(parameters.polynomial_size);
            let blocks = parameters.small_key == SmallKey::Blocks;
            let powers = blocks.then(|| Powers::new(parameters.polynomial_size, &fft));
            Cpu { key, fft, powers }
        });
        let key_switch = parameters.expand_key_switching_key(key_switch_seed, key_switch);
        let keys = parameters.packing.zip(packing);
        let packing = keys.map(|(packing, keys)| PackingKeys::expand(&parameters, &packing, &keys));
        Self { id, parameters, cpu, key_switch, packing }
    }
}

impl ServerKey {
    /// The random id that evaluation keys and their client key share.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The keys' parameters: the keys serve every model with equal ones.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What it takes in memory.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        self.parameters.server_key_bytes()
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey")
            .field("id", &self.id)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Parameters {
    pub(crate) fn expand_bootstrap_key(&self, seed: u128, bodies: Vec<u64>) -> FourierLweBootstrapKeyOwned {
        let standard = SeededLweBootstrapKey::from_container(
            bodies,
            self.glwe_dimension.to_glwe_size(),
            self.polynomial_size,
            self.rotation.base_log,
            self.rotation.levels,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        )
        .par_decompress_into_lwe_bootstrap_key();
        let mut fourier = FourierLweBootstrapKey::new(
            self.lwe_dimension,
            self.glwe_dimension.to_glwe_size(),
            self.polynomial_size,
            self.rotation.base_log,
            self.rotation.levels,
        );
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut fourier);
        fourier
    }

    pub(crate) fn expand_key_switching_key(
        &self,
        seed: u128,
        bodies: Vec<u32>,
    ) -> Option<LweKeyswitchKeyOwned<u32>> {
        self.key_switch.map(|decomposition| {
            SeededLweKeyswitchKey::from_container(
                bodies,
                decomposition.base_log,
                decomposition.levels,
                self.lwe_dimension.to_lwe_size(),
                CompressionSeed::from(TorusSeed(seed)),
                CiphertextModulus::new_native(),
            )
            .par_decompress_into_lwe_keyswitch_key()
        })
    }
}
