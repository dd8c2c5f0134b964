//! What can go wrong between a client and the service.

use std::time::Duration;

use fheqat::{
    artifact::ArtifactError,
    fhe::{DecryptError, EncryptError, KeyId, Mismatch},
    file::FileError,
};
use thiserror::Error;

use crate::wire::{Code, Failure};

/// Why a call to the service has no answer that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// What was given is not the address of a service.
    #[error("`{url}` is no address of a service ({reason}): give one like `https://host:8443`")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A token that cannot be sent.
    #[error("the token has characters that a header cannot have: give it without line breaks")]
    Token,
    /// A name that no model can have.
    #[error("`{name}` is no name of a model: `models` lists those that the service has")]
    Name {
        /// What was given.
        name: String,
    },
    /// The HTTP client cannot be made.
    #[error(
        "cannot prepare connections ({reason}): check the certificates, those of the system and those that were given"
    )]
    Setup {
        /// What is wrong.
        reason: String,
    },
    /// A server that cannot show that it is the one at this address.
    #[error(
        "cannot {doing}: the certificate of the server is not accepted ({reason}); check the address, or give the certificate of the authority that signed it (`--ca FILE`, `certificates` in Rust and Python)"
    )]
    Certificate {
        /// What was to be done.
        doing: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No request got through.
    #[error(
        "cannot {doing}: {attempts} attempts got no answer, the last: {reason}; check the address, and whether the service runs"
    )]
    Unreachable {
        /// What was to be done.
        doing: &'static str,
        /// How many requests were made since the last that brought anything on.
        attempts: u32,
        /// What became of the last one.
        reason: String,
    },
    /// The time for the whole call is over, or would be before the service wants to be asked again.
    #[error("cannot {doing} in {} s{}: allow a longer deadline, or try again later", .allowed.as_secs_f32(), because(.last.as_deref()))]
    Deadline {
        /// What was to be done.
        doing: &'static str,
        /// How long it was allowed to take.
        allowed: Duration,
        /// The last error before it, where there was one.
        last: Option<Box<Self>>,
    },
    /// The service refuses the request.
    #[error("cannot {doing}: {message} ({status})")]
    Refused {
        /// What was to be done.
        doing: &'static str,
        /// The status of HTTP.
        status: u16,
        /// What kind of error it is; nothing where something else than the service answered, or a newer one.
        code: Option<Code>,
        /// The service's words.
        message: String,
    },
    /// An answer that the service does not give.
    #[error("cannot {doing}: the answer {reason}; check that the address is that of a service of fheqat")]
    Answer {
        /// What was to be done.
        doing: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A job without a result.
    #[error("job {id} failed: {}", .failure.message)]
    Job {
        /// The job's id.
        id: String,
        /// Why.
        failure: Failure,
    },
    /// There is nothing to run.
    #[error("there are no encrypted inputs: give at least one")]
    Empty,
    /// A result that is damaged, or not that of its input.
    #[error("result {index}: {reason}")]
    Result {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client half that the service gave cannot be read.
    #[error("the client half that the service gave: {0}")]
    Half(ArtifactError),
    /// A file of keys that cannot be read.
    #[error("`{path}`: {reason}; move it away to have new keys made")]
    KeyFile {
        /// The file.
        path: String,
        /// What is wrong.
        reason: ArtifactError,
    },
    /// The two files of a key are of different keys.
    #[error(
        "`{path}` has the evaluation keys of key {found}, and the secret key beside it is {expected}: move both away to have new keys made"
    )]
    KeyPair {
        /// The file of evaluation keys.
        path: String,
        /// The id of the evaluation keys.
        found: KeyId,
        /// The id of the secret key.
        expected: KeyId,
    },
    /// A key and a model that do not belong together.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A sample that the model cannot take.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// A result that cannot be decrypted.
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    /// A file that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The folder of keys.
    #[error("cannot use the folder of keys `{path}`: {reason}")]
    Folder {
        /// The folder.
        path: String,
        /// What is wrong.
        reason: std::io::Error,
    },
}

impl Error {
    /// What kind of error the service answered with.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Job { failure, .. } => Some(failure.code),
            Self::Deadline { last, .. } => last.as_ref().and_then(|last| last.code()),
            _ => None,
        }
    }
}

fn because(last: Option<&Error>) -> String {
    last.map_or_else(String::new, |last| format!(" (the last error: {last})"))
}
