//! Models, keys and ciphertexts as bytes.
//!
//! A file begins with the signature `fheqat`, its kind, the format of that kind, the version of fheqat that wrote it, and a checksum. Each
//! kind has its own format, a number that rises when its payload changes. A build refuses formats that it does not read; of a newer one it
//! says which version of fheqat wrote it.

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::params::Bytes;

/// Why bytes cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// Not a file of fheqat.
    #[error(
        "these bytes are no {expected}: {}, give those that `to_bytes` gave, neither packed nor encoded", start(.found)
    )]
    Magic {
        /// What was expected.
        expected: &'static str,
        /// The first bytes, at most six.
        found: Vec<u8>,
    },
    /// A file of fheqat that ends within its header.
    #[error("the {what} is cut off after {found} bytes: copy it again")]
    Cut {
        /// What was expected.
        what: &'static str,
        /// How many bytes there are.
        found: usize,
    },
    /// A file of fheqat, but of another kind.
    #[error("these bytes are those of another kind of file ({found}): give those of the {expected}")]
    Kind {
        /// What they are.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A format that this build no longer reads.
    #[error(
        "the {what} has format {found}, and this build reads format {oldest} and newer: make it again, or read it with the version of fheqat that wrote it"
    )]
    Older {
        /// What was expected.
        what: &'static str,
        /// Its format.
        found: u16,
        /// The oldest that this build reads.
        oldest: u16,
    },
    /// A format that this build does not know yet.
    #[error(
        "the {what} has format {found}, which fheqat {writer} wrote, and this build is fheqat {} and reads formats up to {newest}: update fheqat", env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// What was expected.
        what: &'static str,
        /// Its format.
        found: u16,
        /// The newest that this build reads.
        newest: u16,
        /// The version of fheqat that wrote it.
        writer: Writer,
    },
    /// Damaged: the checksum differs.
    #[error("the {what} is damaged: its checksum differs, copy it again")]
    Checksum {
        /// What was expected.
        what: &'static str,
    },
    /// A server half whose samples take more memory than is allowed.
    #[error(
        "a sample of this server half takes {found}, and {allowed} are allowed: allow more with `ServerHalf::from_bytes_within`"
    )]
    Memory {
        /// What a sample takes.
        found: Bytes,
        /// The most that was allowed.
        allowed: Bytes,
    },
    /// The checksum is right, but fheqat writes no such content.
    #[error("the {what} is malformed ({reason}): make it again")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// The version of fheqat that wrote an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Major, minor and patch; numbers above 255 become 255.
    pub version: [u8; 3],
}

/// ```text
/// bytes  0..6   6     7..9    9..12    12..20    20..
///        mark   kind  format  writer   checksum  payload, by postcard
/// ```
/// The places of kind and format never change, so that every version can name what it cannot read. The checksum, the first 8 bytes
/// of a SHA-256 of all other bytes, finds damage; it proves nothing about who made the file.
const MARK: &[u8; 6] = b"fheqat";
const KIND_AT: usize = MARK.len();
const FORMAT_AT: usize = KIND_AT + 1;
const WRITER_AT: usize = FORMAT_AT + 2;
const CHECKSUM_AT: usize = WRITER_AT + 3;
const HEADER: usize = CHECKSUM_AT + CHECKSUM;
const CHECKSUM: usize = 8;

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A [`Circuit`](crate::circuit::Circuit).
    Circuit = 0,
    /// A client's secret key.
    ClientKey = 1,
    // 2 was a server key with its plan, up to format 5.
    /// One encrypted sample.
    Input = 3,
    /// The encrypted outputs of one sample.
    Output = 4,
    /// Measured [`Prices`](crate::params::cost::Prices).
    Prices = 5,
    /// The client half of a model.
    ClientHalf = 6,
    /// The server half of a model.
    ServerHalf = 7,
    /// A client's evaluation keys.
    EvaluationKeys = 8,
}

/// What the first bytes of an artifact say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// The format of its payload.
    pub format: u16,
    /// The version of fheqat that wrote it.
    pub writer: Writer,
}

/// What can be written as a file.
pub(crate) trait Artifact: Serialize + DeserializeOwned {
    const KIND: Kind;
    /// Raised when the payload of this kind changes.
    const FORMAT: u16 = 6;

    /// About how many bytes the payload takes.
    fn size_hint(&self) -> usize {
        0
    }
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Circuit,
        Self::ClientKey,
        Self::Input,
        Self::Output,
        Self::Prices,
        Self::ClientHalf,
        Self::ServerHalf,
        Self::EvaluationKeys,
    ];

    /// What it is called in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Circuit => "circuit",
            Self::ClientKey => "client key",
            Self::Input => "encrypted input",
            Self::Output => "encrypted output",
            Self::Prices => "table of prices",
            Self::ClientHalf => "client half",
            Self::ServerHalf => "server half",
            Self::EvaluationKeys => "set of evaluation keys",
        }
    }
}

impl Header {
    /// Reads the header of an artifact of any kind and format. The payload may still be damaged.
    ///
    /// # Errors
    /// When the bytes are no artifact, or of a kind that this build does not know.
    pub fn of(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::expecting(bytes, "file of fheqat")
    }

    fn expecting(bytes: &[u8], expected: &'static str) -> Result<Self, ArtifactError> {
        if !bytes.starts_with(MARK) {
            let found = bytes[..bytes.len().min(MARK.len())].to_vec();
            return Err(ArtifactError::Magic { expected, found });
        }
        if bytes.len() < HEADER {
            return Err(ArtifactError::Cut { what: expected, found: bytes.len() });
        }
        let found = "one that this version does not know";
        let kind = Kind::ALL.into_iter().find(|&kind| kind as u8 == bytes[KIND_AT]);
        let kind = kind.ok_or(ArtifactError::Kind { found, expected })?;
        let format = u16::from_le_bytes([bytes[FORMAT_AT], bytes[FORMAT_AT + 1]]);
        let writer = Writer { version: std::array::from_fn(|index| bytes[WRITER_AT + index]) };
        Ok(Self { kind, format, writer })
    }
}

impl Writer {
    fn this() -> Self {
        let mut numbers =
            env!("CARGO_PKG_VERSION").split('.').map(|number| number.parse().unwrap_or(u8::MAX));
        Self { version: std::array::from_fn(|_| numbers.next().unwrap_or(0)) }
    }
}

impl std::fmt::Display for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.version;
        write!(f, "{major}.{minor}.{patch}")
    }
}

pub(crate) fn malformed<A: Artifact>(reason: &str) -> ArtifactError {
    ArtifactError::Malformed { what: A::KIND.name(), reason: reason.to_owned() }
}

fn start(found: &[u8]) -> String {
    if found.is_empty() {
        return "there are none".to_owned();
    }
    format!("they start with `{}` where `{}` belongs", found.escape_ascii(), MARK.escape_ascii())
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    hash.update(&bytes[..CHECKSUM_AT]);
    hash.update(&bytes[HEADER..]);
    let digest = hash.finalize();
    std::array::from_fn(|index| digest[index])
}

pub(crate) fn to_bytes<A: Artifact>(value: &A) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER + value.size_hint() + 256);
    header.extend_from_slice(MARK);
    header.push(A::KIND as u8);
    header.extend_from_slice(&A::FORMAT.to_le_bytes());
    header.extend_from_slice(&Writer::this().version);
    header.extend_from_slice(&[0; CHECKSUM]);
    let mut bytes = postcard::to_extend(value, header).unwrap_or_default();
    let checksum = checksum(&bytes);
    bytes[CHECKSUM_AT..HEADER].copy_from_slice(&checksum);
    bytes
}

pub(crate) fn from_bytes<A: Artifact>(bytes: &[u8]) -> Result<A, ArtifactError> {
    let expected = A::KIND.name();
    let Header { kind, format: found, writer } = Header::expecting(bytes, expected)?;
    if kind != A::KIND {
        return Err(ArtifactError::Kind { found: kind.name(), expected });
    }
    if found > A::FORMAT {
        return Err(ArtifactError::Newer { what: expected, found, newest: A::FORMAT, writer });
    }
    if found < A::FORMAT {
        return Err(ArtifactError::Older { what: expected, found, oldest: A::FORMAT });
    }
    if checksum(bytes)[..] != bytes[CHECKSUM_AT..HEADER] {
        return Err(ArtifactError::Checksum { what: expected });
    }
    match postcard::take_from_bytes(&bytes[HEADER..]) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(malformed::<A>(&format!("it has {} bytes too many", rest.len()))),
        Err(error) => Err(malformed::<A>(&error.to_string())),
    }
}

/// The size of a value's file: `value` has empty fields, which will take the bytes in `fields`.
#[cfg(any(feature = "client", feature = "fhe"))]
pub(crate) fn size<A: Artifact>(value: &A, fields: &[usize]) -> crate::params::Bytes {
    // Of a field's length postcard takes seven bits a byte; that of an empty one is counted with the value.
    let field = |&bytes: &usize| bytes + bytes.max(1).ilog2() as usize / 7;
    let value = postcard::to_allocvec(value).map_or(0, |bytes| bytes.len());
    crate::params::Bytes((HEADER + value + fields.iter().map(field).sum::<usize>()) as u64)
}

/// A `u128` as 16 bytes: postcard would take up to 19.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod fixed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        number.to_le_bytes().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        Ok(u128::from_le_bytes(<[u8; 16]>::deserialize(deserializer)?))
    }
}

/// Bytes as they are.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod bytes {
    use std::fmt;

    use serde::{
        Deserializer, Serializer,
        de::{Error, Visitor},
    };

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

/// Integers as little-endian bytes: postcard would take ten bytes for a random `u64`.
#[cfg(any(feature = "client", feature = "server"))]
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
