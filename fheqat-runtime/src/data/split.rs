//! Samples shared out, each class by the same fractions.

use super::{DataError, Dataset, Targets};
use crate::Seed;

const PARTS: u64 = 5;
const SPLIT: u64 = 8;
const FOLDS: u64 = 13;
/// How far fractions may be from a sum of 1: they are rounded floats.
const SLACK: f32 = 1e-4;

impl Dataset {
    /// Shuffles, then puts a `fraction` of the samples apart, rounded to whole samples: the rest, and those. Where targets are
    /// classes, each class is split alike, to within one sample, and one of two samples or more is always in the larger part.
    /// Of several labels, each sample counts for the rarest it has.
    ///
    /// # Errors
    /// When one part would be empty.
    pub fn split(&self, fraction: f32, seed: Seed) -> Result<(Self, Self), DataError> {
        let rows = self.len();
        let second = (rows as f32 * fraction).round().clamp(0.0, rows as f32) as usize;
        let first = rows - second;
        if first == 0 || second == 0 {
            return Err(DataError::Split { fraction, rows, first, second });
        }
        let order = self.order(seed, SPLIT);
        let of_sample = self.deal(&order, [first, second].map(|part| part as f64 / rows as f64));
        let (second, first): (Vec<usize>, Vec<usize>) = order.iter().partition(|&&row| of_sample[row] == 1);
        Ok((self.pick(&first), self.pick(&second)))
    }

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
        let order = self.order(seed, PARTS);
        let of_sample = self.deal(&order, fractions.map(f64::from));
        let rows = std::array::from_fn(|part| {
            order.iter().copied().filter(|&row| of_sample[row] == part).collect::<Vec<_>>()
        });
        if let Some(part) = rows.iter().position(Vec::is_empty) {
            return Err(DataError::Part { fractions: fractions.to_vec(), rows: self.len(), part });
        }
        Ok(rows.map(|rows| self.pick(&rows)))
    }

    /// Shuffles, then deals the samples into `count` folds that differ by one sample at most: for each of them what is outside it,
    /// to train on, and what is in it, held out. Every sample is held out once. Where targets are classes, each has as many samples
    /// in every fold, to within one, so a class of two samples or more is trained on in all; of several labels, each sample
    /// counts for the rarest it has.
    ///
    /// ```
    /// use fheqat_runtime::{Seed, data::checkerboard};
    ///
    /// let (data, _) = checkerboard(Seed(0));
    /// for (train, held_out) in data.folds(5, Seed(1))? {
    ///     assert_eq!((train.len(), held_out.len()), (7600, 1900));
    /// }
    /// # Ok::<(), fheqat_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// When there are fewer than two folds, or fewer samples than folds.
    pub fn folds(
        &self,
        count: usize,
        seed: Seed,
    ) -> Result<impl ExactSizeIterator<Item = (Self, Self)> + '_, DataError> {
        if count < 2 || count > self.len() {
            return Err(DataError::Folds { folds: count, rows: self.len() });
        }
        let order = self.order(seed, FOLDS);
        let mut of_sample = vec![0; self.len()];
        for (index, row) in self.by_stratum(&order).into_iter().enumerate() {
            of_sample[row] = index % count;
        }
        Ok((0..count).map(move |fold| {
            let (held, train): (Vec<usize>, Vec<usize>) =
                order.iter().partition(|&&row| of_sample[row] == fold);
            (self.pick(&train), self.pick(&held))
        }))
    }

    /// The part of each sample. Goes through the classes one after the other and gives each sample to the part that is
    /// furthest behind its fraction, so any run of samples, such as a class, is shared out evenly. Of two parts the smaller never
    /// gets two in a row.
    fn deal<const N: usize>(&self, order: &[usize], fractions: [f64; N]) -> Vec<usize> {
        let mut part_of = vec![0; order.len()];
        let mut dealt = [0.0f64; N];
        for (count, row) in (1u32..).zip(self.by_stratum(order)) {
            let behind = |part: usize| f64::from(count) * fractions[part] - dealt[part];
            let part = (1..N).fold(0, |most, part| if behind(part) > behind(most) { part } else { most });
            part_of[row] = part;
            dealt[part] += 1.0;
        }
        part_of
    }

    /// The rows class by class, those of a class in the order given; of several labels, by the rarest that a sample has.
    fn by_stratum(&self, order: &[usize]) -> Vec<usize> {
        let mut rows = order.to_vec();
        match &self.targets {
            Targets::Classes { labels, .. } => rows.sort_by_key(|&row| labels[row]),
            Targets::Values(_) => {}
            Targets::Labels(labels) => {
                let counts: Vec<usize> = labels
                    .columns()
                    .into_iter()
                    .map(|column| column.iter().filter(|holds| **holds).count())
                    .collect();
                let rarest = |row: usize| {
                    (0..counts.len()).filter(|&label| labels[[row, label]]).min_by_key(|&label| counts[label])
                };
                rows.sort_by_cached_key(|&row| rarest(row));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::{collection::vec, prelude::*};

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
    fn a_split_shares_out_every_sample() {
        let features = Array2::from_shape_fn((10, 1), |(row, _)| row as f32);
        let data = Dataset::classes(features, (0..10).collect(), 10).unwrap();
        let (first, second) = data.split(0.3, Seed(5)).unwrap();
        assert_eq!((first.len(), second.len()), (7, 3));
        assert_eq!(rows_of([&first, &second]), (0..10).collect::<Vec<_>>());
        let data = classes(100);
        let (first, second) = data.split(0.3, Seed(5)).unwrap();
        assert_eq!(data.split(0.3, Seed(5)).unwrap().0, first);
        assert_ne!(data.split(0.3, Seed(6)).unwrap().0, first);
        assert!(!first.labels().is_sorted() && !second.labels().is_sorted());
        assert!(matches!(data.split(0.001, Seed(5)), Err(DataError::Split { .. })));
        assert!(matches!(data.split(f32::NAN, Seed(5)), Err(DataError::Split { .. })));
    }

    fn rows_of<'a>(parts: impl IntoIterator<Item = &'a Dataset>) -> Vec<usize> {
        let mut rows: Vec<usize> = parts
            .into_iter()
            .flat_map(|part| part.features().column(0).mapv(|row| row as usize).to_vec())
            .collect();
        rows.sort_unstable();
        rows
    }

    fn counts(data: &Dataset, classes: usize) -> Vec<usize> {
        (0..classes).map(|class| data.labels().iter().filter(|label| **label == class).count()).collect()
    }

    /// Classes of the sizes given.
    fn sized(sizes: &[usize]) -> Dataset {
        let labels: Vec<usize> =
            sizes.iter().enumerate().flat_map(|(class, &size)| std::iter::repeat_n(class, size)).collect();
        let features = Array2::from_shape_fn((labels.len(), 1), |(row, _)| row as f32);
        Dataset::classes(features, labels, sizes.len()).unwrap()
    }

    proptest! {
        #[test]
        fn splits_are_stratified(sizes in vec(0usize..40, 1..8), fraction in 0.02f32..0.98, seed in 0u64..1000) {
            prop_assume!(sizes.iter().sum::<usize>() > 1);
            let data = sized(&sizes);
            let Ok((first, second)) = data.split(fraction, Seed(seed)) else { return Ok(()) };
            let apart = (data.len() as f32 * fraction).round() as usize;
            prop_assert_eq!(second.len(), apart);
            prop_assert_eq!(rows_of([&first, &second]), (0..data.len()).collect::<Vec<_>>());
            let larger = if first.len() < second.len() { &second } else { &first };
            let (in_second, in_larger) = (counts(&second, sizes.len()), counts(larger, sizes.len()));
            for (class, &size) in sizes.iter().enumerate() {
                let even = size as f64 * apart as f64 / data.len() as f64;
                prop_assert!((in_second[class] as f64 - even).abs() <= 1.0 + 1e-9);
                prop_assert!(size < 2 || in_larger[class] > 0);
            }
        }

        #[test]
        fn folds_are_stratified(sizes in vec(0usize..40, 1..8), count in 2usize..8, seed in 0u64..1000) {
            prop_assume!(sizes.iter().sum::<usize>() >= count);
            let data = sized(&sizes);
            let folds: Vec<_> = data.folds(count, Seed(seed)).unwrap().collect();
            prop_assert_eq!(folds.len(), count);
            prop_assert_eq!(rows_of(folds.iter().map(|(_, held)| held)), (0..data.len()).collect::<Vec<_>>());
            for (train, held) in &folds {
                prop_assert_eq!(rows_of([train, held]), (0..data.len()).collect::<Vec<_>>());
                prop_assert!(held.len() == data.len() / count || held.len() == data.len().div_ceil(count));
                for (class, held) in counts(held, sizes.len()).into_iter().enumerate() {
                    prop_assert!(held == sizes[class] / count || held == sizes[class].div_ceil(count));
                }
            }
        }
    }

    #[test]
    fn folds_follow_the_seed_and_must_have_samples() {
        let data = classes(30);
        let fold = |seed| data.folds(3, Seed(seed)).unwrap().next().unwrap().1;
        assert_eq!(fold(1), fold(1));
        assert_ne!(fold(1), fold(2));
        assert!(!fold(1).labels().is_sorted());
        for count in [0, 1, 31] {
            assert!(matches!(data.folds(count, Seed(1)).err(), Some(DataError::Folds { rows: 30, .. })));
        }
        assert_eq!(
            data.folds(31, Seed(1)).err().unwrap().to_string(),
            "30 samples cannot be dealt into 31 folds: give from 2 up to as many as there are samples"
        );
        let alone = data.folds(30, Seed(1)).unwrap();
        assert!(
            alone.len() == 30 && alone.into_iter().all(|(train, held)| (train.len(), held.len()) == (29, 1))
        );
    }

    #[test]
    fn a_rare_label_among_several_is_shared_out() {
        let features = Array2::from_shape_fn((60, 1), |(row, _)| row as f32);
        // All samples have the first label, half the second, five the third.
        let labels =
            Array2::from_shape_fn((60, 3), |(row, label)| [true, row % 2 == 0, row % 12 == 0][label]);
        let data = Dataset::multi_label(features, labels).unwrap();
        for (_, held) in data.folds(5, Seed(4)).unwrap() {
            let Targets::Labels(labels) = held.targets() else { unreachable!() };
            assert_eq!(labels.column(2).iter().filter(|holds| **holds).count(), 1);
            assert_eq!(labels.column(1).iter().filter(|holds| **holds).count(), 6);
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
