//! Two networks compared by the same samples.

use ndarray::ArrayView2;

use crate::{
    data::{Dataset, Targets},
    train::{
        TrainError,
        config::TrainConfig,
        loss::class,
        metrics::answers::Answers,
        select::{Measure, SelectBy},
    },
};

/// Standard errors that a result keeps from the margin: of many networks the cheapest that seems near enough is one that luck
/// favours.
const CAUTION: f64 = 0.5;
/// Standard errors by which what costs more must be better: luck alone reaches them once in twenty times.
const WORTH: f64 = 1.64;
/// Standard errors beyond the margin that are no bad luck.
const CERTAINTY: f64 = 2.0;

/// What a network gives on data, as a whole and sample by sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    pub(super) metrics: Measure,
    by: SelectBy,
    /// Of each sample what it adds to the accuracy, balanced where that is selected by: the fraction of its runs that were right,
    /// times a weight that is 1 on average. Nothing where something else is selected by.
    right: Vec<f64>,
}

impl Score {
    /// That of outputs `[n * runs, outputs]`, of each sample of `data` as many runs one after the other.
    ///
    /// # Errors
    /// When the data has nothing to select by.
    pub(super) fn of(
        outputs: &ArrayView2<'_, f32>,
        data: &Dataset,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let by = config.select_by.on(data.targets(), &config.class_weights)?;
        let answers = Answers::new(outputs, data);
        let mut right = Vec::new();
        if let (SelectBy::Accuracy | SelectBy::BalancedAccuracy, Targets::Classes { labels, classes }) =
            (by, data.targets())
        {
            let runs = outputs.nrows() / data.len();
            right.resize(data.len(), 0.0);
            for (row, output) in answers.rows() {
                right[row] += f64::from(u8::from(class(output.iter().copied()) == labels[row])) / runs as f64;
            }
            if by == SelectBy::BalancedAccuracy {
                let mut counts = vec![0_usize; *classes];
                for &label in labels {
                    counts[label] += 1;
                }
                let there = counts.iter().filter(|count| **count > 0).count();
                for (right, &label) in right.iter_mut().zip(labels) {
                    *right *= data.len() as f64 / (there * counts[label]) as f64;
                }
            }
        }
        Ok(Self { metrics: Measure::of(&answers, config.loss, by), by, right })
    }

    /// By how much of all samples more than `other` it has right, and the standard error of that. Both saw the same samples, so
    /// only those count on which they differ (the test of `McNemar`, 1947), and two networks that err alike are told apart by few samples.
    fn lead(&self, other: &Self) -> (f64, f64) {
        let count = self.right.len().max(1) as f64;
        let leads = || self.right.iter().zip(&other.right).map(|(here, there)| here - there);
        let mean = leads().sum::<f64>() / count;
        let variance = leads().map(|lead| (lead - mean).powi(2)).sum::<f64>() / count;
        (mean, (variance / count).sqrt())
    }

    /// Whether it is less than `margin` behind `best`, and [`CAUTION`] standard errors inside that. Where it is selected by
    /// the loss, whether that is within that part of itself; by a figure without an error, whether that is within the margin.
    pub(super) fn is_near(&self, best: &Self, margin: f64) -> bool {
        self.is_within(margin, best, -CAUTION)
    }

    /// Whether it is at most `margin` behind `other`: for one that was not chosen by this figure, which luck favours no more.
    pub(super) fn is_within_margin(&self, other: &Self, margin: f64) -> bool {
        self.is_within(margin, other, 0.0)
    }

    /// Whether it is more than `margin` behind `other`, and [`CERTAINTY`] standard errors beyond that. Where it is
    /// selected by something else, as [`Score::is_near`] says.
    pub(super) fn is_clearly_behind(&self, other: &Self, margin: f64) -> bool {
        !self.is_within(margin, other, CERTAINTY)
    }

    /// Whether it is at most `margin` behind `other`, or less than [`WORTH`] standard errors.
    pub(super) fn is_as_good(&self, other: &Self, margin: f64) -> bool {
        self.is_within_margin(other, margin) || (!self.right.is_empty() && self.is_within(0.0, other, WORTH))
    }

    /// Whether it is less than `margin` behind `other` once it is given so many standard errors.
    fn is_within(&self, margin: f64, other: &Self, errors: f64) -> bool {
        if self.by == SelectBy::Loss {
            return self.metrics.loss <= other.metrics.loss * (1.0 + margin);
        }
        if self.right.is_empty() {
            return self.metrics.value >= other.metrics.value - margin;
        }
        let (lead, error) = self.lead(other);
        lead + errors * error >= -margin
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    const SAMPLES: usize = 200;

    /// Of two classes, all samples of class 0, and outputs that are right where `is_right` says so.
    fn score(runs: usize, is_right: impl Fn(usize, usize) -> bool) -> Score {
        let features = Array2::zeros((SAMPLES, 1));
        let data = Dataset::classes(features, vec![0; SAMPLES], 2).unwrap();
        let outputs = Array2::from_shape_fn((SAMPLES * runs, 2), |(row, output)| {
            f32::from(u8::from((output == 0) == is_right(row / runs, row % runs)))
        });
        Score::of(&outputs.view(), &data, &TrainConfig::default()).unwrap()
    }

    fn same(found: (f64, f64), expected: (f64, f64)) -> bool {
        (found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12
    }

    #[test]
    fn only_samples_that_differ_count() {
        let one = score(1, |sample, _| sample >= 56 || (40..46).contains(&sample));
        let other = score(1, |sample, _| sample >= 46);
        assert_eq!(one.metrics.accuracy, Some(0.75));
        // 6 are right here alone and 10 there alone: a mean of -4 / 200, squares of 16 / 200.
        let error = ((16.0 / 200.0 - 0.0004) / 200.0f64).sqrt();
        assert!(same(one.lead(&other), (-0.02, error)), "{:?}", one.lead(&other));
        assert!(same(other.lead(&one), (0.02, error)));
        assert!(same(other.lead(&other), (0.0, 0.0)));
    }

    #[test]
    fn runs_of_one_sample_are_one_sample() {
        let always = score(4, |sample, _| sample < 100);
        let sometimes = score(4, |sample, run| sample < 100 && run > 0);
        assert!(
            same(always.lead(&sometimes), (0.125, 0.125 / 200.0f64.sqrt())),
            "{:?}",
            always.lead(&sometimes)
        );
    }

    #[test]
    fn a_margin_is_met_with_half_the_error_to_spare() {
        let best = score(1, |sample, _| sample >= 10);
        let behind = score(1, |sample, _| sample >= 14);
        assert!(best.is_near(&best, 0.0) && best.is_near(&behind, 0.0));
        // 4 of 200 behind, with an error of sqrt(0.02 * 0.98 / 200) = 0.0099
        assert!(behind.is_near(&best, 0.0251) && !behind.is_near(&best, 0.0248));
        assert!(behind.is_within_margin(&best, 0.0201) && !behind.is_within_margin(&best, 0.0199));
        // As far behind, but right where `best` errs: they differ on 24 samples, so the error is 0.0244.
        let other = score(1, |sample, _| !(10..24).contains(&sample));
        assert_eq!(other.metrics.accuracy, behind.metrics.accuracy);
        assert!(!other.is_near(&best, 0.0251) && other.is_near(&best, 0.0323));
    }

    #[test]
    fn what_costs_more_must_be_better_than_luck() {
        let cheap = score(1, |sample, _| sample >= 10);
        // Leads of 2 of 200 with an error of 0.0070, and of 4 with one of 0.0099: 1.4 and 2.0 errors.
        let (lucky, better) = (score(1, |sample, _| sample >= 8), score(1, |sample, _| sample >= 6));
        assert!(cheap.is_as_good(&lucky, 0.0025) && !cheap.is_as_good(&better, 0.0025));
        assert!(cheap.is_as_good(&better, 0.02) && better.is_as_good(&cheap, 0.0));
    }

    #[test]
    fn a_clear_fall_is_two_errors_beyond_the_margin() {
        let best = score(1, |sample, _| sample >= 10);
        let behind = score(1, |sample, _| sample >= 14);
        // 4 of 200 behind, with an error of 0.0099
        assert!(behind.is_clearly_behind(&best, 0.0) && !behind.is_clearly_behind(&best, 0.0005));
        assert!(!best.is_clearly_behind(&behind, 0.0) && !best.is_clearly_behind(&best, 0.0));
        // As far behind on 24 samples that differ, an error of 0.0244 is no proof.
        let other = score(1, |sample, _| !(10..24).contains(&sample));
        assert!(!other.is_clearly_behind(&best, 0.0));
    }

    /// 150 samples of class 0 and 50 of class 1, so that one of class 1 counts three times.
    #[test]
    fn a_balanced_lead_counts_each_class_the_same() {
        let labels: Vec<usize> = (0..SAMPLES).map(|row| usize::from(row >= 150)).collect();
        let data = Dataset::classes(Array2::zeros((SAMPLES, 1)), labels, 2).unwrap();
        let config = |select_by| TrainConfig { select_by, ..TrainConfig::default() };
        let score = |select_by, wrong: std::ops::Range<usize>| {
            let outputs = Array2::from_shape_fn((SAMPLES, 2), |(row, output)| {
                f32::from(u8::from((output == data.labels()[row]) != wrong.contains(&row)))
            });
            Score::of(&outputs.view(), &data, &config(select_by)).unwrap()
        };
        let by = SelectBy::BalancedAccuracy;
        let (of_many, of_few) = (score(by, 0..15), score(by, 150..160));
        assert!((of_many.metrics.value - 0.95).abs() < 1e-12 && (of_few.metrics.value - 0.9).abs() < 1e-12);
        assert!((of_many.lead(&of_few).0 - 0.05).abs() < 1e-12, "{:?}", of_many.lead(&of_few));
        assert!(of_many.metrics.is_better(&of_few.metrics) && !of_few.is_near(&of_many, 0.01));
        let by = SelectBy::Accuracy;
        assert!(score(by, 150..160).metrics.is_better(&score(by, 0..15).metrics));
        // A figure without an error is compared as it is.
        let by = SelectBy::F1;
        let (best, behind) = (score(by, 0..0), score(by, 0..15));
        let lead = best.metrics.value - behind.metrics.value;
        assert!(behind.is_near(&best, lead + 1e-9) && !behind.is_near(&best, lead - 1e-9));
    }
}
