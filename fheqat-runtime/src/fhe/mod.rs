//! Encrypted execution: keys and ciphertexts, no decisions. Those are in [`compile`](crate::compile).
//!
//! A client half generates keys; a client, which is a client half and a client key, encrypts and decrypts; a server, which is a server
//! half and a server key, runs.

#[cfg(feature = "client")]
mod balanced;
pub mod ciphertexts;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub(crate) mod entropy;
pub mod error;
pub mod evaluation_keys;
pub mod ids;
pub(crate) mod packing_keys;
pub(crate) mod rounded;
#[cfg(feature = "client")]
pub(crate) mod secrets;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "client")]
mod sizes;
#[cfg(all(test, feature = "fhe"))]
mod tests;

pub use ciphertexts::{EncryptedInput, EncryptedOutput};
#[cfg(feature = "client")]
pub use client::{Client, ClientHalf, ClientKey};
pub use error::{DecryptError, EncryptError, Mismatch, RunError, ServerError, ThreadError};
pub use evaluation_keys::EvaluationKeys;
pub use ids::{KeyId, ModelId};
#[cfg(feature = "server")]
pub use server::{Control, Server, ServerHalf, ServerKey};
#[cfg(feature = "client")]
pub use sizes::Sizes;
