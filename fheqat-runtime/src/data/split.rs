//! Samples shared out by fractions, each class by the same ones.

use rand::seq::SliceRandom;

use super::{DataError, Dataset, Targets};
use crate::Seed;

const PARTS: u64 = 5;
/// How far fractions may be from a sum of 1: they are rounded floats.
const SLACK: f32 = 1e-4;

impl Dataset {
    /// Shuffles, then shares the samples out, as `[train, validation, test]` by `[0.6, 0.2, 0.2]`. Where targets are classes,
    /// each class is shared out by the same fractions, to within one or two samples a part.
    ///
    /// # Errors
    /// When a fraction is not positive, they do not sum to 1, or a part would be empty.
    pub fn parts<const N: usize>(&self, fractions: [f32; N], seed: Seed) -> Result<[Self; N], DataError> {
        let is_whole = (fractions.iter().sum::<f32>() - 1.0).abs() <= SLACK;
        if !is_whole || !fractions.iter().all(|&fraction| fraction > 0.0) {
            return Err(DataError::Fractions { fractions: fractions.to_vec() });
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut seed.rng(PARTS));
        let of_sample = self.deal(&order, fractions);
        let rows = std::array::from_fn(|part| {
            order.iter().copied().filter(|&row| of_sample[row] == part).collect::<Vec<_>>()
        });
        if let Some(part) = rows.iter().position(Vec::is_empty) {
            return Err(DataError::Part { fractions: fractions.to_vec(), rows: self.len(), part });
        }
        Ok(rows.map(|rows| self.select(&rows)))
    }

    /// The part of each sample. Goes through the classes one after the other and gives each sample to the part that is
    /// furthest behind its fraction, so any run of samples, such as a class, is shared out evenly.
    fn deal<const N: usize>(&self, order: &[usize], fractions: [f32; N]) -> Vec<usize> {
        let mut by_class = order.to_vec();
        if let Targets::Classes { labels, .. } = &self.targets {
            by_class.sort_by_key(|&row| labels[row]);
        }
        let mut part_of = vec![0; order.len()];
        let mut dealt = [0.0f64; N];
        for (count, &row) in (1u32..).zip(&by_class) {
            let behind = |part: usize| f64::from(count) * f64::from(fractions[part]) - dealt[part];
            let part = (1..N).fold(0, |most, part| if behind(part) > behind(most) { part } else { most });
            part_of[row] = part;
            dealt[part] += 1.0;
        }
        part_of
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn classes(count: usize) -> Dataset {
        let features = Array2::from_shape_fn((count, 1), |(row, _)| row as f32);
        // 70 % of class 0, 20 % of class 1, 10 % of class 2.
        let labels = (0..count).map(|row| [0, 0, 0, 0, 0, 0, 0, 1, 1, 2][row % 10]).collect();
        Dataset::classes(features, labels, 3).unwrap()
    }

    #[test]
    fn parts_share_out_every_sample_and_every_class() {
        let data = classes(500);
        for seed in 0..20 {
            let parts = data.parts([0.6, 0.25, 0.15], Seed(seed)).unwrap();
            let mut seen: Vec<f32> =
                parts.iter().flat_map(|part| part.features().iter().copied().collect::<Vec<_>>()).collect();
            seen.sort_by(f32::total_cmp);
            assert_eq!(seen, (0..500u16).map(f32::from).collect::<Vec<_>>());
            for (part, fraction) in parts.iter().zip([0.6, 0.25, 0.15]) {
                assert!((part.len() as f64 - 500.0 * fraction).abs() <= 1.0, "{}", part.len());
                for (class, count) in [(0, 350.0), (1, 100.0), (2, 50.0)] {
                    let of_class = part.labels().iter().filter(|&&label| label == class).count() as f64;
                    assert!((of_class - count * fraction).abs() <= 2.0, "{class}: {of_class}");
                }
            }
        }
    }

    #[test]
    fn parts_follow_the_seed_and_come_shuffled() {
        let data = classes(100);
        let [first, second] = data.parts([0.8, 0.2], Seed(1)).unwrap();
        assert_eq!(data.parts([0.8, 0.2], Seed(1)).unwrap(), [first.clone(), second]);
        assert_ne!(data.parts([0.8, 0.2], Seed(2)).unwrap()[0], first);
        assert!(!first.labels().is_sorted());
    }

    #[test]
    fn numbers_are_shared_out_too() {
        let features = Array2::zeros((10, 2));
        let values = Array2::from_shape_fn((10, 1), |(row, _)| row as f32);
        let data = Dataset::values(features, values).unwrap();
        let [train, validation, test] = data.parts([0.6, 0.2, 0.2], Seed(1)).unwrap();
        assert_eq!((train.len(), validation.len(), test.len()), (6, 2, 2));
    }

    #[test]
    fn fractions_that_are_no_shares_or_leave_a_part_empty_are_refused() {
        let data = classes(10);
        for fractions in [[0.8, 0.3], [1.0, 0.0], [1.5, -0.5], [f32::NAN, 0.5]] {
            assert!(matches!(data.parts(fractions, Seed(1)), Err(DataError::Fractions { .. })));
        }
        assert_eq!(
            data.parts([0.98, 0.01, 0.01], Seed(1)).unwrap_err().to_string(),
            "the fractions [0.98, 0.01, 0.01] of 10 samples leave part 1 (from 0) empty: give it a larger one"
        );
        assert!(data.parts([1.0], Seed(1)).is_ok());
    }
}
