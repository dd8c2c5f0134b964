//! Encrypted execution: keys and ciphertexts, no decisions. Those are in [`compile`](crate::compile).
//!
//! A [`Plan`](crate::plan::Plan) generates keys; a client key encrypts and decrypts; a server key runs.

mod balanced;
pub mod ciphertexts;
pub mod error;
pub(crate) mod key_switch;
pub mod keys;
pub(crate) mod packed;
mod product;
pub(crate) mod rotate;
pub(crate) mod running;
mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod workers;

pub use ciphertexts::{EncryptedInput, EncryptedOutput};
pub use error::{DecryptError, EncryptError, Mismatch, RunError, ThreadError};
pub use keys::{ClientKey, KeyId, ServerKey};
pub use schedule::Control;
