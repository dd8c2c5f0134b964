#![doc = include_str!("../README.md")]

pub use fheqat_macros::quant_net;
pub use fheqat_runtime::*;

/// What a program that trains and runs a network needs.
pub mod prelude {
    #[cfg(feature = "fhe")]
    pub use crate::fhe::{ClientKey, CompileOptions, Compiled, ServerKey};
    pub use crate::{
        Seed,
        circuit::{Circuit, Logits},
        data::Dataset,
        nn::{
            Precision,
            layer::{QuantIdentity, QuantLinear, QuantReLU},
            network::Network,
        },
        quant_net,
        train::TrainConfig,
    };
}

/// What the expansion of [`quant_net`] names.
#[doc(hidden)]
pub mod __private {
    pub use fheqat_runtime::{
        nn::{
            layer::{LayerMut, LayerRef, Module},
            network::{Init, Network},
        },
        spec,
    };
}
