//! How well a network does on data, as users read it.

pub(super) mod answers;
mod area;
mod circuit;
pub(super) mod classes;
pub(super) mod labels;
pub(super) mod numbers;
mod ratios;
#[cfg(test)]
mod tests;
mod warning;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use self::answers::Answers;
pub use self::{
    classes::{ClassMetrics, ClassScore},
    labels::{LabelMetrics, LabelScore},
    numbers::{NumberMetrics, NumberScore},
};
use super::{
    loss::Loss,
    select::{Measure, SelectBy},
};
use crate::data::{Dataset, Targets};

/// How well a network does on data; it prints as a table and serialises as JSON.
///
/// Figures are those of scikit-learn, but where it has none: a class, or a label, that neither the targets nor the predictions
/// have is left out of averages, and so is one without both answers where areas under ROC curves are averaged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Samples.
    pub samples: usize,
    /// Mean over the samples: cross entropy of classes, the logistic loss of labels, the mean squared error of numbers, in
    /// their own units.
    pub loss: f64,
    /// Fraction of the samples classified right, or of all labels of all samples; `None` where targets are numbers.
    pub accuracy: Option<f64>,
    /// What there is for such targets.
    pub details: Details,
}

/// What there is for targets of each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// One class of each sample.
    Classes(ClassMetrics),
    /// Any number of labels of each sample.
    Labels(LabelMetrics),
    /// Numbers of each sample.
    Numbers(NumberMetrics),
}

impl Metrics {
    /// Those of outputs `[n, outputs]` for the samples of `data`, logits of classes or labels, or numbers.
    pub(crate) fn of(outputs: &ArrayView2<'_, f32>, data: &Dataset) -> Self {
        let answers = Answers::new(outputs, data);
        let Measure { loss, accuracy, .. } = Measure::of(&answers, Loss::Auto, SelectBy::Auto);
        let details = match data.targets() {
            Targets::Classes { labels, classes } => {
                Details::Classes(ClassMetrics::new(&answers, labels, *classes, data.class_names()))
            }
            Targets::Labels(labels) => {
                Details::Labels(LabelMetrics::new(&answers, &labels.view(), data.class_names()))
            }
            Targets::Values(values) => Details::Numbers(NumberMetrics::new(&answers, &values.view())),
        };
        Self { samples: data.len(), loss, accuracy, details }
    }

    /// The mean recall of the classes, which counts each class the same; `None` but for classes.
    #[must_use]
    pub const fn balanced_accuracy(&self) -> Option<f64> {
        match &self.details {
            Details::Classes(classes) => Some(classes.balanced_accuracy),
            Details::Labels(_) | Details::Numbers(_) => None,
        }
    }

    /// The mean F1 of classes or labels; `None` for numbers.
    #[must_use]
    pub const fn f1(&self) -> Option<f64> {
        match &self.details {
            Details::Classes(classes) => Some(classes.f1),
            Details::Labels(labels) => Some(labels.f1),
            Details::Numbers(_) => None,
        }
    }

    /// The area under the ROC curve, of more than two classes or of labels the mean of one against the rest; `None` for numbers,
    /// and where no class or label is both there and not.
    #[must_use]
    pub const fn auc(&self) -> Option<f64> {
        match &self.details {
            Details::Classes(classes) => classes.auc,
            Details::Labels(labels) => labels.auc,
            Details::Numbers(_) => None,
        }
    }

    /// How many samples of each class, by rows, were predicted as each, by columns; `None` but for classes.
    #[must_use]
    pub fn confusion(&self) -> Option<&[Vec<usize>]> {
        match &self.details {
            Details::Classes(classes) => Some(&classes.confusion),
            Details::Labels(_) | Details::Numbers(_) => None,
        }
    }

    /// The mean over the outputs of the part of the variance that is predicted: 1 is perfect, 0 no better than the mean of the
    /// targets, below 0 worse than that; `None` but for numbers.
    #[must_use]
    pub const fn r2(&self) -> Option<f64> {
        match &self.details {
            Details::Numbers(numbers) => Some(numbers.r2),
            Details::Classes(_) | Details::Labels(_) => None,
        }
    }
}
