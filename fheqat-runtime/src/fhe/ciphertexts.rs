//! What goes over the wire for each sample.

use serde::{Deserialize, Serialize};

use super::ids::{KeyId, ModelId};
use crate::artifact::{self, Artifact, ArtifactError};

/// One encrypted sample: a seed for the masks, and a body for each feature that the circuit reads. Under the big key one mask serves
/// as many features as a polynomial has coefficients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedInput {
    pub(crate) model: ModelId,
    pub(crate) key: KeyId,
    #[serde(with = "artifact::fixed")]
    pub(crate) seed: u128,
    pub(crate) bodies: Bodies,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Bodies {
    Small(#[serde(with = "artifact::words")] Vec<u32>),
    Big(#[serde(with = "artifact::words")] Vec<u64>),
}

/// The encrypted outputs of one sample: `[outputs that are not constant, kN + 1]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedOutput {
    pub(crate) model: ModelId,
    pub(crate) key: KeyId,
    #[serde(with = "artifact::words")]
    pub(crate) sums: Vec<u64>,
}

impl Artifact for EncryptedInput {
    const KIND: artifact::Kind = artifact::Kind::Input;

    fn size_hint(&self) -> usize {
        match &self.bodies {
            Bodies::Small(bodies) => 4 * bodies.len(),
            Bodies::Big(bodies) => 8 * bodies.len(),
        }
    }
}

impl Artifact for EncryptedOutput {
    const KIND: artifact::Kind = artifact::Kind::Output;

    fn size_hint(&self) -> usize {
        8 * self.sums.len()
    }
}

impl EncryptedInput {
    /// The model that it is an input of: what a server with several models goes by.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// The key that it was encrypted under: what a server with several clients goes by.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// The ciphertext in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a ciphertext back.
    ///
    /// # Errors
    /// When the bytes are something else, of another format, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        artifact::from_bytes(bytes)
    }
}

impl EncryptedOutput {
    /// The model that gave it.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// The key that it is encrypted under.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// The ciphertext in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a ciphertext back.
    ///
    /// # Errors
    /// When the bytes are something else, of another format, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        artifact::from_bytes(bytes)
    }
}
