//! Key generation: tfhe's samplers, seeded from the operating system.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::{
    commons::{
        generators::DeterministicSeeder,
        math::random::{CompressionSeed, DynamicDistribution, Seed as TorusSeed},
    },
    prelude::{
        CiphertextModulus, DefaultRandomGenerator, Fft, FourierLweBootstrapKey, FourierLweBootstrapKeyOwned,
        GlweSecretKeyOwned, LweKeyswitchKeyOwned, LweSecretKeyOwned, SecretRandomGenerator,
        SeededLweBootstrapKey, SeededLweBootstrapKeyOwned, SeededLweKeyswitchKey, SeededLweKeyswitchKeyOwned,
        Seeder, allocate_and_generate_new_binary_glwe_secret_key,
        allocate_and_generate_new_binary_lwe_secret_key, generate_seeded_lwe_keyswitch_key, new_seeder,
        par_convert_standard_lwe_bootstrap_key_to_fourier, par_generate_seeded_lwe_bootstrap_key,
    },
};

use super::{
    error::ThreadError,
    execute::Workers,
    plan::{ClientPlan, Plan, ServerPlan},
    rotate::Processor,
};
use crate::{
    Seed,
    artifact::{self, Artifact, ArtifactError},
    params::{Bytes, Decomposition, Parameters, noise::small_encryption},
};

/// Names one key generation; random, and no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyId(pub(crate) [u8; 16]);

/// Encrypts and decrypts. Secret: it never leaves the client.
#[derive(Clone, Serialize, Deserialize)]
pub struct ClientKey {
    pub(crate) id: KeyId,
    pub(crate) plan: ClientPlan,
    #[serde(with = "artifact::words")]
    small: Vec<u32>,
    #[serde(with = "artifact::words")]
    big: Vec<u64>,
}

/// Runs one circuit on what one client key encrypts. Public.
pub struct ServerKey {
    pub(crate) seeded: SeededServerKey,
    pub(crate) processor: Processor,
    pub(crate) key_switch: Option<LweKeyswitchKeyOwned<u32>>,
    pub(crate) workers: Arc<Workers>,
}

/// A server key on the wire: masks are seeds, so it is a quarter of the size.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SeededServerKey {
    pub(crate) id: KeyId,
    pub(crate) plan: ServerPlan,
    bootstrap_seed: u128,
    #[serde(with = "artifact::words")]
    bootstrap: Vec<u64>,
    key_switch_seed: u128,
    #[serde(with = "artifact::words")]
    key_switch: Vec<u32>,
}

/// Both keys from the operating system's entropy.
pub(crate) fn generate(plan: &Plan, workers: Arc<Workers>) -> (ClientKey, ServerKey) {
    generate_with(plan, workers, new_seeder().as_mut())
}

/// Both keys from 64 bits that anybody can guess.
pub(crate) fn generate_insecure(plan: &Plan, workers: Arc<Workers>, seed: Seed) -> (ClientKey, ServerKey) {
    let mut seeder = DeterministicSeeder::<DefaultRandomGenerator>::new(TorusSeed(seed.0.into()));
    generate_with(plan, workers, &mut seeder)
}

fn generate_with(
    plan: &Plan,
    workers: Arc<Workers>,
    seeder: &mut (dyn Seeder + 'static),
) -> (ClientKey, ServerKey) {
    let parameters = &plan.client.parameters;
    let id = KeyId(seeder.seed().0.to_le_bytes());
    let secrets = Secrets::new(parameters, seeder);
    let (bootstrap_seed, bootstrap) = secrets.bootstrap_key(parameters, seeder);
    let (key_switch_seed, key_switch) = secrets.key_switching_key(parameters, seeder);
    let seeded = SeededServerKey {
        id,
        plan: plan.server.clone(),
        bootstrap_seed,
        bootstrap,
        key_switch_seed,
        key_switch,
    };
    let Secrets { small, big } = secrets;
    let client =
        ClientKey { id, plan: plan.client.clone(), small: small.into_container(), big: big.into_container() };
    (client, ServerKey::expand(seeded, workers))
}

/// Both secret keys.
pub(crate) struct Secrets {
    pub(super) small: LweSecretKeyOwned<u32>,
    pub(super) big: GlweSecretKeyOwned<u64>,
}

impl Secrets {
    pub(crate) fn new(parameters: &Parameters, seeder: &mut (dyn Seeder + 'static)) -> Self {
        let mut generator = SecretRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed());
        Self {
            small: allocate_and_generate_new_binary_lwe_secret_key(parameters.lwe_dimension, &mut generator),
            big: allocate_and_generate_new_binary_glwe_secret_key(
                parameters.glwe_dimension,
                parameters.polynomial_size,
                &mut generator,
            ),
        }
    }

    /// The seed of its masks, and its bodies.
    pub(crate) fn bootstrap_key(
        &self,
        parameters: &Parameters,
        seeder: &mut (dyn Seeder + 'static),
    ) -> (u128, Vec<u64>) {
        let seed = seeder.seed().0;
        let mut key = parameters.seeded_bootstrap_key(seed);
        let noise = DynamicDistribution::<u64>::new_gaussian(parameters.big_encryption());
        par_generate_seeded_lwe_bootstrap_key(&self.small, &self.big, &mut key, noise, seeder);
        (seed, key.into_container())
    }

    /// The seed of its masks, and its bodies; none where there is no key switch.
    pub(crate) fn key_switching_key(
        &self,
        parameters: &Parameters,
        seeder: &mut (dyn Seeder + 'static),
    ) -> (u128, Vec<u32>) {
        let seed = seeder.seed().0;
        let key = parameters.key_switch.map_or_else(Vec::new, |decomposition| {
            let mut key = parameters.seeded_key_switching_key(decomposition, seed);
            let noise = DynamicDistribution::<u32>::new_gaussian(small_encryption(parameters.lwe_dimension));
            let big = self.big.as_lwe_secret_key();
            generate_seeded_lwe_keyswitch_key(&big, &self.small, &mut key, noise, seeder);
            key.into_container()
        });
        (seed, key)
    }
}

impl Parameters {
    fn seeded_bootstrap_key(&self, seed: u128) -> SeededLweBootstrapKeyOwned<u64> {
        SeededLweBootstrapKeyOwned::new(
            0,
            self.glwe_dimension.to_glwe_size(),
            self.polynomial_size,
            self.rotation.base_log,
            self.rotation.levels,
            self.lwe_dimension,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        )
    }

    fn seeded_key_switching_key(
        &self,
        decomposition: Decomposition,
        seed: u128,
    ) -> SeededLweKeyswitchKeyOwned<u32> {
        SeededLweKeyswitchKeyOwned::new(
            0,
            decomposition.base_log,
            decomposition.levels,
            self.big_dimension(),
            self.lwe_dimension,
            CompressionSeed::from(TorusSeed(seed)),
            CiphertextModulus::new_native(),
        )
    }
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

impl ClientKey {
    pub(crate) fn small(&self) -> LweSecretKeyOwned<u32> {
        LweSecretKeyOwned::from_container(self.small.clone())
    }

    pub(crate) fn big(&self) -> LweSecretKeyOwned<u64> {
        LweSecretKeyOwned::from_container(self.big.clone())
    }

    /// Names the key generation.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What the client knows of the circuit.
    #[must_use]
    pub const fn plan(&self) -> &ClientPlan {
        &self.plan
    }
}

impl ServerKey {
    pub(crate) fn expand(seeded: SeededServerKey, workers: Arc<Workers>) -> Self {
        let parameters = seeded.plan.parameters;
        let key = parameters.expand_bootstrap_key(seeded.bootstrap_seed, seeded.bootstrap.clone());
        let processor = Processor { key, fft: Fft::new(parameters.polynomial_size) };
        let key_switch =
            parameters.expand_key_switching_key(seeded.key_switch_seed, seeded.key_switch.clone());
        Self { seeded, processor, key_switch, workers }
    }

    /// Names the key generation.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.seeded.id
    }

    /// What the server computes.
    #[must_use]
    pub const fn plan(&self) -> &ServerPlan {
        &self.seeded.plan
    }

    /// What it takes in memory to run.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        self.plan().parameters.server_key_bytes()
    }

    /// How many threads it runs on.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.threads()
    }

    /// Runs on so many threads from here on; none means all cores. Results do not depend on it.
    ///
    /// # Errors
    /// When the threads cannot start.
    pub fn set_threads(&mut self, threads: Option<std::num::NonZeroUsize>) -> Result<(), ThreadError> {
        self.workers = Arc::new(Workers::new(threads, &self.seeded.plan)?);
        Ok(())
    }
}

impl SeededServerKey {
    fn check(&self) -> Result<(), String> {
        self.plan.check()?;
        let parameters = &self.plan.parameters;
        let bootstrap = parameters.lwe_dimension.0
            * parameters.rotation.levels.0
            * (parameters.glwe_dimension.0 + 1)
            * parameters.polynomial_size.0;
        let levels = parameters.key_switch.map_or(0, |decomposition| decomposition.levels.0);
        let key_switch = parameters.big_dimension().0 * levels;
        let same = |what: &str, found: usize, expected: usize| {
            if found == expected {
                Ok(())
            } else {
                Err(format!("its {what} key has {found} integers where {expected} belong"))
            }
        };
        same("bootstrap", self.bootstrap.len(), bootstrap)?;
        same("switching", self.key_switch.len(), key_switch)
    }
}

impl Artifact for ClientKey {
    const KIND: artifact::Kind = artifact::Kind::ClientKey;
}

impl Artifact for SeededServerKey {
    const KIND: artifact::Kind = artifact::Kind::ServerKey;
}

impl ClientKey {
    /// The key in bytes, secret as it is.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a key back.
    ///
    /// # Errors
    /// When the bytes are something else, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let key: Self = artifact::from_bytes(bytes)?;
        key.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        Ok(key)
    }

    fn check(&self) -> Result<(), String> {
        let parameters = &self.plan.parameters;
        parameters.check()?;
        if !self.plan.codec.fits(self.plan.inputs.len(), self.plan.outputs.len()) {
            return Err("the ends of its plan do not fit its inputs and outputs".to_owned());
        }
        if self.small.len() != parameters.lwe_dimension.0 || self.big.len() != parameters.big_dimension().0 {
            return Err("its secrets have other dimensions than its parameters".to_owned());
        }
        Ok(())
    }
}

impl ServerKey {
    /// The key in bytes, with seeds for masks.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(&self.seeded)
    }

    /// Reads a key back and expands it, on all cores.
    ///
    /// # Errors
    /// When the bytes are something else, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let seeded: SeededServerKey = artifact::from_bytes(bytes)?;
        seeded.check().map_err(|reason| artifact::malformed::<SeededServerKey>(&reason))?;
        let workers = Workers::new(None, &seeded.plan)
            .map_err(|error| artifact::malformed::<SeededServerKey>(&error.to_string()))?;
        Ok(Self::expand(seeded, Arc::new(workers)))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey").field("id", &self.id()).finish_non_exhaustive()
    }
}
