//! Two networks compared by the same samples.

use ndarray::{ArrayView2, Axis};

use crate::{
    data::Dataset,
    train::{config::Loss, evaluate::Metrics, loss::class},
};

/// Standard errors that a result keeps from the margin: of many networks the cheapest that seems near enough is one that luck
/// favours.
const CAUTION: f64 = 0.5;
/// Standard errors beyond the margin that are no bad luck.
const CERTAINTY: f64 = 2.0;

/// What a network gives on data, as a whole and sample by sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    pub(super) metrics: Metrics,
    /// Of each sample the fraction of its runs that were right; nothing where targets are numbers.
    right: Vec<f64>,
}

impl Score {
    /// That of outputs `[n * runs, outputs]`, of each sample of `data` as many runs one after the other.
    pub(super) fn of(outputs: &ArrayView2<'_, f32>, data: &Dataset, loss: Loss) -> Self {
        let runs = outputs.nrows() / data.len();
        let of_samples = outputs.axis_chunks_iter(Axis(0), runs);
        let right = data.labels().iter().zip(of_samples).map(|(&label, of_sample)| {
            let is_right = |output: &ndarray::ArrayView1<'_, f32>| class(output.iter().copied()) == label;
            of_sample.rows().into_iter().filter(is_right).count() as f64 / runs as f64
        });
        Self { metrics: Metrics::of(outputs, data, loss), right: right.collect() }
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

    /// Whether it is less than `margin` behind `best`, and [`CAUTION`] standard errors inside that. Where targets are numbers,
    /// whether the loss is within that part of itself.
    pub(super) fn is_near(&self, best: &Self, margin: f64) -> bool {
        self.is_within(margin, best, -CAUTION)
    }

    /// Whether it is more than `margin` behind `other`, and [`CERTAINTY`] standard errors beyond that. Where targets are numbers,
    /// whether the loss is more than that part of itself behind.
    pub(super) fn is_clearly_behind(&self, other: &Self, margin: f64) -> bool {
        !self.is_within(margin, other, CERTAINTY)
    }

    /// Whether it is less than `margin` behind `other` once it is given so many standard errors.
    fn is_within(&self, margin: f64, other: &Self, errors: f64) -> bool {
        if other.metrics.accuracy.is_none() {
            return self.metrics.loss <= other.metrics.loss * (1.0 + margin);
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
        Score::of(&outputs.view(), &data, Loss::CrossEntropy)
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
        // As far behind, but right where `best` errs: they differ on 24 samples, so the error is 0.0244.
        let other = score(1, |sample, _| !(10..24).contains(&sample));
        assert_eq!(other.metrics.accuracy, behind.metrics.accuracy);
        assert!(!other.is_near(&best, 0.0251) && other.is_near(&best, 0.0323));
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
}
