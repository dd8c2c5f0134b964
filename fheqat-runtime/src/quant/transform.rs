//! What features go through before they become levels.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::{Standardization, Whitening};

/// A linear map of the features of a sample, measured on training samples. The client applies it before it encodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Transform {
    /// None: features as they are.
    AsIs,
    /// Each feature by its mean and deviation.
    Standardize(Standardization),
    /// Principal components, each of deviation 1.
    Whiten(Whitening),
}

impl Transform {
    /// Writes what becomes of a sample `[features]` to `to`, of as many.
    ///
    /// # Panics
    /// When there are more features than were measured.
    pub(crate) fn apply(&self, sample: &[f32], to: &mut [f32]) {
        match self {
            Self::AsIs => to.copy_from_slice(sample),
            Self::Standardize(standardization) => {
                for (feature, (to, &value)) in to.iter_mut().zip(sample).enumerate() {
                    *to = standardization.apply(feature, value);
                }
            }
            Self::Whiten(whitening) => whitening.apply(sample, to),
        }
    }

    /// What becomes of samples `[n, features]`.
    ///
    /// # Panics
    /// When there are more features than were measured.
    #[must_use]
    pub fn applied(&self, samples: &ArrayView2<'_, f32>) -> Array2<f32> {
        let mut transformed = Array2::zeros(samples.dim());
        self.apply_all(samples, &mut transformed.view_mut());
        transformed
    }

    /// Writes those of samples `[n, features]` to `to`, of the same shape.
    pub(crate) fn apply_all(&self, samples: &ArrayView2<'_, f32>, to: &mut ArrayViewMut2<'_, f32>) {
        for (mut to, sample) in to.rows_mut().into_iter().zip(samples.rows()) {
            let sample = sample.as_slice().map_or_else(|| Cow::Owned(sample.to_vec()), Cow::Borrowed);
            if let Some(to) = to.as_slice_mut() {
                self.apply(&sample, to);
            }
        }
    }

    /// Whether each of its numbers follows from the feature in its place alone, which may then be missing.
    pub(crate) const fn keeps_features_apart(&self) -> bool {
        match self {
            Self::AsIs | Self::Standardize(_) => true,
            Self::Whiten(_) => false,
        }
    }

    pub(crate) fn fits(&self, features: usize) -> bool {
        match self {
            Self::AsIs => true,
            Self::Standardize(standardization) => standardization.fits(features),
            Self::Whiten(whitening) => whitening.fits(features),
        }
    }
}
