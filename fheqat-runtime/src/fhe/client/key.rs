//! The client key, the only secret file.

use std::fmt;

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::prelude::Seeder;
use zeroize::Zeroizing;

use super::packing;
use crate::{
    artifact::{self, Artifact, ArtifactError},
    fhe::{entropy::new_id, evaluation_keys::EvaluationKeys, ids::KeyId, rounded, secrets::Secrets},
    params::Parameters,
};

/// A client's secret keys: they encrypt and decrypt for every model of their parameters, and never leave the client. Their memory is
/// overwritten when they are dropped.
#[derive(Clone, Serialize, Deserialize)]
pub struct ClientKey {
    pub(crate) id: KeyId,
    pub(crate) parameters: Parameters,
    pub(crate) secrets: Secrets,
}

impl ClientKey {
    /// A client's keys, and what servers need to compute under them.
    pub(crate) fn generate(
        parameters: Parameters,
        seeder: &mut (dyn Seeder + 'static),
    ) -> (Self, EvaluationKeys) {
        let id = KeyId(new_id(seeder));
        let secrets = Secrets::new(&parameters, seeder);
        let (bootstrap_seed, bodies) = secrets.bootstrap_key(&parameters, seeder);
        let mut bootstrap = Vec::new();
        rounded::pack(&bodies, parameters.bootstrap_body_bits(), &mut bootstrap);
        let (key_switch_seed, key_switch) = secrets.key_switching_key(&parameters, seeder);
        let packing = packing::keys(&parameters, &secrets, seeder);
        let evaluation = EvaluationKeys {
            id,
            parameters,
            bootstrap_seed,
            bootstrap,
            key_switch_seed,
            key_switch,
            packing,
        };
        (Self { id, parameters, secrets }, evaluation)
    }

    /// The random id that a client key and its evaluation keys share.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The keys' parameters: the keys serve every model with equal ones.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The key in bytes, which are secret too, and overwritten when they are dropped. Write them with
    /// [`file::save_secret`](crate::file::save_secret).
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(artifact::to_bytes(self))
    }

    /// Reads a key back, for one from [`file::load_secret`](crate::file::load_secret).
    ///
    /// # Errors
    /// When the bytes are something else, of another format, damaged, or have parameters that this build never chooses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut key: Self = artifact::from_bytes(bytes)?;
        key.check().map_err(|reason| artifact::malformed::<Self>(&reason))?;
        Ok(key)
    }

    fn check(&mut self) -> Result<(), String> {
        self.parameters.check()?;
        self.secrets.cut(&self.parameters)
    }
}

impl Artifact for ClientKey {
    const KIND: artifact::Kind = artifact::Kind::ClientKey;
    const FORMAT: u16 = 8;

    // Enough for all of it, so that no copy of a secret is left behind where a vector grew.
    fn size_hint(&self) -> usize {
        let packed = self.parameters.packing.map_or(0, |packing| packing.dimension().0);
        128 + (self.parameters.lwe_dimension.0 + self.parameters.big_dimension().0 + packed).div_ceil(8)
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("id", &self.id).finish_non_exhaustive()
    }
}
