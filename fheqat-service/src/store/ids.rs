//! Names of what the store keeps.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::Digest;

/// Who asks: the name of a token, or [`OPEN`] where there are none.
pub(crate) type Client = Arc<str>;

/// The client of a server without tokens. No token may have this name.
pub(crate) const OPEN: &str = "everyone";

/// A job's id: 128 random bits.
pub(crate) type JobId = Id<16>;

/// The SHA-256 of a file.
pub(crate) type Sha256 = Id<32>;

/// Bytes that are written as lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Id<const N: usize>(pub(crate) [u8; N]);

/// Not the digits of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has {digits} lower-case hexadecimal digits")]
pub(crate) struct IdError {
    digits: usize,
}

impl JobId {
    /// A new one, from the operating system's entropy.
    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl Sha256 {
    /// The hash of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl<const N: usize> Id<N> {
    pub(crate) const fn from_bytes(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> fmt::Display for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Id<N> {
    type Err = IdError;

    fn from_str(digits: &str) -> Result<Self, IdError> {
        let error = IdError { digits: 2 * N };
        if digits.len() != 2 * N {
            return Err(error);
        }
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(error),
        };
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl<const N: usize> TryFrom<String> for Id<N> {
    type Error = IdError;

    fn try_from(digits: String) -> Result<Self, IdError> {
        digits.parse()
    }
}

impl<const N: usize> From<Id<N>> for String {
    fn from(id: Id<N>) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let id = Id([0x00, 0x9f, 0xe1]);
        assert_eq!(id.to_string(), "009fe1");
        assert_eq!("009fe1".parse(), Ok(id));
    }

    #[test]
    fn other_digits_are_refused() {
        for digits in ["", "009fe", "009FE1", "009fe1a", "00 fe1", "../../", "é09fe"] {
            assert_eq!(digits.parse::<Id<3>>(), Err(IdError { digits: 6 }), "{digits}");
        }
    }
}
