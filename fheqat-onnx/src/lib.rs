//! Quantized networks as ONNX.
//!
//! [`import`] reads the QONNX (`Quant`) and QCDQ (`QuantizeLinear`, `Clip`, `DequantizeLinear`) that Brevitas and others write. It
//! gives the annotated struct as Rust source with its weights, and the network itself, ready to run. Every law that
//! `#[quant_net]` checks is checked, and all that cannot be imported is listed at once.
//!
//! [`export`] writes a trained network as QONNX, or as ONNX of integer-valued floats that any runtime executes exactly.
//!
//! ```
//! use fheqat_onnx::{ImportOptions, import};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/guide_mlp.qonnx.onnx");
//! let options = ImportOptions { name: "guide".to_owned(), ..ImportOptions::default() };
//! let imported = import(&std::fs::read(path)?, &options)?;
//! assert!(imported.source().contains("fc1: QuantLinear<2, 24>,"));
//! let circuit = imported.network()?.circuit()?;
//! assert_eq!(circuit.simulate(&[0.3, -1.2])?.values.len(), 2);
//! # Ok(())
//! # }
//! ```

mod build;
mod curve;
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
mod ratio;
mod sliding;
mod source;
mod tensor;
mod ties;
mod walk;
mod weights;
mod wire;

pub use imported::{ImportOptions, Imported, import};
pub use problem::{ImportError, Note, Problem};
