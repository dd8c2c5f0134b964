//! Errors about what the user hands in, shared by training, simulation and encryption.

use thiserror::Error;

/// A sample that no network can take.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// A sample of another width.
    #[error(
        "the sample has {found} features, but the network takes {expected}: give one number for each input of its first layer"
    )]
    Width {
        /// Features given.
        found: usize,
        /// Features the network takes.
        expected: usize,
    },
    /// A feature that is not a number.
    #[error(
        "feature {feature} of the sample is {value}: replace or drop missing values before they get here"
    )]
    NotFinite {
        /// Its index.
        feature: usize,
        /// Its value.
        value: f32,
    },
    /// No samples.
    #[error("there are no samples: give at least one")]
    Empty,
}

/// Refuses a sample of another width or with NaN or infinite features.
///
/// # Errors
/// Names the width or the feature.
pub fn check_sample(sample: &[f32], expected: usize) -> Result<(), InputError> {
    if sample.len() != expected {
        return Err(InputError::Width { found: sample.len(), expected });
    }
    match sample.iter().position(|feature| !feature.is_finite()) {
        Some(feature) => Err(InputError::NotFinite { feature, value: sample[feature] }),
        None => Ok(()),
    }
}
