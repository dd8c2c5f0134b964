//! Trained networks as ONNX.
//!
//! [`integers`] gives a graph of integer-valued floats, whose results any runtime computes exactly. [`qonnx`] gives a graph of
//! `Quant` nodes, as Brevitas writes it, which [`import`](crate::import) and the tools around QONNX read.

mod curves;
mod integers;
mod moves;
mod parts;
mod qonnx;
mod table;
mod writer;

use fheqat_runtime::nn::NetworkError;
use thiserror::Error;

pub use self::{integers::integers, parts::Trained, qonnx::qonnx};

/// A network that cannot be exported.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It does not run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A layer that has no counterpart.
    #[error("`{field}` cannot be exported: {reason}")]
    Layer {
        /// The field.
        field: String,
        /// Why not, and what to do.
        reason: String,
    },
}
