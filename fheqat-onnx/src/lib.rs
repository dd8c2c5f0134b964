//! Quantized networks as ONNX.
//!
//! [`import`] reads the QONNX (`Quant`) and QCDQ (`QuantizeLinear`, `Clip`, `DequantizeLinear`) that Brevitas and others write. It
//! gives the annotated struct as Rust source with its weights, and the network itself, ready to run. Every law that
//! `#[quant_net]` checks is checked, and all that cannot be imported is listed at once.
//!
//! [`export`] writes a trained network as QONNX, or as ONNX of integer-valued floats that any runtime executes exactly.

mod build;
pub mod export;
mod expr;
mod graph;
mod imported;
mod names;
mod node;
mod ops;
mod plan;
mod problem;
pub mod proto;
mod quantization;
mod source;
mod tensor;
mod ties;
mod walk;
mod weights;
mod wire;

pub use imported::{ImportOptions, Imported, import};
pub use problem::{ImportError, Note, Problem};
