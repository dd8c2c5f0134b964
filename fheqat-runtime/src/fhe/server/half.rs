//! The server half of a model: what its owner and servers hold.

use serde::{Deserialize, Serialize};

use crate::{
    artifact::{self, Artifact, ArtifactError},
    fhe::ids::ModelId,
    params::{Bytes, Parameters},
    plan::ServerPlan,
};

/// The half of a compiled model that computes: weights, tables and parameters, but no secret of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerHalf {
    pub(crate) model: ModelId,
    pub(crate) plan: ServerPlan,
}

impl ServerHalf {
    /// The most memory that a sample may take while it runs, in a half that [`from_bytes`](Self::from_bytes) accepts: 1 GB.
    pub const DEFAULT_MEMORY: Bytes = Bytes(1_000_000_000);

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

    /// What the server computes, as data.
    #[must_use]
    pub const fn plan(&self) -> &ServerPlan {
        &self.plan
    }

    /// The half in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a half back whose samples take at most [`DEFAULT_MEMORY`](Self::DEFAULT_MEMORY) each.
    ///
    /// # Errors
    /// As [`from_bytes_within`](Self::from_bytes_within).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::from_bytes_within(bytes, Self::DEFAULT_MEMORY)
    }

    /// Reads a half back. Few bytes can describe much work: a half whose samples would take more than `memory` each is refused before
    /// that is allocated.
    ///
    /// # Errors
    /// When the bytes are something else, of another format, damaged, or describe a model that this build would not compile or
    /// that takes more than `memory`.
    pub fn from_bytes_within(bytes: &[u8], memory: Bytes) -> Result<Self, ArtifactError> {
        let half: Self = artifact::from_bytes(bytes)?;
        half.plan.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        match half.plan.memory() {
            found if found > memory => Err(ArtifactError::Memory { found, allowed: memory }),
            _ => Ok(half),
        }
    }
}

impl Artifact for ServerHalf {
    const KIND: artifact::Kind = artifact::Kind::ServerHalf;
    const FORMAT: u16 = 8;
}
