//! A client of fheqat's prediction service.

pub mod frames;
pub mod wire;
