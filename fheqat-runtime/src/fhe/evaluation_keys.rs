//! What a server needs to compute under one client key. One set serves every model of its parameters.

use std::fmt;

use super::{ids::KeyId, packing_keys::SeededPackingKeys};
use crate::{
    artifact::{self, Artifact, ArtifactError},
    params::{Bytes, Parameters},
};
use serde::{Deserialize, Serialize};

/// A client's evaluation keys as they are sent: not secret, and with seeds in place of random masks. [`ServerKey`](super::ServerKey) is
/// what they expand to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationKeys {
    pub(crate) id: KeyId,
    pub(crate) parameters: Parameters,
    #[serde(with = "artifact::fixed")]
    pub(super) bootstrap_seed: u128,
    /// Bodies, rounded to [`Parameters::bootstrap_body_bits`] and packed.
    #[serde(with = "artifact::bytes")]
    pub(super) bootstrap: Vec<u8>,
    #[serde(with = "artifact::fixed")]
    pub(super) key_switch_seed: u128,
    #[serde(with = "artifact::words")]
    pub(super) key_switch: Vec<u32>,
    pub(super) packing: Option<SeededPackingKeys>,
}

impl EvaluationKeys {
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

    /// The memory that their [`ServerKey`](super::ServerKey) takes once they are expanded.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        self.parameters.server_key_bytes()
    }

    /// The keys in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// What they take as a file.
    #[cfg(feature = "client")]
    pub(crate) fn file_size(parameters: &Parameters) -> Bytes {
        let empty = Self {
            id: KeyId([0; 12]),
            parameters: *parameters,
            bootstrap_seed: 0,
            bootstrap: Vec::new(),
            key_switch_seed: 0,
            key_switch: Vec::new(),
            packing: parameters.packing.map(|_| SeededPackingKeys::empty()),
        };
        let packing = parameters.packing.map(|packing| SeededPackingKeys::lengths(parameters, &packing));
        let others = [parameters.bootstrap_length(), 4 * parameters.key_switch_bodies()];
        artifact::size(&empty, &others.into_iter().chain(packing.into_iter().flatten()).collect::<Vec<_>>())
    }

    /// Reads keys back. They are not expanded yet, and [`memory`](Self::memory) says what that would take: for the bootstrap key at most
    /// 64 (k + 1) / b times its bytes, where a body has b [bits](Parameters::bootstrap_body_bits), for the key-switching key n + 1 times
    /// its bytes, and for the keys that pack results at most kN / 128 times theirs.
    ///
    /// # Errors
    /// When the bytes are something else, of another format, damaged, or have parameters that this build never chooses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let keys: Self = artifact::from_bytes(bytes)?;
        keys.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        Ok(keys)
    }

    fn check(&self) -> Result<(), String> {
        let parameters = &self.parameters;
        parameters.check()?;
        let same = |what: &str, found: usize, expected: usize| {
            if found == expected {
                Ok(())
            } else {
                Err(format!("its {what} key has {found} bytes where {expected} belong"))
            }
        };
        same("bootstrap", self.bootstrap.len(), parameters.bootstrap_length())?;
        same("key-switching", 4 * self.key_switch.len(), 4 * parameters.key_switch_bodies())?;
        match (&self.packing, &parameters.packing) {
            (None, None) => Ok(()),
            (Some(keys), Some(packing)) => {
                let [trace, ring_switch] = SeededPackingKeys::lengths(parameters, packing);
                same("trace", keys.trace.bodies.len(), trace)?;
                same("ring-switching", keys.ring_switch.bodies.len(), ring_switch)
            }
            _ => Err(
                "it has keys to pack results where its parameters have none, or none where they have them"
                    .to_owned(),
            ),
        }
    }
}

impl Artifact for EvaluationKeys {
    const KIND: artifact::Kind = artifact::Kind::EvaluationKeys;
    const FORMAT: u16 = 8;

    fn size_hint(&self) -> usize {
        let packing = self.packing.as_ref().map_or(0, SeededPackingKeys::length);
        self.bootstrap.len() + 4 * self.key_switch.len() + packing
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

impl Parameters {
    /// Bodies of the bootstrap key: `[n, levels, k + 1, N]`.
    pub(super) fn bootstrap_bodies(&self) -> usize {
        let polynomials = self.rotation.levels.0 * (self.glwe_dimension.0 + 1);
        self.lwe_dimension.0 * polynomials * self.polynomial_size.0
    }

    /// Bytes that they take.
    fn bootstrap_length(&self) -> usize {
        self.bootstrap_body_bits().bytes(self.bootstrap_bodies())
    }

    /// Bodies of the key-switching key: `[kN, levels]`.
    fn key_switch_bodies(&self) -> usize {
        self.big_dimension().0 * self.key_switch.map_or(0, |decomposition| decomposition.levels.0)
    }
}
