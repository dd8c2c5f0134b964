//! Any number of labels of each sample.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{
    answers::Answers,
    area::area,
    ratios::{f1, mean, share},
};
use crate::train::loss::holds;

/// How well labels are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelMetrics {
    /// The part of the samples of which every label is right.
    pub exact: f64,
    /// The mean F1 of the labels.
    pub f1: f64,
    /// The mean area under the ROC curves of the labels; `None` where no label is both there and not.
    pub auc: Option<f64>,
    /// Each label in its order.
    pub labels: Vec<LabelScore>,
}

/// How well one label is told, at a probability of a half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelScore {
    /// Its name.
    pub name: String,
    /// Samples that have it.
    pub samples: usize,
    /// Samples that are said to have it.
    pub predicted: usize,
    /// The part of all samples of which it is told right.
    pub accuracy: f64,
    /// The part of those said to have it that have it; 0 where none is said to.
    pub precision: f64,
    /// The part of those that have it that are said to; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall; 0 where there is nothing.
    pub f1: f64,
    /// The area under the ROC curve; `None` unless some samples have it and some have not.
    pub auc: Option<f64>,
}

/// Of a label how many samples have it and are said to, how many are said to, and how many have it.
fn counts(answers: &Answers<'_>, labels: &ArrayView2<'_, bool>, label: usize) -> (usize, usize, usize) {
    answers.rows().fold((0, 0, 0), |(found, predicted, there), (row, output)| {
        let (is_there, is_said) = (labels[[row, label]], holds(output[label]));
        (
            found + usize::from(is_there && is_said),
            predicted + usize::from(is_said),
            there + usize::from(is_there),
        )
    })
}

/// The mean F1 of the labels that are there or predicted.
pub(crate) fn mean_f1(answers: &Answers<'_>, labels: &ArrayView2<'_, bool>) -> f64 {
    let of_label = |label| {
        let (found, predicted, there) = counts(answers, labels, label);
        f1(found, predicted, there)
    };
    mean((0..labels.ncols()).filter_map(of_label)).unwrap_or_default()
}

/// The area under the ROC curve of each label.
pub(crate) fn areas(answers: &Answers<'_>, labels: &ArrayView2<'_, bool>) -> Vec<Option<f64>> {
    let of_label = |label: usize| {
        area(answers.rows().map(|(row, output)| (f64::from(output[label]), labels[[row, label]])).collect())
    };
    (0..labels.ncols()).map(of_label).collect()
}

impl LabelMetrics {
    pub(super) fn new(answers: &Answers<'_>, labels: &ArrayView2<'_, bool>, names: &[String]) -> Self {
        let areas = areas(answers, labels);
        let samples = answers.rows().count();
        let is_exact = |(row, output): &(usize, ndarray::ArrayView1<'_, f32>)| {
            output.iter().zip(labels.row(*row)).all(|(&logit, &is_there)| holds(logit) == is_there)
        };
        let score = |((label, name), &auc): ((usize, &String), &Option<f64>)| {
            let (found, predicted, there) = counts(answers, labels, label);
            LabelScore {
                name: name.clone(),
                samples: there,
                predicted,
                accuracy: share(samples + 2 * found - predicted - there, samples),
                precision: share(found, predicted),
                recall: share(found, there),
                f1: f1(found, predicted, there).unwrap_or_default(),
                auc,
            }
        };
        Self {
            exact: share(answers.rows().filter(is_exact).count(), samples),
            f1: mean_f1(answers, labels),
            auc: mean(areas.iter().copied().flatten()),
            labels: names.iter().enumerate().zip(&areas).map(score).collect(),
        }
    }
}
