//! Features of mean 0 and deviation 1.

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each feature over the samples of a training, in the features' units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardization {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Standardization {
    /// Measures samples `[n, features]`; the deviation of a feature that is constant is taken as 1.
    #[must_use]
    pub fn of(samples: &ArrayView2<'_, f32>) -> Self {
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        for column in samples.axis_iter(Axis(1)) {
            let column = column.mapv(f64::from);
            mean.push(column.mean().unwrap_or_default() as f32);
            let spread = column.std(0.0) as f32;
            deviation.push(if spread >= f32::MIN_POSITIVE { spread } else { 1.0 });
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

    /// The mean of each feature.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The standard deviation of each feature, positive.
    #[must_use]
    pub fn deviation(&self) -> &[f32] {
        &self.deviation
    }

    /// Deviations from the mean: `(value - mean) / deviation`.
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
    fn a_constant_feature_is_zero_whatever_it_is() {
        for constant in [0.1, 1e-30, 3e38, -7.3] {
            let samples = ndarray::Array2::from_elem((1000, 1), constant);
            let standardization = Standardization::of(&samples.view());
            assert!(standardization.fits(1));
            assert!((standardization.deviation()[0] - 1.0).abs() < f32::EPSILON, "{constant}");
            assert!(standardization.apply(0, constant).abs() < f32::EPSILON, "{constant}");
        }
    }
}
