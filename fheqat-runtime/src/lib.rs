//! What runs behind fheqat: training on plain data, integer circuits, and encrypted inference.

pub mod circuit;
pub mod data;
pub mod error;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod nn;
pub mod prune;
pub mod quant;
mod seed;
pub mod train;

pub use fheqat_spec as spec;
pub use seed::Seed;
