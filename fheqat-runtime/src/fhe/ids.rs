//! Ids of keys and models.

use serde::{Deserialize, Serialize};

/// The id of a client key and its evaluation keys, drawn at random when they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId(pub(crate) Id);

/// The id of a compiled model, drawn at random: compiling again gives another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelId(pub(crate) Id);

/// 96 random bits.
pub(crate) type Id = [u8; 12];

impl KeyId {
    /// Its bytes, to name a file or a record by.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl ModelId {
    /// Its bytes, to name a file or a record by.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hexadecimal(&self.0, f)
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hexadecimal(&self.0, f)
    }
}

fn hexadecimal(id: &Id, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
