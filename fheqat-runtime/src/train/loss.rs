//! Losses and their gradients with respect to the outputs.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::config::Loss;
use crate::data::Targets;

/// What a batch gives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) loss: f64,
    pub(crate) right: usize,
    pub(crate) samples: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.right += other.right;
        self.samples += other.samples;
    }

    /// Mean over the samples.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.samples.max(1) as f64
    }
}

/// What is minimised, and towards which targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Objective {
    pub(crate) loss: Loss,
    /// The fraction of a class target that all classes share.
    pub(crate) smoothing: f32,
}

impl From<Loss> for Objective {
    fn from(loss: Loss) -> Self {
        Self { loss, smoothing: 0.0 }
    }
}

/// Loss of the outputs `[n, k]` of the samples at `rows`; the gradient of its mean over the batch goes to `gradient`.
pub(crate) fn score(
    objective: Objective,
    outputs: &ArrayView2<'_, f32>,
    targets: &Targets,
    rows: &[usize],
    mut gradient: ArrayViewMut2<'_, f32>,
) -> Tally {
    let mut tally = Tally { samples: rows.len(), ..Tally::default() };
    let each = 1.0 / rows.len() as f32;
    for ((output, mut slope), &row) in outputs.rows().into_iter().zip(gradient.rows_mut()).zip(rows) {
        if let Targets::Classes { labels, .. } = targets {
            tally.right += usize::from(class(output.iter().copied()) == labels[row]);
        }
        let target = |column| target(targets, objective.smoothing, row, column);
        if let (Loss::CrossEntropy, Targets::Classes { .. }) = (objective.loss, targets) {
            let most = output.fold(f32::NEG_INFINITY, |most, &value| most.max(value));
            let mut sum = 0.0;
            for (slope, &value) in slope.iter_mut().zip(output) {
                *slope = (value - most).exp();
                sum += *slope;
            }
            let mut expected = 0.0;
            for (column, (slope, &value)) in slope.iter_mut().zip(output).enumerate() {
                expected += target(column) * value;
                *slope = *slope / sum * each - target(column) * each;
            }
            tally.loss += f64::from(sum.ln() + most - expected);
            continue;
        }
        let share = 1.0 / output.len() as f32;
        for (column, (slope, &value)) in slope.iter_mut().zip(output).enumerate() {
            let error = value - target(column);
            tally.loss += f64::from(error * error * share);
            *slope = 2.0 * error * share * each;
        }
    }
    tally
}

fn target(targets: &Targets, smoothing: f32, row: usize, column: usize) -> f32 {
    match targets {
        Targets::Classes { labels, classes } => {
            let own = if labels[row] == column { 1.0 - smoothing } else { 0.0 };
            own + smoothing / *classes as f32
        }
        Targets::Values(values) => values[[row, column]],
        Targets::Labels(labels) => f32::from(labels[[row, column]]),
    }
}

/// The index of the largest output, the first of equals.
pub(crate) fn class(outputs: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in outputs.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn smoothed_targets_share_out_a_fraction() {
        let targets = Targets::Classes { labels: vec![2], classes: 3 };
        let shares: Vec<f32> = (0..3).map(|column| target(&targets, 0.3, 0, column)).collect();
        assert!(shares.iter().zip([0.1, 0.1, 0.8]).all(|(share, expected)| (share - expected).abs() < 1e-6));
        let numbers = Targets::Values(array![[5.0]]);
        assert!((target(&numbers, 0.3, 0, 0) - 5.0).abs() < 1e-6);
    }

    #[test]
    fn slopes_are_finite_differences() {
        let targets = Targets::Classes { labels: vec![2, 0], classes: 3 };
        let outputs = array![[0.3, -1.0, 2.0], [0.1, 0.7, -0.4]];
        for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
            let objective = Objective { loss, smoothing: 0.2 };
            let of = |outputs: &Array2<f32>, slopes: &mut Array2<f32>| {
                score(objective, &outputs.view(), &targets, &[0, 1], slopes.view_mut()).mean_loss()
            };
            let mut slopes = Array2::zeros((2, 3));
            of(&outputs, &mut slopes);
            for place in [(0, 0), (0, 2), (1, 1)] {
                let (mut above, mut below) = (outputs.clone(), outputs.clone());
                above[place] += 1e-2;
                below[place] -= 1e-2;
                let other = &mut Array2::zeros((2, 3));
                let difference = (of(&above, other) - of(&below, other)) / 2e-2;
                assert!((difference - f64::from(slopes[place])).abs() < 1e-3, "{loss:?} {place:?}");
            }
        }
    }
}
