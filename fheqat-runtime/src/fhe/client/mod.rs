//! A client: the client half of a model and a client key. It encrypts samples and decrypts results.

mod half;
mod key;
mod packed;
mod packing;

use std::sync::Arc;

use tfhe::core_crypto::{
    commons::math::random::{CompressionSeed, DynamicDistribution, Seed as TorusSeed},
    prelude::{
        CiphertextModulus, LweCiphertext, LweCiphertextCount, LweSecretKey, PlaintextList,
        SeededLweCiphertextList, Seeder, decrypt_lwe_ciphertext, encrypt_seeded_lwe_ciphertext_list,
    },
};

use super::{
    ciphertexts::{Bodies, EncryptedInput, EncryptedOutput},
    entropy::SystemSeeder,
    error::{DecryptError, EncryptError, Mismatch},
    ids::KeyId,
    rounded,
};
use crate::{
    circuit::Logits,
    error::InputError,
    params::{Packing, Results, TorusBits},
    plan::{
        ClientPlan, Decoding,
        encoding::{half_steps, nearest_slot, to_small},
    },
};

pub use half::ClientHalf;
pub use key::ClientKey;

/// The client half of a model, and the key of one client.
#[derive(Clone, Debug)]
pub struct Client {
    half: Arc<ClientHalf>,
    key: Arc<ClientKey>,
}

impl Client {
    /// Joins the half of a model and a key of the same parameters. One key, in an `Arc`, may serve several models.
    ///
    /// # Errors
    /// When the key has other parameters than the model.
    pub fn new(half: impl Into<Arc<ClientHalf>>, key: impl Into<Arc<ClientKey>>) -> Result<Self, Mismatch> {
        let client = Self { half: half.into(), key: key.into() };
        client.half.check_key(&client.key)?;
        Ok(client)
    }

    /// From parts that were made for each other.
    #[cfg(feature = "fhe")]
    pub(crate) fn of_parts(half: ClientHalf, key: ClientKey) -> Self {
        Self { half: half.into(), key: key.into() }
    }

    /// The client half.
    #[must_use]
    pub fn half(&self) -> &ClientHalf {
        &self.half
    }

    /// The secret key.
    #[must_use]
    pub fn key(&self) -> &ClientKey {
        &self.key
    }

    /// The key's random id, which its evaluation keys share.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.key.id
    }

    /// What the client does, as data.
    #[must_use]
    pub fn plan(&self) -> &ClientPlan {
        &self.half.plan
    }

    /// Encrypts one sample, its features in a row; features outside the quantizer's range saturate, as in training. Categories and
    /// missing values are as [`Codec::encode`](crate::circuit::Codec::encode) says.
    ///
    /// # Errors
    /// As [`Codec::encode`](crate::circuit::Codec::encode).
    ///
    /// # Panics
    /// When the operating system has no entropy.
    pub fn encrypt(&self, sample: &[f32]) -> Result<EncryptedInput, EncryptError> {
        let plan = self.plan();
        let levels = plan.codec.encode(sample)?;
        let plaintexts: Vec<u64> = levels
            .iter()
            .zip(&plan.inputs)
            .filter_map(|(&level, slots)| slots.map(|slots| half_steps(2 * level, slots)))
            .collect();
        let seed = SystemSeeder.seed().0;
        let (parameters, secrets) = (&plan.parameters, &self.key.secrets);
        let bodies = if plan.inputs_under_small_key {
            let plaintexts = plaintexts.into_iter().map(to_small).collect();
            let noise = DynamicDistribution::<u32>::new_gaussian(parameters.small_encryption());
            Bodies::Small(small_bodies(&secrets.small(), plaintexts, noise, seed))
        } else {
            let key = secrets.ring(parameters);
            Bodies::Big(packed::encrypt(parameters, &key, plaintexts, seed, &mut SystemSeeder))
        };
        Ok(EncryptedInput { model: self.half.model, key: self.key.id, seed, bodies })
    }

    /// Encrypts one sample from the text of its cells in a CSV file, one for each feature.
    ///
    /// # Errors
    /// As [`Codec::parse`](crate::circuit::Codec::parse) and [`Codec::encode`](crate::circuit::Codec::encode).
    pub fn encrypt_text<S: AsRef<str>>(&self, cells: &[S]) -> Result<EncryptedInput, EncryptError> {
        self.encrypt(&self.half.plan.codec.parse(cells)?)
    }

    /// Encrypts samples, each to an [`EncryptedInput`] of its own.
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
    /// When they belong to another model or key, or have the wrong length.
    pub fn decrypt(&self, output: &EncryptedOutput) -> Result<Logits, DecryptError> {
        self.decrypt_one(output).map_err(|mismatch| DecryptError::Mismatch { index: 0, mismatch })
    }

    /// Decrypts the outputs of several samples.
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
        let plan = self.plan();
        Mismatch::check_ids((output.model, output.key), (self.half.model, self.key.id))?;
        let (found, expected) = (output.sums.len(), plan.result_length());
        if found != expected {
            return Err(Mismatch::Shape { found, expected });
        }
        let mut phases = self.phases(&output.sums).into_iter();
        let accumulators = plan
            .outputs
            .iter()
            .map(|output| match output {
                Decoding::Constant(constant) => *constant,
                Decoding::Sum { slots, range, constant, .. } => {
                    let slot = nearest_slot(phases.next().unwrap_or(0), *slots);
                    let slots = i64::from(slots.0);
                    let first = range.lo - (slots - range.count()) / 2;
                    first + (slot - first).rem_euclid(slots) + constant
                }
            })
            .collect();
        Ok(plan.codec.decode(accumulators))
    }

    /// The phase of each output that is sent, from bytes of the plan's length.
    fn phases(&self, mut sums: &[u8]) -> Vec<u64> {
        let (plan, secrets) = (self.plan(), &self.key.secrets);
        let mut take = |length: usize| {
            let (bytes, behind) = sums.split_at(length);
            sums = behind;
            bytes
        };
        let bits: Vec<TorusBits> = plan.bits().collect();
        if let Some(packing) = plan.parameters.packing.filter(|_| plan.results == Results::Packed) {
            let key = secrets.packed();
            let phases = bits.chunks(Packing::SIZE.0).flat_map(|bits| {
                let bytes = take(packing.result_bytes(bits[0], bits.len()));
                packing::decrypt(&packing, &key, bytes, bits[0], bits.len())
            });
            return phases.collect();
        }
        let (key, numbers) = (secrets.big(), plan.parameters.big_dimension().to_lwe_size().0);
        let phase = |bits: TorusBits| {
            let ciphertext = rounded::unpack(take(bits.bytes(numbers)), bits, numbers);
            let ciphertext = LweCiphertext::from_container(ciphertext, CiphertextModulus::new_native());
            decrypt_lwe_ciphertext(&key, &ciphertext).0
        };
        bits.into_iter().map(phase).collect()
    }
}

fn small_bodies(
    key: &LweSecretKey<&[u32]>,
    plaintexts: Vec<u32>,
    noise: DynamicDistribution<u32>,
    seed: u128,
) -> Vec<u32> {
    // A circuit that reads no input: tfhe refuses empty lists.
    if plaintexts.is_empty() {
        return plaintexts;
    }
    let mut list = SeededLweCiphertextList::new(
        0,
        key.lwe_dimension().to_lwe_size(),
        LweCiphertextCount(plaintexts.len()),
        CompressionSeed::from(TorusSeed(seed)),
        CiphertextModulus::new_native(),
    );
    let plaintexts = PlaintextList::from_container(plaintexts);
    encrypt_seeded_lwe_ciphertext_list(key, &mut list, &plaintexts, noise, &mut SystemSeeder);
    list.into_container()
}
