//! From data to a trained network.

mod backward;
pub(crate) mod calibrate;
pub mod config;
pub(crate) mod evaluate;
pub(crate) mod fit;
pub mod history;
mod loss;
mod optimizer;
pub mod schedule;

use thiserror::Error;

pub use config::{Activations, Loss, Optimizer, TrainConfig, Validation};
pub use evaluate::Metrics;
pub use history::{Epoch, History};
pub use schedule::Schedule;

use crate::{
    data::{DataError, Dataset, Targets},
    nn::{NetworkError, program::Program},
};

/// Training that cannot start, or went wrong.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network cannot run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An option's number is outside its limits.
    #[error("`{option}` is {value}, but must be in {least}..={most}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was given.
        value: f32,
        /// The smallest allowed.
        least: f32,
        /// The largest allowed.
        most: f32,
    },
    /// Samples of another width.
    #[error(
        "the data has {found} features, but the network takes {expected}: give one number for each input of its first layer"
    )]
    Width {
        /// Features of a sample.
        found: usize,
        /// Features the network takes.
        expected: usize,
    },
    /// Targets of another width than the network's output.
    #[error(
        "the data has {found} classes or values, but the network gives {expected} outputs: make its last layer as wide as the targets"
    )]
    Outputs {
        /// Classes, or values of a sample.
        found: usize,
        /// Outputs of the network.
        expected: usize,
    },
    /// Cross entropy on numbers.
    #[error("cross entropy needs classes, but the targets are numbers: use `Loss::MeanSquaredError`")]
    Loss,
    /// The loss is not a number any more.
    #[error("the loss diverged in epoch {epoch}: lower the learning rate, now {rate}")]
    Diverged {
        /// From 1.
        epoch: usize,
        /// The largest learning rate.
        rate: f32,
    },
}

/// # Errors
/// When the data does not fit the network or the loss.
pub(crate) fn check_data(program: &Program, data: &Dataset, loss: Loss) -> Result<(), TrainError> {
    if data.width() != program.features {
        return Err(TrainError::Width { found: data.width(), expected: program.features });
    }
    let found = match data.targets() {
        Targets::Classes { classes, .. } => *classes,
        Targets::Values(_) if loss == Loss::CrossEntropy => return Err(TrainError::Loss),
        Targets::Values(values) => values.ncols(),
    };
    if found != program.outputs() {
        return Err(TrainError::Outputs { found, expected: program.outputs() });
    }
    Ok(())
}
