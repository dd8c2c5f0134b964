//! Quantization-aware training with compile-time bounds, and encrypted inference under TFHE.

pub use fheqat_macros::quant_net;
pub use fheqat_runtime::*;

/// What a program that trains and runs a network needs.
pub mod prelude {
    pub use crate::{
        Seed,
        nn::{
            layer::{QuantIdentity, QuantLinear, QuantReLU},
            network::Network,
        },
        quant_net,
    };
}

/// What the expansion of [`quant_net`] names.
#[doc(hidden)]
pub mod __private {
    pub use fheqat_runtime::{
        nn::{
            dimensions::dimension,
            layer::{LayerMut, LayerRef, Module},
            network::{Init, Network},
        },
        spec,
    };
}
