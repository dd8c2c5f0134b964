//! The operating system's entropy, which keys, masks, noise and names draw on.

use tfhe::core_crypto::{commons::math::random::Seed as TorusSeed, prelude::Seeder};

use super::ids::Id;

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
