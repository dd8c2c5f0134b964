//! The layers of a network and the trait that `#[quant_net]` implements.

pub mod dimensions;
pub mod layer;
mod module;
pub mod network;
