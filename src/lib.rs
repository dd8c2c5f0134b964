#![cfg_attr(feature = "fhe", doc = include_str!(concat!(env!("OUT_DIR"), "/README.md")))]
#![cfg_attr(not(feature = "fhe"), doc = "Quantization-aware training with compile-time bounds.")]

/// The guide, chapter by chapter, and the error index.
#[cfg(all(feature = "fhe", any(doc, doctest)))]
pub mod book;
mod explained;
mod main_error;

pub use explained::explained;
/// ```
/// use fheqat::prelude::*;
///
/// const HIDDEN: usize = 100;
///
/// #[quant_net(bits = 3, max_nonzero = 30)]
/// struct Checkerboard {
///     quant_inp: QuantIdentity,
///     fc1: QuantLinear<2, HIDDEN>,
///     relu1: QuantReLU,
///     #[layer(weight_bits = 4)]
///     fc2: QuantLinear<HIDDEN, 2>,
/// }
///
/// assert_eq!(Checkerboard::SPEC.fields.len(), 4);
/// ```
///
pub use fheqat_macros::quant_net;
#[cfg(feature = "page")]
pub use fheqat_page as page;
pub use fheqat_runtime::*;
pub use main_error::MainError;
pub use ndarray;

/// What a program that trains and runs a network needs.
pub mod prelude {
    #[cfg(feature = "client")]
    pub use crate::fhe::{Client, ClientHalf, ClientKey, DecryptError, EncryptError};
    #[cfg(feature = "server")]
    pub use crate::fhe::{Control, RunError, Server, ServerError, ServerHalf, ServerKey, ThreadError};
    #[cfg(any(feature = "client", feature = "server"))]
    pub use crate::fhe::{EncryptedInput, EncryptedOutput, EvaluationKeys, Mismatch};
    pub use crate::{
        MainError, Seed,
        circuit::{Circuit, Logits},
        data::Dataset,
        network::Network,
        nn::{Precision, layers::*, module::Layers},
        params::Log2Probability,
        quant::activation::{
            Activation, Clip, ELU, Gelu, GeluErf, HardSigmoid, HardSwish, HardTanh, LeakyReLU, Mish, ReLU6,
            SELU, SiLU, Sigmoid, Softplus, Softsign, Tanh, Threshold,
        },
        quant_net,
        train::{ClassWeights, CostSearch, FeatureMap, SelectBy, TrainConfig},
    };
    #[cfg(feature = "fhe")]
    pub use crate::{
        compile::{CompileError, CompileOptions, Compiled},
        params::{Results, SmallKey, cost::Prices, objective::Objective},
    };
}

/// What the expansion of [`quant_net`] names.
#[doc(hidden)]
pub mod __private {
    pub use fheqat_runtime::{
        nn::{
            dimensions::dimension,
            is_signed,
            module::{Init, LayerMut, LayerRef, Layers, Module, Parts},
        },
        spec,
    };
}
