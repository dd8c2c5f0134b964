//! The layers that a struct may have.

pub use super::ops::{
    join::{Concat, Flatten, Reshape},
    linear::{LinearState, QuantConv1d, QuantConv2d, QuantLinear},
    norm::{BatchNorm, NormState},
    permute::Transpose,
    pool::{AvgPool2d, GlobalAvgPool2d},
    quantizer::{QuantAct, QuantIdentity, QuantReLU, QuantizerState},
    sum::Add,
};

#[doc(hidden)]
pub use super::ops::quantizer::is_signed;
