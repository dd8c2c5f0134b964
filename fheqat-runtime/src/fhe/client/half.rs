//! The client half of a model: all that a client needs besides its key.

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::{
    commons::{generators::DeterministicSeeder, math::random::Seed as TorusSeed},
    prelude::DefaultRandomGenerator,
};

use super::ClientKey;
use crate::{
    Seed,
    artifact::{self, Artifact, ArtifactError},
    circuit::Codec,
    fhe::{entropy::SystemSeeder, error::Mismatch, evaluation_keys::EvaluationKeys, ids::ModelId},
    params::Parameters,
    plan::ClientPlan,
};

/// The half of a compiled model that its clients hold: how to encode and encrypt a sample and how to read a result, but neither
/// weights nor tables. Public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientHalf {
    pub(crate) model: ModelId,
    pub(crate) plan: ClientPlan,
}

impl ClientHalf {
    /// The model's random id.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// The parameters of the keys that the model runs under.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.plan.parameters
    }

    /// How features become integers, and integers become logits.
    #[must_use]
    pub const fn codec(&self) -> &Codec {
        &self.plan.codec
    }

    /// What the client does, as data.
    #[must_use]
    pub const fn plan(&self) -> &ClientPlan {
        &self.plan
    }

    /// A client's secret key and its evaluation keys, from the operating system's entropy, on the threads of rayon's current pool. They
    /// serve every model of the same parameters.
    ///
    /// # Panics
    /// When the operating system has no entropy.
    #[must_use]
    pub fn keygen(&self) -> (ClientKey, EvaluationKeys) {
        ClientKey::generate(self.plan.parameters, &mut SystemSeeder)
    }

    /// As [`keygen`](Self::keygen), from a seed: whoever knows the seed has the secret key.
    #[must_use]
    pub fn keygen_insecure_for_tests(&self, seed: Seed) -> (ClientKey, EvaluationKeys) {
        let mut seeder = DeterministicSeeder::<DefaultRandomGenerator>::new(TorusSeed(seed.0.into()));
        ClientKey::generate(self.plan.parameters, &mut seeder)
    }

    /// # Errors
    /// When the key is of other parameters.
    pub(super) fn check_key(&self, key: &ClientKey) -> Result<(), Mismatch> {
        Mismatch::check_parameters(&key.parameters, &self.plan.parameters)
    }

    /// The half in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a half back.
    ///
    /// # Errors
    /// When the bytes are something else, of another format, damaged, or describe a model that this build would not compile.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let half: Self = artifact::from_bytes(bytes)?;
        half.plan.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        Ok(half)
    }
}

impl Artifact for ClientHalf {
    const KIND: artifact::Kind = artifact::Kind::ClientHalf;
    const FORMAT: u16 = 8;
}
