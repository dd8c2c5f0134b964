//! Errors about what the user hands in, shared by training, simulation and encryption.

use ndarray::ArrayView2;
use thiserror::Error;

/// A sample that no network can take.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// Samples of another width.
    #[error(
        "samples have {found} features, but the network takes {expected}: give one number for each input of its first layer"
    )]
    Width {
        /// Features of a sample.
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
    /// One of several samples.
    #[error("sample {index}: {source}")]
    Sample {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        source: Box<Self>,
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
    check_width(sample.len(), expected)?;
    check_features(sample)
}

impl InputError {
    /// The same of one of several samples.
    pub(crate) fn of(self, index: usize) -> Self {
        Self::Sample { index, source: Box::new(self) }
    }
}

/// Refuses samples `[n, features]` that [`check_sample`] refuses, and none at all.
///
/// # Errors
/// Names the width, or the first sample that is refused.
pub(crate) fn check_samples(samples: &ArrayView2<'_, f32>, expected: usize) -> Result<(), InputError> {
    let (rows, found) = samples.dim();
    if rows == 0 {
        return Err(InputError::Empty);
    }
    check_width(found, expected)?;
    for (index, sample) in samples.rows().into_iter().enumerate() {
        check_features(sample).map_err(|error| error.of(index))?;
    }
    Ok(())
}

/// # Errors
/// Names the width.
pub(crate) fn check_width(found: usize, expected: usize) -> Result<(), InputError> {
    if found == expected { Ok(()) } else { Err(InputError::Width { found, expected }) }
}

fn check_features<'a>(sample: impl IntoIterator<Item = &'a f32>) -> Result<(), InputError> {
    match sample.into_iter().enumerate().find(|(_, feature)| !feature.is_finite()) {
        Some((feature, &value)) => Err(InputError::NotFinite { feature, value }),
        None => Ok(()),
    }
}
