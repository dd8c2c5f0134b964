//! Quantization after training.

use serde::{Deserialize, Serialize};

use super::{
    TrainError,
    calibrate::{Purpose, calibrate},
    config::within,
};
use crate::{data::Dataset, nn::program::Program, quant::Observer};

/// How to quantize a network that was trained in float.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PtqConfig {
    /// How the steps of quantizers are chosen.
    pub observer: Observer,
}

impl Default for PtqConfig {
    fn default() -> Self {
        Self { observer: Observer::MeanSquaredError }
    }
}

/// Chooses scales of least squared error and steps by observing `data`; float weights and biases stay.
///
/// # Errors
/// When the data has another width than the network, or an option is out of range.
pub(crate) fn quantize(program: &mut Program, data: &Dataset, config: PtqConfig) -> Result<(), TrainError> {
    if let Observer::Percentile(fraction) = config.observer {
        within("percentile", fraction, 0.0..=1.0)?;
    }
    if data.width() != program.features {
        return Err(TrainError::Width { found: data.width(), expected: program.features });
    }
    program.make_float();
    Ok(calibrate(program, &data.features(), config.observer, Purpose::Keep)?)
}
