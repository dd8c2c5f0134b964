//! Circuits, keys and ciphertexts as bytes: a mark, a kind, a version, a checksum, and postcard.

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why bytes are not what they should be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// Not one of ours.
    #[error("these bytes are no {expected} of fheqat: they start with another mark")]
    Magic {
        /// What was expected.
        expected: &'static str,
    },
    /// Ours, but something else.
    #[error("these bytes are a {found}, not a {expected}")]
    Kind {
        /// What they are.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// Of another format.
    #[error(
        "these bytes have format {found}, and this build reads {expected}: make them again with this version"
    )]
    Version {
        /// Their format.
        found: u16,
        /// This build's.
        expected: u16,
    },
    /// Damaged.
    #[error("the {what} is damaged: its checksum differs, copy it again")]
    Checksum {
        /// What was expected.
        what: &'static str,
    },
    /// Well copied, but not made by us.
    #[error("the {what} is malformed ({reason}): make it again")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

const MARK: &[u8; 6] = b"fheqat";
const VERSION: u16 = 6;
const DIGEST: usize = 32;
const HEADER: usize = MARK.len() + 1 + 2 + DIGEST;

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Circuit = 0,
    ClientKey = 1,
    ServerKey = 2,
    Input = 3,
    Output = 4,
    Prices = 5,
}

/// Something with a byte form.
pub(crate) trait Artifact: Serialize + DeserializeOwned {
    const KIND: Kind;
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Circuit, Self::ClientKey, Self::ServerKey, Self::Input, Self::Output, Self::Prices];

    const fn name(self) -> &'static str {
        match self {
            Self::Circuit => "circuit",
            Self::ClientKey => "client key",
            Self::ServerKey => "server key",
            Self::Input => "encrypted input",
            Self::Output => "encrypted output",
            Self::Prices => "table of prices",
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

#[cfg(feature = "fhe")]
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
