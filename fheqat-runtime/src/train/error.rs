//! Training that cannot start, or went wrong.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::{
    data::DataError,
    error::InputError,
    nn::{NetworkError, Unusable, lower::CircuitError},
};

/// Training that cannot start, or went wrong.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network cannot run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network has no circuit to price, or to add noise to: it is not calibrated, or it is a defect of fheqat.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// A sample cannot be run.
    #[error(transparent)]
    Input(#[from] InputError),
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
    /// A loss that is not for such targets.
    #[error("`{loss}` is not for targets that are {targets}: use `Loss::Auto`, which follows the targets")]
    Loss {
        /// The loss.
        loss: &'static str,
        /// What the targets are.
        targets: &'static str,
    },
    /// An option about classes where the targets are numbers.
    #[error("`{option}` is for classes, but the targets are numbers: leave it out")]
    NoClasses {
        /// The option.
        option: &'static str,
    },
    /// A figure that such targets do not have.
    #[error(
        "`select_by: SelectBy::{select_by}` is not for targets that are {targets}: use `SelectBy::Auto`, which follows the targets"
    )]
    SelectBy {
        /// What was to be selected by.
        select_by: String,
        /// What the targets are.
        targets: &'static str,
    },
    /// Classes or labels by other names, or in another order, than those that the network was trained on.
    #[error(
        "{what} {index} of the data is `{found}`, but the network was trained with `{expected}` there: give the data the same names in the same order (`CsvOptions::classes`)"
    )]
    Names {
        /// `class` or `label`.
        what: &'static str,
        /// Its index.
        index: usize,
        /// Its name in the data.
        found: String,
        /// Its name in the network.
        expected: String,
    },
    /// Probabilities of numbers.
    #[error("the network predicts numbers, which have no probabilities: use `predict`")]
    Probabilities,
    /// Another number of weights than of classes.
    #[error("`class_weights` gives {found} weights for {expected} classes: give one for each")]
    ClassWeights {
        /// Weights given.
        found: usize,
        /// Classes there are.
        expected: usize,
    },
    /// A number to predict that cannot be put back into its units.
    #[error(
        "row {row} of the targets has {value} for output {output}, but a number to predict must be in -1e30..=1e30: give the targets in a larger unit"
    )]
    Target {
        /// The sample.
        row: usize,
        /// The output.
        output: usize,
        /// The number.
        value: f32,
    },
    /// Neurons that cannot be removed.
    #[error(
        "`max_neurons` names `{field}`, which is no layer whose neurons are bootstrapped: name a layer with weights that a quantizer reads"
    )]
    Neurons {
        /// The name given.
        field: String,
    },
    /// A category that is to be whitened.
    #[error(
        "feature `{feature}` is a category, which cannot be whitened: use `FeatureMap::Auto` and a `Thermometer<K>`, or leave the feature out"
    )]
    WhitenedCategory {
        /// The name of the feature.
        feature: String,
    },
    /// A missing value that is to be whitened.
    #[error(
        "feature `{feature}` has missing values, which cannot be whitened: fill them in, or use `FeatureMap::Auto` and a `Thermometer<K>`, which has bits for them"
    )]
    WhitenedMissing {
        /// The name of the feature.
        feature: String,
    },
    /// More features than can be whitened.
    #[error(
        "{found} features are too many to whiten, which takes at most {most}: use `FeatureMap::Standardize`"
    )]
    WhitenedWidth {
        /// Features of a sample.
        found: usize,
        /// The most.
        most: usize,
    },
    /// A category among the numbers of a channel.
    #[error(
        "feature `{feature}` is a category, which has no place in the channels that `{field}` encodes: leave `input` out, or give it one dimension"
    )]
    Category {
        /// The thermometer.
        field: String,
        /// The name of the feature.
        feature: String,
    },
    /// Categories in another order than in training.
    #[error(
        "the categories of feature `{feature}` are others than in training, or in another order: read the data with the categories of the training data"
    )]
    Categories {
        /// The name of the feature.
        feature: String,
    },
    /// A layer whose weights cannot make up for standardised features.
    #[error(
        "`{field}` cannot take over the standardisation of the input after training, which only a `QuantLinear` with a bias can: train in float with `features: FeatureMap::Standardize`"
    )]
    Standardize {
        /// The layer that reads the input's levels.
        field: String,
    },
    /// A batch normalisation on batches of one sample.
    #[error(
        "`{field}` normalises by the variance of a batch, and one sample has none: give a `batch` of at least 2, and as many samples"
    )]
    Batch {
        /// The batch normalisation.
        field: String,
    },
    /// It was stopped from outside.
    #[error("the training was cancelled: the network is as it was before")]
    Cancelled,
    /// A search whose time was over before any network was trained.
    #[error(
        "`max_seconds` is {max_seconds}, which was over before any network was trained for an epoch: give the search more time or fewer samples, or train what is declared with `TrainConfig::declared()`"
    )]
    OutOfTime {
        /// Seconds that the search had.
        max_seconds: f64,
    },
    /// Training or calibration left a number with which no network can run: a step or scale that is not positive, or a number that is
    /// not finite.
    #[error(
        "{0}: lower the `rate`, or let training standardise the features with `features: FeatureMap::Standardize`, which brings large and small ones near 1"
    )]
    Unusable(#[from] Unusable),
    /// The loss is not a number any more.
    #[error(
        "the loss diverged in epoch {epoch}: lower the `rate`, now {rate}, or let training standardise the features with `features: FeatureMap::Standardize`"
    )]
    Diverged {
        /// From 1.
        epoch: usize,
        /// The largest learning rate.
        rate: f32,
    },
}

/// # Errors
/// When the number of an option is outside its limits.
pub(super) fn within(
    option: &'static str,
    value: f32,
    allowed: RangeInclusive<f32>,
) -> Result<(), TrainError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(TrainError::Option { option, value, least: *allowed.start(), most: *allowed.end() })
}
