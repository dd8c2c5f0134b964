//! Keys and ciphertexts as bytes: a mark, a kind, a version, a checksum, and postcard.

use std::{fs, io::Write, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::error::ArtifactError;

const MARK: &[u8; 6] = b"fheqat";
const VERSION: u16 = 1;
const DIGEST: usize = 32;
const HEADER: usize = MARK.len() + 1 + 2 + DIGEST;

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ClientKey = 1,
    ServerKey = 2,
    Input = 3,
    Output = 4,
}

/// Something with a byte form.
pub(crate) trait Artifact: Serialize + DeserializeOwned {
    const KIND: Kind;
}

impl Kind {
    const ALL: [Self; 4] = [Self::ClientKey, Self::ServerKey, Self::Input, Self::Output];

    const fn name(self) -> &'static str {
        match self {
            Self::ClientKey => "client key",
            Self::ServerKey => "server key",
            Self::Input => "encrypted input",
            Self::Output => "encrypted output",
        }
    }
}

pub(crate) fn malformed<A: Artifact>(reason: &str) -> ArtifactError {
    ArtifactError::Malformed { what: A::KIND.name(), reason: reason.to_owned() }
}

pub(crate) fn to_bytes<A: Artifact>(value: &A) -> Vec<u8> {
    let payload = postcard::to_stdvec(value).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MARK);
    bytes.push(A::KIND as u8);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&payload));
    bytes.extend_from_slice(&payload);
    bytes
}

pub(crate) fn from_bytes<A: Artifact>(bytes: &[u8]) -> Result<A, ArtifactError> {
    let expected = A::KIND.name();
    let (Some(header), Some(payload)) = (bytes.get(..HEADER), bytes.get(HEADER..)) else {
        return Err(ArtifactError::Magic { expected });
    };
    let (mark, header) = header.split_at(MARK.len());
    if mark != MARK {
        return Err(ArtifactError::Magic { expected });
    }
    let version = u16::from_le_bytes([header[1], header[2]]);
    if version != VERSION {
        return Err(ArtifactError::Version { found: version, expected: VERSION });
    }
    match Kind::ALL.into_iter().find(|&kind| kind as u8 == header[0]) {
        Some(kind) if kind == A::KIND => {}
        Some(kind) => return Err(ArtifactError::Kind { found: kind.name(), expected }),
        None => return Err(ArtifactError::Magic { expected }),
    }
    if Sha256::digest(payload)[..] != header[3..] {
        return Err(ArtifactError::Checksum { what: expected });
    }
    postcard::from_bytes(payload)
        .map_err(|error| ArtifactError::Malformed { what: expected, reason: error.to_string() })
}

/// Writes a file whole or not at all: to a neighbour first, which then takes its name.
///
/// # Errors
/// Names the file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let failed = |source| ArtifactError::Io { path: path.display().to_string(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fs::File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&part);
        failed(source)
    })
}

/// Reads a file.
///
/// # Errors
/// Names the file.
pub fn read(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    fs::read(path).map_err(|source| ArtifactError::Io { path: path.display().to_string(), source })
}

/// Integers as little-endian bytes: postcard would take ten bytes for a random `u64`.
pub(crate) mod words {
    use std::fmt;

    use serde::{
        Deserializer, Serializer,
        de::{Error, Visitor},
    };

    pub(crate) trait Word: Sized {
        const BYTES: usize;
        fn put(&self, bytes: &mut Vec<u8>);
        fn get(bytes: &[u8]) -> Self;
    }

    impl Word for u32 {
        const BYTES: usize = 4;

        fn put(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(&self.to_le_bytes());
        }

        fn get(bytes: &[u8]) -> Self {
            bytes.iter().rev().fold(0, |word, &byte| word << 8 | Self::from(byte))
        }
    }

    impl Word for u64 {
        const BYTES: usize = 8;

        fn put(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(&self.to_le_bytes());
        }

        fn get(bytes: &[u8]) -> Self {
            bytes.iter().rev().fold(0, |word, &byte| word << 8 | Self::from(byte))
        }
    }

    pub(crate) fn serialize<S: Serializer, W: Word>(words: &[W], serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(words.len() * W::BYTES);
        for word in words {
            word.put(&mut bytes);
        }
        serializer.serialize_bytes(&bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, W: Word>(
        deserializer: D,
    ) -> Result<Vec<W>, D::Error> {
        struct Words<W>(std::marker::PhantomData<W>);

        impl<W: Word> Visitor<'_> for Words<W> {
            type Value = Vec<W>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a multiple of {} bytes", W::BYTES)
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<W>, E> {
                let chunks = bytes.chunks_exact(W::BYTES);
                if chunks.remainder().is_empty() {
                    Ok(chunks.map(W::get).collect())
                } else {
                    Err(E::invalid_length(bytes.len(), &self))
                }
            }
        }

        deserializer.deserialize_bytes(Words(std::marker::PhantomData))
    }
}
