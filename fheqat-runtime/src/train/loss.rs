//! Losses and their gradients with respect to the outputs.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::{class_weights::TargetWeights, error::TrainError};
use crate::data::Targets;

/// What is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// Cross entropy for classes, the mean squared error for numbers, logistic for labels.
    #[default]
    Auto,
    /// Of the softmax of the outputs, for classes.
    CrossEntropy,
    /// Of the logistic function of each output, for labels of which several may hold; mean over samples and labels.
    Logistic,
    /// Mean over samples and outputs, in training of numbers in their standard deviations; classes and labels count as 0 and 1.
    MeanSquaredError,
}

/// Whether a logit says that its label holds.
pub(crate) const fn holds(logit: f32) -> bool {
    logit >= 0.0
}

/// What a batch gives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) loss: f64,
    /// Samples classified right, or labels told right.
    pub(crate) right: usize,
    pub(crate) samples: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.right += other.right;
        self.samples += other.samples;
    }

    /// The fraction of the samples, or of all their labels, that is right; `None` where targets are numbers.
    pub(crate) fn accuracy(&self, targets: &Targets) -> Option<f64> {
        let answers = match targets {
            Targets::Classes { .. } => self.samples,
            Targets::Labels(labels) => self.samples * labels.ncols(),
            Targets::Values(_) => return None,
        };
        Some(self.right as f64 / answers as f64)
    }

    /// Mean over the samples.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.samples.max(1) as f64
    }
}

/// What is minimised, and towards which targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Objective<'a> {
    pub(crate) loss: Loss,
    /// The fraction of a class target that all classes share.
    pub(crate) smoothing: f32,
    pub(crate) weights: &'a TargetWeights,
}

impl From<Loss> for Objective<'_> {
    fn from(loss: Loss) -> Self {
        Self { loss, smoothing: 0.0, weights: TargetWeights::none() }
    }
}

/// A loss once it is known what the targets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Criterion {
    CrossEntropy,
    Logistic,
    Squares,
}

impl Loss {
    const fn on(self, targets: &Targets) -> Criterion {
        match (self, targets) {
            (Self::CrossEntropy, _) | (Self::Auto, Targets::Classes { .. }) => Criterion::CrossEntropy,
            (Self::Logistic, _) | (Self::Auto, Targets::Labels(_)) => Criterion::Logistic,
            (Self::MeanSquaredError, _) | (Self::Auto, Targets::Values(_)) => Criterion::Squares,
        }
    }

    /// # Errors
    /// When it is not for such targets.
    pub(super) fn check(self, targets: &Targets) -> Result<(), TrainError> {
        let loss = match (self, targets) {
            (Self::Auto | Self::MeanSquaredError, _)
            | (Self::CrossEntropy, Targets::Classes { .. })
            | (Self::Logistic, Targets::Labels(_)) => return Ok(()),
            (Self::CrossEntropy, Targets::Values(_) | Targets::Labels(_)) => "Loss::CrossEntropy",
            (Self::Logistic, Targets::Values(_) | Targets::Classes { .. }) => "Loss::Logistic",
        };
        Err(TrainError::Loss { loss, targets: kind(targets) })
    }
}

/// What targets are.
pub(super) const fn kind(targets: &Targets) -> &'static str {
    match targets {
        Targets::Classes { .. } => "classes",
        Targets::Values(_) => "numbers",
        Targets::Labels(_) => "labels",
    }
}

/// Loss of the outputs `[n, k]` of the samples at `rows`; the gradient of its mean over the batch goes to `gradient`.
pub(crate) fn score(
    objective: Objective<'_>,
    outputs: &ArrayView2<'_, f32>,
    targets: &Targets,
    rows: &[usize],
    mut gradient: ArrayViewMut2<'_, f32>,
) -> Tally {
    let mut tally = Tally { samples: rows.len(), ..Tally::default() };
    let criterion = objective.loss.on(targets);
    for ((output, mut slope), &row) in outputs.rows().into_iter().zip(gradient.rows_mut()).zip(rows) {
        let mut each = 1.0 / rows.len() as f32;
        let mut weight = 1.0;
        match targets {
            Targets::Classes { labels, .. } => {
                tally.right += usize::from(class(output.iter().copied()) == labels[row]);
                weight = objective.weights.of_class(labels[row]);
                each *= weight;
            }
            Targets::Labels(labels) => {
                let told = output.iter().zip(labels.row(row));
                tally.right += told.filter(|(logit, is_there)| holds(**logit) == **is_there).count();
            }
            Targets::Values(_) => {}
        }
        let target = |column| target(targets, objective.smoothing, row, column);
        let loss = match criterion {
            Criterion::CrossEntropy => cross_entropy(&output, target, each, &mut slope),
            Criterion::Logistic => logistic(&output, target, objective.weights, each, &mut slope),
            Criterion::Squares => squares(&output, target, each, &mut slope),
        };
        tally.loss += loss * f64::from(weight);
    }
    tally
}

/// The loss of one sample; its gradient times `each` goes to `slope`.
fn cross_entropy(
    output: &ArrayView1<'_, f32>,
    target: impl Fn(usize) -> f32,
    each: f32,
    slope: &mut ArrayViewMut1<'_, f32>,
) -> f64 {
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
    f64::from(sum.ln() + most - expected)
}

/// The mean over the labels of `ln(1 + e^z) - t z`, whose slope by `z` is `1 / (1 + e^-z) - t`.
fn logistic(
    output: &ArrayView1<'_, f32>,
    target: impl Fn(usize) -> f32,
    weights: &TargetWeights,
    each: f32,
    slope: &mut ArrayViewMut1<'_, f32>,
) -> f64 {
    let share = 1.0 / output.len() as f32;
    let mut loss = 0.0;
    for (label, (slope, &value)) in slope.iter_mut().zip(output).enumerate() {
        let target = target(label);
        let weight = share * weights.of_label(label, target > 0.5);
        loss += f64::from(weight * (value.max(0.0) - target * value + (-value.abs()).exp().ln_1p()));
        *slope = (1.0 / (1.0 + (-value).exp()) - target) * weight * each;
    }
    loss
}

fn squares(
    output: &ArrayView1<'_, f32>,
    target: impl Fn(usize) -> f32,
    each: f32,
    slope: &mut ArrayViewMut1<'_, f32>,
) -> f64 {
    let share = 1.0 / output.len() as f32;
    let mut loss = 0.0;
    for (column, (slope, &value)) in slope.iter_mut().zip(output).enumerate() {
        let error = value - target(column);
        loss += f64::from(error * error * share);
        *slope = 2.0 * error * share * each;
    }
    loss
}

fn target(targets: &Targets, smoothing: f32, row: usize, column: usize) -> f32 {
    match targets {
        Targets::Classes { labels, classes } => {
            let own = if labels[row] == column { 1.0 - smoothing } else { 0.0 };
            own + smoothing / *classes as f32
        }
        Targets::Values(values) => values[[row, column]],
        Targets::Labels(labels) => f32::from(labels[[row, column]]) * (1.0 - smoothing) + 0.5 * smoothing,
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
        let classes = Targets::Classes { labels: vec![2, 0], classes: 3 };
        let labels = Targets::Labels(array![[true, false, true], [false, false, true]]);
        for loss in [Loss::Auto, Loss::CrossEntropy, Loss::MeanSquaredError] {
            let weights = TargetWeights { classes: vec![0.5, 1.0, 3.0], ..TargetWeights::default() };
            check(Objective { loss, smoothing: 0.2, weights: &weights }, &classes);
        }
        for loss in [Loss::Auto, Loss::Logistic, Loss::MeanSquaredError] {
            let weights = TargetWeights {
                labels: vec![[0.5, 2.0], [1.0, 1.0], [3.0, 0.1]],
                ..TargetWeights::default()
            };
            check(Objective { loss, smoothing: 0.2, weights: &weights }, &labels);
        }
    }

    fn check(objective: Objective<'_>, targets: &Targets) {
        let outputs = array![[0.3, -1.0, 2.0], [0.1, 0.7, -0.4]];
        let of = |outputs: &Array2<f32>, slopes: &mut Array2<f32>| {
            score(objective, &outputs.view(), targets, &[0, 1], slopes.view_mut()).mean_loss()
        };
        let mut slopes = Array2::zeros((2, 3));
        of(&outputs, &mut slopes);
        for place in [(0, 0), (0, 2), (1, 1)] {
            let (mut above, mut below) = (outputs.clone(), outputs.clone());
            above[place] += 1e-2;
            below[place] -= 1e-2;
            let other = &mut Array2::zeros((2, 3));
            let difference = (of(&above, other) - of(&below, other)) / 2e-2;
            assert!((difference - f64::from(slopes[place])).abs() < 1e-3, "{objective:?} {place:?}");
        }
    }

    /// Far from zero, where `ln(1 + e^z)` overflows.
    #[test]
    fn the_logistic_loss_is_finite_everywhere() {
        let targets = Targets::Labels(array![[true, false]]);
        let mut slopes = Array2::zeros((1, 2));
        let outputs = array![[-1e4, 1e4]];
        let tally = score(Loss::Auto.into(), &outputs.view(), &targets, &[0], slopes.view_mut());
        assert!((tally.loss - 1e4).abs() < 1.0, "{tally:?}");
        assert!((slopes[[0, 0]] + 0.5).abs() < 1e-6 && (slopes[[0, 1]] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn losses_go_with_their_targets() {
        let all = [
            Targets::Classes { labels: vec![0], classes: 1 },
            Targets::Values(array![[0.0]]),
            Targets::Labels(array![[true]]),
        ];
        let fits = |loss: Loss| all.each_ref().map(|targets| loss.check(targets).is_ok());
        assert_eq!(fits(Loss::Auto), [true; 3]);
        assert_eq!(fits(Loss::MeanSquaredError), [true; 3]);
        assert_eq!(fits(Loss::CrossEntropy), [true, false, false]);
        assert_eq!(fits(Loss::Logistic), [false, false, true]);
    }
}
