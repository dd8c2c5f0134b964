//! Errors about what the user hands in, shared by training, simulation and encryption.

use ndarray::ArrayView2;
use thiserror::Error;

use crate::data::{Feature, FeatureKind};

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
    /// A feature that is infinite.
    #[error("feature {feature} of the sample{} is {value}: give a finite number", called(*.feature, .name))]
    NotFinite {
        /// Its index.
        feature: usize,
        /// Its name.
        name: String,
        /// Its value.
        value: f32,
    },
    /// A missing value that nothing reads.
    #[error(
        "feature {feature} of the sample{} is missing (NaN), which no `QuantIdentity` and no whitening can read: fill it in, or read the input by a `Thermometer<K>`, which has bits for missing values, without whitening",
        called(*.feature, .name)
    )]
    Missing {
        /// Its index.
        feature: usize,
        /// Its name.
        name: String,
    },
    /// A category that is no index.
    #[error(
        "feature {feature} of the sample{} is {value}, but it is a category: give its index among the names that training had, or any larger number for another",
        called(*.feature, .name)
    )]
    Category {
        /// Its index.
        feature: usize,
        /// Its name.
        name: String,
        /// Its value.
        value: f32,
    },
    /// A cell that is no number.
    #[error("feature {feature} of the sample{} is `{text}`, which is no number: give one, with a point before its fraction, or leave the cell empty where the value is missing", called(*.feature, .name))]
    Text {
        /// Its index.
        feature: usize,
        /// Its name.
        name: String,
        /// What is there.
        text: String,
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

/// The name of a feature, where it has one beside its index.
fn called(feature: usize, name: &str) -> String {
    if name == feature.to_string() { String::new() } else { format!(" (`{name}`)") }
}

/// Refuses a sample of another width, with infinite features or categories that are no index, or with missing values (NaN) where
/// nothing reads them.
///
/// # Errors
/// Names the width or the feature.
pub fn check_sample(sample: &[f32], described: &[Feature], takes_missing: bool) -> Result<(), InputError> {
    check_width(sample.len(), described.len())?;
    check_features(sample, described, takes_missing)
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
pub(crate) fn check_samples(
    samples: &ArrayView2<'_, f32>,
    described: &[Feature],
    takes_missing: bool,
) -> Result<(), InputError> {
    let (rows, found) = samples.dim();
    if rows == 0 {
        return Err(InputError::Empty);
    }
    check_width(found, described.len())?;
    for (index, sample) in samples.rows().into_iter().enumerate() {
        check_features(sample, described, takes_missing).map_err(|error| error.of(index))?;
    }
    Ok(())
}

/// # Errors
/// Names the width.
pub(crate) fn check_width(found: usize, expected: usize) -> Result<(), InputError> {
    if found == expected { Ok(()) } else { Err(InputError::Width { found, expected }) }
}

fn check_features<'a>(
    sample: impl IntoIterator<Item = &'a f32>,
    described: &[Feature],
    takes_missing: bool,
) -> Result<(), InputError> {
    for (feature, (&value, Feature { name, kind })) in sample.into_iter().zip(described).enumerate() {
        let name = || name.clone();
        if value.is_nan() {
            if !takes_missing {
                return Err(InputError::Missing { feature, name: name() });
            }
        } else if !value.is_finite() {
            return Err(InputError::NotFinite { feature, name: name(), value });
        } else if let FeatureKind::Category { .. } = kind
            && (value < 0.0 || value.fract() != 0.0)
        {
            return Err(InputError::Category { feature, name: name(), value });
        }
    }
    Ok(())
}
