//! What runs behind fheqat: training on plain data, integer circuits, and encrypted inference.

pub mod circuit;
pub mod error;
#[cfg(feature = "fhe")]
pub mod fhe;
pub mod nn;
#[cfg(feature = "fhe")]
pub mod params;
pub mod quant;
mod seed;

pub use fheqat_spec as spec;
pub use seed::Seed;
