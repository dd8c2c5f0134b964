//! The client half of a model: what every client may know, and all that it needs.

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
    /// Names the model.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// The shapes of the keys that the model runs under.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.plan.parameters
    }

    /// How features become integers, and integers become logits.
    #[must_use]
    pub const fn codec(&self) -> &Codec {
        &self.plan.codec
    }

    /// What the client does.
    #[must_use]
    pub const fn plan(&self) -> &ClientPlan {
        &self.plan
    }

    /// Both keys, from the operating system's entropy, on the threads of the pool that it is called in. They serve every model of
    /// the same parameters.
    ///
    /// # Panics
    /// When the operating system has no entropy.
    #[must_use]
    pub fn keygen(&self) -> (ClientKey, EvaluationKeys) {
        ClientKey::generate(self.plan.parameters, &mut SystemSeeder)
    }

    /// Both keys from a seed: the same every time, so anybody can make them.
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
    /// When the bytes are something else, of another format, damaged, or of no model that this build could have compiled.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let half: Self = artifact::from_bytes(bytes)?;
        half.plan.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        Ok(half)
    }
}

impl Artifact for ClientHalf {
    const KIND: artifact::Kind = artifact::Kind::ClientHalf;
}
