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

/// What a network has learned, and cannot run with.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A number that a layer has learned, or that follows from what it has learned.
    #[error("`{field}` has a {part} of {value}, with which it cannot run")]
    Number {
        /// The field.
        field: String,
        /// What the number is.
        part: &'static str,
        /// The number.
        value: f32,
    },
    /// Two encoders behind one layer of the client, which reads transformed features once for both.
    #[error(
        "`{first}` and `{second}` are behind `{layer}`, and have different transforms of the features it reads"
    )]
    Transforms {
        /// The layer of the client.
        layer: String,
        /// One encoder.
        first: String,
        /// The other.
        second: String,
    },
}
