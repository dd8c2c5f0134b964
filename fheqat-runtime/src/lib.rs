//! What runs behind fheqat: training on plain data, integer circuits, and encrypted inference.

pub mod artifact;
pub mod circuit;
#[cfg(feature = "fhe")]
pub mod compile;
pub mod data;
pub mod error;
#[cfg(any(feature = "client", feature = "server"))]
pub mod fhe;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod network;
pub mod nn;
pub mod params;
#[cfg(any(feature = "client", feature = "server"))]
pub mod plan;
pub mod prices;
pub mod quant;
pub mod report;
mod seed;
pub mod train;
mod unoptimized;
mod vectors;

pub use fheqat_spec as spec;
pub use seed::Seed;
