//! What networks and epochs are compared by.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{
    class_weights::ClassWeights,
    error::TrainError,
    loss::{Loss, Tally, kind, score},
    metrics::{answers::Answers, classes, labels, numbers},
};
use crate::data::Targets;

/// What networks and epochs are compared by, on validation data.
///
/// ```
/// use fheqat_runtime::train::{SelectBy, TrainConfig};
///
/// let config = TrainConfig { select_by: SelectBy::F1, ..TrainConfig::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SelectBy {
    /// Of classes the accuracy, or the balanced accuracy where there are class weights; of labels and numbers the loss.
    #[default]
    Auto,
    /// The fraction that is right, of classes or of all labels.
    Accuracy,
    /// The mean recall of the classes.
    BalancedAccuracy,
    /// The mean F1 of classes or labels.
    F1,
    /// The area under the ROC curve, the mean of each class or label against the rest.
    Auc,
    /// The mean loss, without class weights and smoothing.
    Loss,
    /// The mean R2 of numbers.
    R2,
}

impl SelectBy {
    /// What it is for such targets.
    ///
    /// # Errors
    /// When targets of that kind have no such figure.
    pub(crate) fn on(self, targets: &Targets, weights: &ClassWeights) -> Result<Self, TrainError> {
        let is_weighted = *weights != ClassWeights::None;
        match (self, targets) {
            (Self::Auto, Targets::Classes { .. }) if is_weighted => Ok(Self::BalancedAccuracy),
            (Self::Auto, Targets::Classes { .. }) => Ok(Self::Accuracy),
            (Self::Auto, Targets::Labels(_) | Targets::Values(_)) => Ok(Self::Loss),
            (Self::Loss, _)
            | (Self::BalancedAccuracy, Targets::Classes { .. })
            | (Self::Accuracy | Self::F1 | Self::Auc, Targets::Classes { .. } | Targets::Labels(_))
            | (Self::R2, Targets::Values(_)) => Ok(self),
            (Self::BalancedAccuracy, Targets::Labels(_) | Targets::Values(_))
            | (Self::Accuracy | Self::F1 | Self::Auc, Targets::Values(_))
            | (Self::R2, Targets::Classes { .. } | Targets::Labels(_)) => {
                Err(TrainError::SelectBy { select_by: format!("{self:?}"), targets: kind(targets) })
            }
        }
    }
}

/// What networks and epochs are compared by: the one type, and the one comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measure {
    /// Mean over the samples.
    pub(crate) loss: f64,
    /// Fraction of the samples, or of all labels, that is right; `None` where targets are numbers.
    pub(crate) accuracy: Option<f64>,
    /// By [`SelectBy`]; the higher, the better, so the loss counts negative.
    pub(crate) value: f64,
}

impl Measure {
    /// Whether it is better by what is selected by, or as good with a smaller loss.
    pub(crate) fn is_better(&self, other: &Self) -> bool {
        self.value > other.value || (self.value >= other.value && self.loss < other.loss)
    }

    /// By [`SelectBy::Accuracy`], where there is one, else by the loss.
    pub(crate) fn of_tally(tally: Tally, targets: &Targets, by: SelectBy) -> Self {
        let loss = tally.mean_loss();
        let accuracy = tally.accuracy(targets);
        let value = match by {
            SelectBy::Loss => -loss,
            _ => accuracy.unwrap_or(-loss),
        };
        Self { loss, accuracy, value }
    }

    /// That of answers, by what [`SelectBy::on`] gave.
    pub(crate) fn of(answers: &Answers<'_>, loss: Loss, by: SelectBy) -> Self {
        let targets = answers.data.targets();
        let rows: Vec<usize> = answers.rows().map(|(row, _)| row).collect();
        let mut slopes = Array2::zeros(answers.outputs.dim());
        let tally = score(loss.into(), &answers.outputs, targets, &rows, slopes.view_mut());
        let measure = Self::of_tally(tally, targets, by);
        Self { value: figure(answers, by).unwrap_or(measure.value), ..measure }
    }
}

/// What [`SelectBy`] names, where the tally of the loss does not have it.
fn figure(answers: &Answers<'_>, by: SelectBy) -> Option<f64> {
    match (by, answers.data.targets()) {
        (SelectBy::BalancedAccuracy, Targets::Classes { labels, classes }) => {
            Some(classes::balanced_accuracy(&classes::confusion(answers, labels, *classes)))
        }
        (SelectBy::F1, Targets::Classes { labels, classes }) => {
            Some(classes::mean_f1(&classes::confusion(answers, labels, *classes)))
        }
        (SelectBy::F1, Targets::Labels(labels)) => Some(labels::mean_f1(answers, &labels.view())),
        (SelectBy::Auc, Targets::Classes { labels, classes }) => {
            Some(mean_area(&classes::areas(answers, labels, *classes)))
        }
        (SelectBy::Auc, Targets::Labels(labels)) => Some(mean_area(&labels::areas(answers, &labels.view()))),
        (SelectBy::R2, Targets::Values(values)) => Some(numbers::mean_r2(answers, &values.view())),
        (
            SelectBy::Auto
            | SelectBy::Accuracy
            | SelectBy::BalancedAccuracy
            | SelectBy::F1
            | SelectBy::Auc
            | SelectBy::Loss
            | SelectBy::R2,
            _,
        ) => None,
    }
}

/// Data of one class orders nothing: no network is better by it than another.
fn mean_area(areas: &[Option<f64>]) -> f64 {
    let known: Vec<f64> = areas.iter().copied().flatten().collect();
    if known.is_empty() { 0.5 } else { known.iter().sum::<f64>() / known.len() as f64 }
}
