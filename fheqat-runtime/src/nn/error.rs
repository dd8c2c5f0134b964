//! Networks that cannot run.

use thiserror::Error;

/// A network that cannot run, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A law is broken.
    #[error("{message}")]
    Law {
        /// The message that the macro gives.
        message: String,
    },
    /// The specification says something else than the layers are.
    #[error("`{field}` does not agree with its specification: derive the network with `#[quant_net]`")]
    Mismatch {
        /// The field.
        field: String,
    },
    /// A layer that no data has calibrated.
    #[error(
        "`{field}` is not calibrated: train the network in quantized precision, or quantize it after training"
    )]
    NotCalibrated {
        /// The field.
        field: String,
    },
}

/// A number that a layer has learned, or that follows from what it has learned, with which no network can run.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("`{field}` has a {part} of {value}, with which it cannot run")]
pub struct Unusable {
    /// The field.
    pub field: String,
    /// What the number is.
    pub part: &'static str,
    /// The number.
    pub value: f32,
}
