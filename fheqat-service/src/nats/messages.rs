//! What goes through NATS: a header in postcard, and behind it inputs or results as they are.

use bytes::Bytes;
use fheqat::fhe::{KeyId, ModelId};
use fheqat_client::{
    frames,
    wire::{Code, Failure},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    failure::failure,
    store::ids::{Id, JobId, Sha256},
};

/// The first byte of every message.
const FORMAT: u8 = 1;

/// A gateway or a worker: 64 random bits.
pub(super) type Name = Id<8>;

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is of another format, or damaged: run one version of fheqat on all machines")]
pub(super) struct Unreadable;

/// A job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JobHeader {
    pub(super) gateway: Name,
    pub(super) job: JobId,
    /// Another each time that it is sent.
    pub(super) sending: u64,
    pub(super) model: ModelId,
    pub(super) key_id: KeyId,
    /// The file of evaluation keys.
    pub(super) key: Sha256,
    /// The file of the server half.
    pub(super) half: Sha256,
    pub(super) samples: u32,
    pub(super) rotations: u32,
    /// It may end the process: no other job runs with it.
    pub(super) alone: bool,
    pub(super) body: Body,
}

/// Where inputs or results are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Body {
    /// Behind the header.
    Here,
    /// In the object store.
    Object { sha256: Sha256, length: u64 },
}

/// What became of a job at a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ResultHeader {
    pub(super) job: JobId,
    pub(super) sending: u64,
    pub(super) worker: Name,
    pub(super) answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Answer {
    Done(Body),
    Failed {
        code: String,
        message: String,
    },
    /// A key or a half is not in the object store.
    Lacks,
    /// The worker stops before it began the job.
    Returned,
}

/// What a worker says of itself every second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Announcement {
    pub(super) worker: Name,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) threads: u32,
    /// Samples that it wants to hold.
    pub(super) window: u32,
    /// Files of keys that are expanded.
    pub(super) keys: Vec<Sha256>,
    pub(super) held: Vec<Held>,
    pub(super) done: u64,
    pub(super) stops: bool,
}

/// A job that a worker has, and whose result is not in NATS.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) gateway: Name,
    pub(super) job: JobId,
    pub(super) samples: u32,
}

/// Rotations that are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) worker: Name,
    pub(super) jobs: Vec<(JobId, u64)>,
}

/// Jobs whose results are not wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cancelled(pub(super) Vec<JobId>);

impl Announcement {
    /// The longest name of a worker or version.
    pub(super) const TEXT: usize = 100;

    /// What is written of it elsewhere is bounded.
    pub(super) fn is_plausible(&self) -> bool {
        let is_short = |text: &str| text.len() <= Self::TEXT && !text.chars().any(char::is_control);
        is_short(&self.name) && is_short(&self.version) && self.threads > 0
    }
}

impl Answer {
    pub(super) fn failed(failure: &Failure) -> Self {
        let code = serde_json::to_value(failure.code).ok();
        let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or("internal").to_owned();
        Self::Failed { code, message: failure.message.clone() }
    }
}

/// The error that a worker sends; only those that a job can end with.
pub(super) fn read_failure(code: String, mut message: String) -> Failure {
    const LONGEST: usize = 2000;
    let code = serde_json::from_value(serde_json::Value::String(code)).unwrap_or(Code::Internal);
    let code = if matches!(code, Code::TooLong | Code::Malformed | Code::UnknownKey | Code::UnknownModel) {
        code
    } else {
        Code::Internal
    };
    message.truncate((0..=LONGEST).rev().find(|&end| message.is_char_boundary(end)).unwrap_or(0));
    failure(code, message)
}

/// A message of a header alone.
pub(super) fn write(header: &impl Serialize) -> Bytes {
    write_with(header, &[])
}

/// A message of a header and what is behind it.
pub(super) fn write_with(header: &impl Serialize, body: &[u8]) -> Bytes {
    // Nothing in a header fails to serialize.
    let header = postcard::to_extend(header, vec![FORMAT]).unwrap_or_default();
    frames::join(&[&header, body]).into()
}

/// A message's header, and what is behind it.
pub(super) fn read<T: DeserializeOwned>(message: &Bytes) -> Result<(T, Bytes), Unreadable> {
    let parts = frames::split(message, 2).map_err(|_| Unreadable)?;
    let [header, body] = parts[..] else { return Err(Unreadable) };
    let [FORMAT, header @ ..] = header else { return Err(Unreadable) };
    let (read, rest) = postcard::take_from_bytes(header).map_err(|_| Unreadable)?;
    if rest.is_empty() { Ok((read, message.slice_ref(body))) } else { Err(Unreadable) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn result() -> ResultHeader {
        let [job, worker] = [JobId::from_bytes([1; 16]).0[0], 2];
        let answer = Answer::Done(Body::Object { sha256: Sha256::of(b"x"), length: 9 });
        ResultHeader {
            job: JobId::from_bytes([job; 16]),
            sending: 3,
            worker: Name::from_bytes([worker; 8]),
            answer,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let message = write_with(&result(), b"body");
        assert_eq!(read::<ResultHeader>(&message).unwrap(), (result(), Bytes::from_static(b"body")));
        let message = write(&result());
        assert_eq!(read::<ResultHeader>(&message).unwrap().1, Bytes::new());
    }

    #[test]
    fn damaged_messages_are_refused() {
        let message = write_with(&result(), b"body");
        for end in 0..message.len() {
            assert_eq!(read::<ResultHeader>(&message.slice(..end)), Err(Unreadable), "{end}");
        }
        let mut other = message.to_vec();
        other[4] = FORMAT + 1;
        assert_eq!(read::<ResultHeader>(&other.into()), Err(Unreadable));
        let long = write(&(result(), 1_u8));
        assert_eq!(read::<ResultHeader>(&long), Err(Unreadable));
    }

    #[test]
    fn failures_keep_only_codes_of_jobs() {
        let sent = failure(Code::UnknownKey, "no key");
        let Answer::Failed { code, message } = Answer::failed(&sent) else { panic!("no failure") };
        assert_eq!(read_failure(code, message), sent);
        assert_eq!(read_failure("unauthorized".to_owned(), String::new()).code, Code::Internal);
        assert_eq!(read_failure(String::new(), "é".repeat(2000)).message.len(), 2000);
    }
}
