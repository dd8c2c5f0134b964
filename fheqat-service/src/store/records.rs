//! What is on disk about jobs and keys, as JSON: later versions may add fields.

use fheqat::{
    fhe::{KeyId, ModelId},
    params::Parameters,
};
use fheqat_client::wire::{Code, Failure};
use serde::{Deserialize, Serialize};

use super::ids::{Client, Sha256};

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JobRecord {
    /// Jobs run in the order of their numbers.
    pub(crate) number: u64,
    #[serde(with = "name")]
    pub(crate) client: Client,
    pub(crate) model: ModelId,
    pub(crate) key: KeyId,
    /// The file of evaluation keys.
    pub(crate) key_file: Sha256,
    pub(crate) samples: usize,
    /// Blind rotations of a sample.
    pub(crate) rotations: usize,
    /// Of its inputs, and what its result will take.
    pub(crate) bytes: u64,
    pub(crate) request: Option<Request>,
    /// How often a process ended while it ran.
    #[serde(default)]
    pub(crate) ended: u32,
    pub(crate) stage: Stage,
}

/// By what a repeated request is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The header `Idempotency-Key`.
    pub(crate) key: String,
    /// Of the body.
    pub(crate) sha256: Sha256,
}

/// How far a job is, on disk. Times are the server's seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    Waiting,
    Done { bytes: u64, at: u64, fetched: Option<u64> },
    Failed { code: Code, message: String, at: u64 },
}

/// A client's evaluation keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub(crate) key: KeyId,
    pub(crate) parameters: Parameters,
    /// Bytes of the file.
    pub(crate) length: u64,
}

impl JobRecord {
    pub(crate) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waiting)
    }

    /// Bytes that it takes on disk.
    pub(crate) fn stored(&self) -> u64 {
        match self.stage {
            Stage::Waiting => self.bytes,
            Stage::Done { bytes, .. } => bytes,
            Stage::Failed { .. } => 0,
        }
    }

    /// Why it has no result.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &self.stage {
            Stage::Failed { code, message, .. } => Some(crate::failure::failure(*code, message)),
            _ => None,
        }
    }
}

mod name {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::store::ids::Client;

    pub(super) fn serialize<S: Serializer>(client: &Client, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(client)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Client, D::Error> {
        Ok(String::deserialize(deserializer)?.into())
    }
}
