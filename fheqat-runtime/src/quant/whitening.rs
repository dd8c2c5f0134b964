//! Features that are not correlated, of mean 0 and deviation 1.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::Standardization;
use crate::vectors::on_vectors;

/// The most features that can be whitened: the map has as many numbers as their square.
pub const MAX_WHITENED: usize = 1 << 10;

/// Components of less variance than this part of the largest are left out: their directions are noise.
const LEAST_VARIANCE: f64 = 1e-6;

/// Samples that each component needs: of fewer its direction is that of their noise.
const SAMPLES_EACH: usize = 4;

/// Principal components as columns, and the variances along them.
struct Principal {
    eigenvalues: DVector<f64>,
    eigenvectors: DMatrix<f64>,
}

/// Whitening by principal components: features are standardised, so that their units do not matter, projected on the principal
/// components of what that gives, and divided by their deviations. There are as many components as features, by falling variance;
/// those whose variance is below 1e-6 of the largest are 0, and so are those behind the first quarter of as many as there are samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Whitening {
    standardization: Standardization,
    /// `[features, kept]`: what each feature adds to each component, in deviations of the component.
    components: Vec<f32>,
    /// Taken off every component that is kept.
    offset: f32,
}

impl Whitening {
    /// Measures samples `[n, features]` without missing values; `offset` is what of each component becomes 0.
    pub(crate) fn of(samples: &ArrayView2<'_, f32>, offset: f32) -> Self {
        let (count, features) = samples.dim();
        let standardization = Standardization::of(samples);
        let eigen = principal(samples, &standardization);
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        order.truncate((count / SAMPLES_EACH).max(1));
        let largest = order.first().map_or(0.0, |&first| eigen.eigenvalues[first]);
        let mut kept = Vec::with_capacity(order.len());
        for &component in &order {
            let variance = eigen.eigenvalues[component];
            if variance > 0.0 && variance >= LEAST_VARIANCE * largest {
                let direction = eigen.eigenvectors.column(component);
                // Either direction of a component is one; the one whose largest number is positive.
                let sign = direction[direction.iamax()].signum();
                kept.push(direction * (sign / variance.sqrt()));
            }
        }
        let part = |feature: usize| kept.iter().map(move |direction| direction[feature] as f32);
        let components = (0..features).flat_map(part).collect();
        Self { standardization, components, offset }
    }

    /// What was measured before; `None` unless it fits so many features.
    pub(crate) fn checked(
        standardization: Standardization,
        components: Vec<f32>,
        offset: f32,
        features: usize,
    ) -> Option<Self> {
        let whitening = Self { standardization, components, offset };
        whitening.fits(features).then_some(whitening)
    }

    pub(crate) fn fits(&self, features: usize) -> bool {
        self.standardization.fits(features)
            && features <= MAX_WHITENED
            && self.components.len() <= features * features
            && self.components.len().is_multiple_of(features)
            && self.components.iter().all(|part| part.is_finite())
            && self.offset.is_finite()
    }

    /// Mean and deviation of each feature.
    #[must_use]
    pub const fn standardization(&self) -> &Standardization {
        &self.standardization
    }

    /// `[features, kept]`, by rows: what each standardised feature adds to each component, in deviations of the component.
    #[must_use]
    pub fn components(&self) -> &[f32] {
        &self.components
    }

    /// What of each component becomes 0: none of it, or, where levels lie on both sides of zero alike, half a step.
    #[must_use]
    pub const fn offset(&self) -> f32 {
        self.offset
    }

    /// The components of a sample `[features]`.
    ///
    /// # Panics
    /// When there are fewer features than were measured.
    pub(crate) fn apply(&self, sample: &[f32], to: &mut [f32]) {
        to.fill(0.0);
        let kept = self.components.len() / sample.len();
        if kept == 0 {
            return;
        }
        let mut sums = vec![-f64::from(self.offset); kept];
        on_vectors(|| {
            for (feature, (&value, parts)) in
                sample.iter().zip(self.components.chunks_exact(kept)).enumerate()
            {
                // Finite, so that nothing far away becomes NaN.
                let held = f64::from(self.standardization.apply(feature, value).clamp(-f32::MAX, f32::MAX));
                for (sum, &part) in sums.iter_mut().zip(parts) {
                    *sum += held * f64::from(part);
                }
            }
        });
        for (to, sum) in to.iter_mut().zip(sums) {
            *to = sum as f32;
        }
    }
}

/// Variances of standardised samples `[n, features]` along their principal components, and those, as columns. Of fewer samples than
/// features there are at most as many components as samples, which follow from the products of samples `Z Z^T` instead: where
/// `Z Z^T u = n v u`, the component is `Z^T u / sqrt(n v)`, of variance `v`.
fn principal(samples: &ArrayView2<'_, f32>, standardization: &Standardization) -> Principal {
    let (count, features) = samples.dim();
    let standardised =
        |sample: usize, feature: usize| f64::from(standardization.apply(feature, samples[[sample, feature]]));
    if count < features {
        let rows = DMatrix::from_fn(count, features, standardised);
        let eigen = SymmetricEigen::new(&rows * rows.transpose() / count as f64);
        let mut eigenvectors = rows.transpose() * &eigen.eigenvectors;
        for (mut column, &variance) in eigenvectors.column_iter_mut().zip(&eigen.eigenvalues) {
            column /= (count as f64 * variance).max(f64::MIN_POSITIVE).sqrt();
        }
        return Principal { eigenvalues: eigen.eigenvalues, eigenvectors };
    }
    let mut covariance = DMatrix::<f64>::zeros(features, features);
    let mut deviations = vec![0.0; features];
    for sample in 0..count {
        for (feature, to) in deviations.iter_mut().enumerate() {
            *to = standardised(sample, feature);
        }
        for (column, &there) in deviations.iter().enumerate() {
            for (row, &here) in deviations.iter().enumerate().skip(column) {
                covariance[(row, column)] += here * there;
            }
        }
    }
    covariance /= count as f64;
    covariance.fill_upper_triangle_with_lower_triangle();
    let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(covariance);
    Principal { eigenvalues, eigenvectors }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::RngExt;

    use super::*;
    use crate::Seed;

    /// Samples of features that are sums of one another, in units far apart, and of one that is constant.
    fn samples() -> Array2<f32> {
        let mut rng = Seed(3).rng(0);
        let drawn = Array2::from_shape_simple_fn((400, 3), || rng.random_range(-1.0f32..1.0));
        Array2::from_shape_fn((400, 5), |(row, column)| match column {
            0 => 1000.0 * drawn[[row, 0]] + 7.0,
            1 => 0.004 * (drawn[[row, 0]] + 0.01 * drawn[[row, 1]]),
            2 => drawn[[row, 2]],
            3 => 5.0 * drawn[[row, 2]],
            _ => -7.3,
        })
    }

    fn whitened(samples: &Array2<f32>, offset: f32) -> Array2<f64> {
        let whitening = Whitening::of(&samples.view(), offset);
        assert!(whitening.fits(5));
        let mut to = Array2::<f32>::zeros(samples.dim());
        for (mut to, sample) in to.rows_mut().into_iter().zip(samples.rows()) {
            whitening.apply(&sample.to_vec(), to.as_slice_mut().unwrap());
        }
        to.mapv(f64::from)
    }

    #[test]
    fn components_are_apart_and_of_deviation_one() {
        let samples = samples();
        let whitened = whitened(&samples, 0.0);
        let covariance = whitened.t().dot(&whitened) / 400.0;
        for ((row, column), &found) in covariance.indexed_iter() {
            // Two of the five features follow from others, or are constant.
            let expected = if row == column && row < 3 { 1.0 } else { 0.0 };
            assert!((found - expected).abs() < 1e-3, "{row} {column}: {found}");
        }
        assert!(whitened.column(3).iter().chain(whitened.column(4)).all(|&value| value.abs() <= 0.0));
    }

    /// 20 samples of 30 features; and of 6 features and of 24 that repeat two numbers, whose components are measured either way.
    #[test]
    fn few_samples_have_few_components_of_deviation_one() {
        let mut rng = Seed(5).rng(0);
        let wide = Array2::from_shape_simple_fn((20, 30), || rng.random_range(-1.0f32..1.0));
        let whitening = Whitening::of(&wide.view(), 0.0);
        assert!(whitening.fits(30) && whitening.components().len() == 30 * 5);
        let mut to = Array2::<f32>::zeros(wide.dim());
        for (mut to, sample) in to.rows_mut().into_iter().zip(wide.rows()) {
            whitening.apply(&sample.to_vec(), to.as_slice_mut().unwrap());
        }
        let covariance = to.t().dot(&to) / 20.0;
        for ((row, column), &found) in covariance.indexed_iter() {
            let expected = if row == column && row < 5 { 1.0 } else { 0.0 };
            assert!((found - expected).abs() < 1e-3, "{row} {column}: {found}");
        }
        let [narrow, padded] = [6, 24].map(|features| {
            let repeated = Array2::from_shape_fn((20, features), |(row, column)| wide[[row, column % 2]]);
            Whitening::of(&repeated.view(), 0.0).components().to_vec()
        });
        assert_eq!((narrow.len(), padded.len()), (6 * 2, 24 * 2));
        for (narrow, padded) in narrow.iter().zip(&padded) {
            assert!(((narrow / padded).abs() - 4.0).abs() < 0.01, "{narrow} {padded}");
        }
    }

    #[test]
    fn an_offset_moves_what_is_kept() {
        let samples = samples();
        let (plain, moved) = (whitened(&samples, 0.0), whitened(&samples, 0.25));
        for ((_, column), difference) in (&plain - &moved).indexed_iter() {
            let expected = if column < 3 { 0.25 } else { 0.0 };
            assert!((difference - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_far_away_is_no_nan() {
        let samples = samples();
        let whitening = Whitening::of(&samples.view(), 0.0);
        let mut to = [0.0; 5];
        whitening.apply(&[f32::MAX, -f32::MAX, f32::MAX, -f32::MAX, f32::MAX], &mut to);
        assert!(to.iter().all(|value| !value.is_nan()), "{to:?}");
    }
}
