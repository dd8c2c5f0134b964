//! What a server needs to compute under one client key: neither weights nor plan, so one set serves every model of its parameters.

use std::fmt;

use super::ids::KeyId;
use crate::{
    artifact::{self, Artifact, ArtifactError},
    params::{Bytes, Parameters},
};
use serde::{Deserialize, Serialize};

/// A client's evaluation keys as they are sent: seeds in place of masks. Public. [`ServerKey`](super::ServerKey) is what they expand to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationKeys {
    pub(crate) id: KeyId,
    pub(crate) parameters: Parameters,
    pub(super) bootstrap_seed: u128,
    #[serde(with = "artifact::words")]
    pub(super) bootstrap: Vec<u64>,
    pub(super) key_switch_seed: u128,
    #[serde(with = "artifact::words")]
    pub(super) key_switch: Vec<u32>,
}

impl EvaluationKeys {
    /// Names the key generation.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The keys' shapes: they serve every model with equal ones.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What they take in memory once they are expanded.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        self.parameters.server_key_bytes()
    }

    /// The keys in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads keys back. Nothing is expanded yet: [`memory`](Self::memory) says what that would take, at most 16 (k + 1) / 8 of
    /// the bytes for the bootstrap key and n + 1 times them for the key-switching key.
    ///
    /// # Errors
    /// When the bytes are something else, of another format, damaged, or of parameters that this build never chooses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let keys: Self = artifact::from_bytes(bytes)?;
        keys.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        Ok(keys)
    }

    fn check(&self) -> Result<(), String> {
        let parameters = &self.parameters;
        parameters.check()?;
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

impl Artifact for EvaluationKeys {
    const KIND: artifact::Kind = artifact::Kind::EvaluationKeys;

    fn size_hint(&self) -> usize {
        8 * self.bootstrap.len() + 4 * self.key_switch.len()
    }
}

impl fmt::Debug for EvaluationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationKeys")
            .field("id", &self.id)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}
