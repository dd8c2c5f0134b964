//! One class of each sample.

use serde::{Deserialize, Serialize};

use super::{
    answers::Answers,
    area::{area, log_odds},
    ratios::{f1, mean, share},
};
use crate::train::loss::class;

/// How well classes are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassMetrics {
    /// How many samples of each class, by rows, were predicted as each, by columns.
    pub confusion: Vec<Vec<usize>>,
    /// The mean recall of the classes that the targets have: each class counts the same.
    pub balanced_accuracy: f64,
    /// The mean F1 of the classes.
    pub f1: f64,
    /// The area under the ROC curve, of more than two classes the mean of each against the rest; `None` where the targets have
    /// one class only.
    pub auc: Option<f64>,
    /// Each class in its order.
    pub classes: Vec<ClassScore>,
}

/// How well one class is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassScore {
    /// Its name.
    pub name: String,
    /// Samples of it.
    pub samples: usize,
    /// The part of those predicted as it that are; 0 where none is predicted.
    pub precision: f64,
    /// The part of its samples that are predicted as it; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall; 0 where there is nothing.
    pub f1: f64,
    /// The area under the ROC curve of this class against the rest; `None` unless the targets have both.
    pub auc: Option<f64>,
}

/// How many samples of each class, by rows, were predicted as each, by columns.
pub(crate) fn confusion(answers: &Answers<'_>, labels: &[usize], classes: usize) -> Vec<Vec<usize>> {
    let mut confusion = vec![vec![0; classes]; classes];
    for (row, output) in answers.rows() {
        confusion[labels[row]][class(output.iter().copied())] += 1;
    }
    confusion
}

/// Of each class how many of its samples were predicted as it, how many were in all, and how many it has.
fn counts(confusion: &[Vec<usize>]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..confusion.len()).map(|class| {
        let predicted = confusion.iter().map(|row| row[class]).sum();
        (confusion[class][class], predicted, confusion[class].iter().sum())
    })
}

/// The mean recall of the classes that there are.
pub(crate) fn balanced_accuracy(confusion: &[Vec<usize>]) -> f64 {
    let there = counts(confusion).filter(|(_, _, there)| *there > 0);
    mean(there.map(|(found, _, there)| share(found, there))).unwrap_or_default()
}

/// The mean F1 of the classes that are there or predicted.
pub(crate) fn mean_f1(confusion: &[Vec<usize>]) -> f64 {
    mean(counts(confusion).filter_map(|(found, predicted, there)| f1(found, predicted, there)))
        .unwrap_or_default()
}

/// The area under the ROC curve of each class against the rest.
pub(crate) fn areas(answers: &Answers<'_>, labels: &[usize], classes: usize) -> Vec<Option<f64>> {
    let of_class = |class: usize| {
        let scored = answers.rows().map(|(row, output)| {
            let logits = (0..output.len()).map(|index| output[index]);
            (log_odds(&logits, class), labels[row] == class)
        });
        area(scored.collect())
    };
    if classes < 2 { vec![None; classes] } else { (0..classes).map(of_class).collect() }
}

impl ClassMetrics {
    pub(super) fn new(answers: &Answers<'_>, labels: &[usize], classes: usize, names: &[String]) -> Self {
        let confusion = confusion(answers, labels, classes);
        let areas = areas(answers, labels, classes);
        let scores = counts(&confusion).zip(&areas).zip(names);
        let classes = scores.map(|(((found, predicted, there), &auc), name)| ClassScore {
            name: name.clone(),
            samples: there,
            precision: share(found, predicted),
            recall: share(found, there),
            f1: f1(found, predicted, there).unwrap_or_default(),
            auc,
        });
        Self {
            classes: classes.collect(),
            balanced_accuracy: balanced_accuracy(&confusion),
            f1: mean_f1(&confusion),
            auc: mean(areas.into_iter().flatten()),
            confusion,
        }
    }
}
