//! What goes over the wire for each sample.

use serde::{Deserialize, Serialize};

use super::ids::{KeyId, ModelId};
use crate::artifact::{self, Artifact, ArtifactError};
#[cfg(feature = "client")]
use crate::params::Bytes;

/// One encrypted sample: a seed for the masks, and a body for each level that the circuit reads. Under the big key one mask serves as many
/// levels as a polynomial has coefficients.
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

/// The encrypted outputs of one sample: for each that is not constant, kN + 1 numbers, rounded to the plan's number of bits and packed,
/// the first in the lowest bits of the first byte. Each output starts at a new byte. Packed results: for every 256 outputs, or the rest of
/// them, the numbers of k' masks of 256 coefficients, and one for each output; each such ciphertext starts at a new byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedOutput {
    pub(crate) model: ModelId,
    pub(crate) key: KeyId,
    #[serde(with = "artifact::bytes")]
    pub(crate) sums: Vec<u8>,
}

impl Artifact for EncryptedInput {
    const KIND: artifact::Kind = artifact::Kind::Input;

    fn size_hint(&self) -> usize {
        self.bodies.length()
    }
}

impl Artifact for EncryptedOutput {
    const KIND: artifact::Kind = artifact::Kind::Output;

    fn size_hint(&self) -> usize {
        self.sums.len()
    }
}

impl Bodies {
    /// Bytes that they take.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Small(bodies) => 4 * bodies.len(),
            Self::Big(bodies) => 8 * bodies.len(),
        }
    }
}

impl EncryptedInput {
    /// What it takes as a file, of so many levels.
    #[cfg(feature = "client")]
    pub(crate) fn file_size(inputs: usize, under_small_key: bool) -> Bytes {
        let (body, bodies) =
            if under_small_key { (4, Bodies::Small(Vec::new())) } else { (8, Bodies::Big(Vec::new())) };
        let (model, key) = (ModelId([0; 12]), KeyId([0; 12]));
        artifact::size(&Self { model, key, seed: 0, bodies }, &[body * inputs])
    }

    /// The model that it is for, by which a server with several models chooses.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// The key that it was encrypted under, by which a server with several clients chooses.
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
    /// What it takes as a file, of sums of so many bytes.
    #[cfg(feature = "client")]
    pub(crate) fn file_size(sums: usize) -> Bytes {
        let (model, key) = (ModelId([0; 12]), KeyId([0; 12]));
        artifact::size(&Self { model, key, sums: Vec::new() }, &[sums])
    }

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
