//! Ids of keys and models.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 96 random bits.
pub(crate) type Id = [u8; 12];

macro_rules! ids {
    ($($(#[$meaning:meta])* $name:ident;)*) => {$(
        $(#[$meaning])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub(crate) Id);

        impl $name {
            /// Its bytes, to name a file or a record by.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    )*};
}

ids! {
    /// The id of a client key and its evaluation keys, drawn at random when they are made.
    KeyId;
    /// The id of a compiled model, drawn at random: compiling again gives another.
    ModelId;
}
