//! Features of mean 0 and deviation 1.

use ndarray::{Array1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each feature over the samples of a training, in the features' units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardization {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Standardization {
    /// Measures samples `[n, features]`, without missing values (NaN); the deviation of a feature that is constant is taken as 1.
    #[must_use]
    pub fn of(samples: &ArrayView2<'_, f32>) -> Self {
        Self::beside(samples, 0.0)
    }

    /// The same, but so many deviations above the mean become 0; a feature that is constant becomes 0 as it is.
    pub(crate) fn beside(samples: &ArrayView2<'_, f32>, offset: f32) -> Self {
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        for column in samples.axis_iter(Axis(1)) {
            let column: Array1<f64> =
                column.iter().filter(|value| !value.is_nan()).map(|&value| f64::from(value)).collect();
            let middle = column.mean().unwrap_or_default();
            let spread = if column.is_empty() { 0.0 } else { column.std(0.0) };
            if spread as f32 >= f32::MIN_POSITIVE {
                mean.push((middle + f64::from(offset) * spread) as f32);
                deviation.push(spread as f32);
            } else {
                mean.push(middle as f32);
                deviation.push(1.0);
            }
        }
        Self { mean, deviation }
    }

    /// What was measured before; `None` unless there is a mean and a positive deviation for each of `features`.
    pub(crate) fn checked(mean: Vec<f32>, deviation: Vec<f32>, features: usize) -> Option<Self> {
        let standardization = Self { mean, deviation };
        standardization.fits(features).then_some(standardization)
    }

    pub(crate) fn fits(&self, features: usize) -> bool {
        self.mean.len() == features
            && self.deviation.len() == features
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0)
    }

    /// What becomes 0 of each feature: its mean, or, where its levels lie on both sides of zero alike, half a step above.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The standard deviation of each feature, positive.
    #[must_use]
    pub fn deviation(&self) -> &[f32] {
        &self.deviation
    }

    /// Deviations from the mean: `(value - mean) / deviation`. A missing value (NaN) stays one.
    ///
    /// # Panics
    /// When there is no such feature.
    #[must_use]
    pub fn apply(&self, feature: usize, value: f32) -> f32 {
        (value - self.mean[feature]) / self.deviation[feature]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn mean_and_deviation_of_each_feature() {
        let samples = array![[1.0, 0.1, -2.0], [3.0, 0.1, -2.0], [5.0, 0.1, 4.0]];
        let standardization = Standardization::of(&samples.view());
        let close = |a: &[f32], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(standardization.mean(), [3.0, 0.1, 0.0]), "{standardization:?}");
        assert!(close(standardization.deviation(), [(8.0f32 / 3.0).sqrt(), 1.0, 8.0f32.sqrt()]));
        assert!((standardization.apply(0, 7.0) - 4.0 / (8.0f32 / 3.0).sqrt()).abs() < 1e-6);
    }

    #[test]
    fn missing_values_are_left_out_and_left_missing() {
        let samples = array![[1.0, f32::NAN], [f32::NAN, f32::NAN], [3.0, f32::NAN]];
        let standardization = Standardization::of(&samples.view());
        let full = Standardization::of(&array![[1.0, 0.0], [3.0, 0.0]].view());
        assert_eq!(standardization, full);
        assert!(standardization.apply(0, f32::NAN).is_nan());
    }

    #[test]
    fn a_constant_feature_is_zero_whatever_it_is() {
        for constant in [0.1, 1e-30, 3e38, -7.3] {
            let samples = ndarray::Array2::from_elem((1000, 1), constant);
            for offset in [0.0, 0.25] {
                let standardization = Standardization::beside(&samples.view(), offset);
                assert!(standardization.fits(1));
                assert!((standardization.deviation()[0] - 1.0).abs() < f32::EPSILON, "{constant}");
                assert!(standardization.apply(0, constant).abs() < f32::EPSILON, "{constant}");
            }
        }
    }
}
