//! Ciphertexts: a client key makes them of features, and makes logits of them.

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, DynamicDistribution, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, LweCiphertext, LweCiphertextCount, LweDimension, LweSecretKeyOwned, PlaintextList,
        SeededLweCiphertextList, Seeder, decrypt_lwe_ciphertext, encrypt_seeded_lwe_ciphertext_list,
        new_seeder,
    },
};

use super::{
    error::{DecryptError, EncryptError, Mismatch},
    keys::{ClientKey, KeyId},
    packed,
};
use crate::{
    artifact::{self, Artifact, ArtifactError},
    circuit::{Fingerprint, Logits},
    error::InputError,
    params::noise::small_encryption,
    plan::{
        Decoding,
        encoding::{half_steps, nearest_slot, to_small},
    },
};

/// One encrypted sample: a seed for the masks, and a body for each feature that the circuit reads. Under the big key one mask serves
/// as many features as a polynomial has coefficients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedInput {
    pub(crate) circuit: Fingerprint,
    pub(crate) key: KeyId,
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
    pub(crate) circuit: Fingerprint,
    pub(crate) key: KeyId,
    #[serde(with = "artifact::words")]
    pub(crate) sums: Vec<u64>,
}

impl ClientKey {
    /// Encrypts one sample of shape `[features]`; features outside the quantizer's range saturate, as in training.
    ///
    /// # Errors
    /// When the sample has another width, or a feature is NaN or infinite.
    pub fn encrypt(&self, sample: &[f32]) -> Result<EncryptedInput, EncryptError> {
        let levels = self.plan.codec.encode(sample)?;
        let plaintexts: Vec<u64> = levels
            .iter()
            .zip(&self.plan.inputs)
            .filter_map(|(&level, slots)| slots.map(|slots| half_steps(2 * level, slots)))
            .collect();
        let mut seeder = new_seeder();
        let seed = seeder.seed().0;
        let parameters = &self.plan.parameters;
        let bodies = if self.plan.inputs_under_small_key {
            let plaintexts = plaintexts.into_iter().map(to_small).collect();
            let noise = DynamicDistribution::<u32>::new_gaussian(small_encryption(parameters.lwe_dimension));
            Bodies::Small(small_bodies(&self.small(), plaintexts, noise, seed, seeder.as_mut()))
        } else {
            Bodies::Big(packed::encrypt(parameters, self.big_words(), plaintexts, seed, seeder.as_mut()))
        };
        Ok(EncryptedInput { circuit: self.plan.circuit, key: self.id, seed, bodies })
    }

    /// Encrypts one sample from its cells in a file, one for each feature, as they stand there: see
    /// [`Codec::parse`](crate::circuit::Codec::parse).
    ///
    /// # Errors
    /// When there is another number of cells than of features, one is no number where a number is expected, or a value is missing
    /// that an encoder rounds.
    pub fn encrypt_text<S: AsRef<str>>(&self, cells: &[S]) -> Result<EncryptedInput, EncryptError> {
        self.encrypt(&self.plan.codec.parse(cells)?)
    }

    /// Encrypts samples, each to a ciphertext of its own.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt), of the first sample that cannot be encrypted; and when there are no samples.
    pub fn encrypt_batch<S: AsRef<[f32]>>(&self, samples: &[S]) -> Result<Vec<EncryptedInput>, EncryptError> {
        if samples.is_empty() {
            return Err(InputError::Empty.into());
        }
        let encrypt = |(index, sample): (usize, &S)| {
            self.encrypt(sample.as_ref()).map_err(|EncryptError::Input(error)| error.of(index).into())
        };
        samples.iter().enumerate().map(encrypt).collect()
    }

    /// Decrypts the outputs of one sample.
    ///
    /// # Errors
    /// When they belong to another circuit or key, or are damaged.
    pub fn decrypt(&self, output: &EncryptedOutput) -> Result<Logits, DecryptError> {
        self.decrypt_one(output).map_err(|mismatch| DecryptError::Mismatch { index: 0, mismatch })
    }

    /// Decrypts samples.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt), of the first output that cannot be decrypted; and when there are no outputs.
    pub fn decrypt_batch(&self, outputs: &[EncryptedOutput]) -> Result<Vec<Logits>, DecryptError> {
        if outputs.is_empty() {
            return Err(DecryptError::Empty);
        }
        outputs
            .iter()
            .enumerate()
            .map(|(index, output)| {
                self.decrypt_one(output).map_err(|mismatch| DecryptError::Mismatch { index, mismatch })
            })
            .collect()
    }

    fn decrypt_one(&self, output: &EncryptedOutput) -> Result<Logits, Mismatch> {
        if output.circuit != self.plan.circuit {
            return Err(Mismatch::Circuit);
        }
        if output.key != self.id {
            return Err(Mismatch::Key);
        }
        let length = self.plan.parameters.big_dimension().to_lwe_size().0;
        let sums = self.plan.outputs.iter().filter(|output| matches!(output, Decoding::Sum { .. })).count();
        if output.sums.len() != sums * length {
            return Err(Mismatch::Shape { found: output.sums.len(), expected: sums * length });
        }
        let key = self.big();
        let mut ciphertexts = output.sums.chunks_exact(length);
        let accumulators = self
            .plan
            .outputs
            .iter()
            .map(|output| match output {
                Decoding::Constant(constant) => *constant,
                Decoding::Sum { slots, range, constant } => {
                    let ciphertext = ciphertexts.next().unwrap_or_default();
                    let ciphertext =
                        LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native());
                    let slot = nearest_slot(decrypt_lwe_ciphertext(&key, &ciphertext).0, *slots);
                    let slots = i64::from(slots.0);
                    let first = range.lo - (slots - range.count()) / 2;
                    first + (slot - first).rem_euclid(slots) + constant
                }
            })
            .collect();
        Ok(self.plan.codec.decode(accumulators))
    }
}

fn small_bodies(
    key: &LweSecretKeyOwned<u32>,
    plaintexts: Vec<u32>,
    noise: DynamicDistribution<u32>,
    seed: u128,
    seeder: &mut (dyn Seeder + 'static),
) -> Vec<u32> {
    // A circuit that reads no input: tfhe refuses empty lists.
    if plaintexts.is_empty() {
        return plaintexts;
    }
    let dimension: LweDimension = key.lwe_dimension();
    let mut list = SeededLweCiphertextList::new(
        0,
        dimension.to_lwe_size(),
        LweCiphertextCount(plaintexts.len()),
        CompressionSeed::from(TorusSeed(seed)),
        CiphertextModulus::new_native(),
    );
    let plaintexts = PlaintextList::from_container(plaintexts);
    encrypt_seeded_lwe_ciphertext_list(key, &mut list, &plaintexts, noise, seeder);
    list.into_container()
}

impl Artifact for EncryptedInput {
    const KIND: artifact::Kind = artifact::Kind::Input;
}

impl Artifact for EncryptedOutput {
    const KIND: artifact::Kind = artifact::Kind::Output;
}

impl EncryptedInput {
    /// The ciphertext in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a ciphertext back.
    ///
    /// # Errors
    /// When the bytes are something else, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        artifact::from_bytes(bytes)
    }
}

impl EncryptedOutput {
    /// The ciphertext in bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// Reads a ciphertext back.
    ///
    /// # Errors
    /// When the bytes are something else, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        artifact::from_bytes(bytes)
    }
}
