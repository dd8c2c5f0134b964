//! Quantization after training.

use fheqat_spec::Bias;
use ndarray::aview1;
use serde::{Deserialize, Serialize};

use super::{
    calibrate::{Purpose, calibrate},
    config::FeatureMap,
    encode,
    error::{TrainError, within},
};
use crate::{
    data::Dataset,
    error::check_width,
    nn::{
        ops::{Op, reading::Reading},
        program::Program,
    },
    quant::{Observer, Standardization, Transform},
};

/// How to quantize a network that was trained in float.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PtqConfig {
    /// How the steps of quantizers are chosen. Default: [`Observer::MeanSquaredError`].
    pub observer: Observer,
    /// Whether a network that reads features as they are starts to read their deviations from the mean, measured on the
    /// data given; the weights and biases behind them change so that the float function stays. Default: false.
    pub standardize: bool,
}

impl Default for PtqConfig {
    fn default() -> Self {
        Self { observer: Observer::MeanSquaredError, standardize: false }
    }
}

/// Chooses scales of least squared error and steps by observing `data`; float weights and biases stay.
///
/// # Errors
/// When the data has another width than the network, an option is out of range, the layers that read the input cannot take over
/// its standardisation, or rounding leaves a number with which the network cannot run.
pub(crate) fn quantize(program: &mut Program, data: &Dataset, config: PtqConfig) -> Result<(), TrainError> {
    if let Observer::Percentile(fraction) = config.observer {
        within("percentile", fraction, 0.0..=1.0)?;
    }
    check_width(data.width(), program.features)?;
    program.make_float();
    if config.standardize {
        standardize(program, data)?;
    }
    encode::fit(program, data, FeatureMap::AsIs)?;
    calibrate(program, &data.features(), config.observer, Purpose::Keep)?;
    Ok(program.check()?)
}

/// With `x = mean + deviation z`, the layer `w x + b` of features is the layer `(w deviation) z + (b + w mean)` of their
/// deviations.
fn standardize(program: &mut Program, data: &Dataset) -> Result<(), TrainError> {
    let mut standardized = program.clone();
    let measured = Standardization::of(&data.features());
    for encoder in 0..program.nodes.len() {
        let node = &mut standardized.nodes[encoder];
        match (&mut node.op, node.from) {
            (Op::Quantizer(state), None) if state.reads_as_is() => {
                let transform = Transform::Standardize(measured.clone());
                state.reading = Some(Reading { described: data.described().into(), transform });
            }
            (Op::Client(_), None) => return Err(TrainError::Standardize { field: node.name.to_owned() }),
            _ => continue,
        }
        for reader in program.readers(encoder) {
            let node = &mut standardized.nodes[reader];
            match &mut node.op {
                Op::Linear(state) if state.filters.is_none() && state.declared != Bias::None => {
                    state.bias += &state.weight.dot(&aview1(measured.mean()));
                    state.weight *= &aview1(measured.deviation());
                }
                _ => return Err(TrainError::Standardize { field: node.name.to_owned() }),
            }
        }
    }
    *program = standardized;
    Ok(())
}
