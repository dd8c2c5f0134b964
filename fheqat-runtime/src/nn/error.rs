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

/// Constants that a `Mul` or a `ConstantAdd` cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConstantsError {
    /// Neither one number for all channels, nor one for each.
    #[error("{found} constants for {channels} channels: give one for all of them, or one for each")]
    Count {
        /// How many were given.
        found: usize,
        /// How many channels there are.
        channels: usize,
    },
    /// A number that is not finite.
    #[error("the constant of channel {channel} is {value}: give a finite number")]
    Infinite {
        /// The channel.
        channel: usize,
        /// The number.
        value: f32,
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
