//! The operating system's entropy, which keys, masks and noise draw on, and identifiers made of it.

use serde::{Deserialize, Serialize};
use tfhe::core_crypto::{commons::math::random::Seed as TorusSeed, prelude::Seeder};

/// Names one key generation. Random, so it says nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId(pub(crate) Id);

/// Names one compilation of one circuit. Random, so it says nothing of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelId(pub(crate) Id);

/// 96 random bits.
pub(crate) type Id = [u8; 12];

/// Seeds from the operating system, and nothing else: a generator of the processor can neither replace it nor keep it waiting.
pub(crate) struct SystemSeeder;

impl Seeder for SystemSeeder {
    /// # Panics
    /// When the operating system has no entropy: nothing may be encrypted then.
    fn seed(&mut self) -> TorusSeed {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
        TorusSeed(u128::from_le_bytes(bytes))
    }

    fn is_available() -> bool {
        true
    }
}

/// The first 96 bits of a seed.
pub(crate) fn new_id(seeder: &mut (dyn Seeder + 'static)) -> Id {
    let bytes = seeder.seed().0.to_le_bytes();
    std::array::from_fn(|index| bytes[index])
}

impl KeyId {
    /// Its bytes: a name for a file or a record.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl ModelId {
    /// Its bytes: a name for a file or a record.
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
