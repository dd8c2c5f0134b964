//! The layers of a network, how it runs on plain data, and the integers that it becomes.

pub mod assembled;
pub(crate) mod check;
pub mod dimensions;
pub mod error;
mod floats;
pub(crate) mod gradients;
pub mod lower;
pub(crate) mod matrix;
mod misfit;
pub mod module;
pub(crate) mod multiply;
pub(crate) mod noise;
pub(crate) mod ops;
pub mod precision;
pub(crate) mod program;
pub mod prune;
mod pytorch;
pub mod quantized;
pub(crate) mod runner;
pub(crate) mod targets;
pub mod tensors;
pub(crate) mod usable;
pub(crate) mod weights;

pub use assembled::Assembled;
pub use error::{ConstantsError, NetworkError, Unusable};
#[doc(hidden)]
pub use ops::quantizer::is_signed;
pub use ops::{layers, linear::LinearState, norm::NormState, quantizer::QuantizerState};
pub use precision::Precision;
