//! What samples of rare classes count for.

use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use super::error::{TrainError, within};
use crate::data::Targets;

/// What the samples of each class count for in the loss. Weights are scaled so that they are 1 on average over the samples that
/// are trained on, so the learning rate keeps its meaning; the loss on validation data, and that of
/// [`Metrics`](super::Metrics), has none.
///
/// ```
/// use fheqat_runtime::train::{ClassWeights, TrainConfig};
///
/// let config = TrainConfig { class_weights: ClassWeights::Balanced, ..TrainConfig::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum ClassWeights {
    /// All the same.
    #[default]
    None,
    /// Each class the same in all, as scikit-learn's `balanced`: of `n` samples and `k` classes, the `m` of one weigh
    /// `n / (k m)` each. It raises recall of rare classes, and with it the balanced accuracy, and lowers the accuracy.
    Balanced,
    /// The square roots of [`ClassWeights::Balanced`]: half way.
    SquareRoot,
    /// One number for each class, 1e-6 to 1e6, of which only the ratios count. Of several labels, what a sample that has the
    /// label counts for against one that has it not.
    Given(Vec<f32>),
}

/// What each part of the loss is multiplied by; 1 where there is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TargetWeights {
    /// Of the samples of each class.
    pub(crate) classes: Vec<f32>,
    /// Of each label, of samples that have it not and of those that have it.
    pub(crate) labels: Vec<[f32; 2]>,
}

impl TargetWeights {
    /// No weights.
    pub(crate) const fn none() -> &'static Self {
        static NONE: TargetWeights = TargetWeights { classes: Vec::new(), labels: Vec::new() };
        &NONE
    }

    pub(crate) fn of_class(&self, class: usize) -> f32 {
        self.classes.get(class).copied().unwrap_or(1.0)
    }

    pub(crate) fn of_label(&self, label: usize, holds: bool) -> f32 {
        self.labels.get(label).map_or(1.0, |weights| weights[usize::from(holds)])
    }
}

impl ClassWeights {
    /// Those of training samples.
    ///
    /// # Errors
    /// When they do not fit the targets.
    pub(crate) fn of(&self, targets: &Targets) -> Result<TargetWeights, TrainError> {
        if *self == Self::None {
            return Ok(TargetWeights::default());
        }
        match targets {
            Targets::Classes { labels, classes } => {
                self.check(*classes)?;
                let mut counts = vec![0; *classes];
                for &label in labels {
                    counts[label] += 1;
                }
                let given = self.given().map(<[f32]>::to_vec);
                let classes = self.of_counts(&counts, given.as_deref());
                Ok(TargetWeights { classes, ..TargetWeights::default() })
            }
            Targets::Labels(labels) => {
                self.check(labels.ncols())?;
                let of_label = |(label, column): (usize, ArrayView1<'_, bool>)| {
                    let has_it = column.iter().filter(|holds| **holds).count();
                    let given = self.given().map(|given| [1.0, given[label]]);
                    let counts = [column.len() - has_it, has_it];
                    let weights = self.of_counts(&counts, given.as_ref().map(<[f32; 2]>::as_slice));
                    [weights[0], weights[1]]
                };
                let labels = labels.columns().into_iter().enumerate().map(of_label).collect();
                Ok(TargetWeights { labels, ..TargetWeights::default() })
            }
            Targets::Values(_) => Err(TrainError::NoClasses { option: "class_weights" }),
        }
    }

    fn given(&self) -> Option<&[f32]> {
        match self {
            Self::Given(given) => Some(given),
            Self::None | Self::Balanced | Self::SquareRoot => None,
        }
    }

    fn check(&self, classes: usize) -> Result<(), TrainError> {
        let Some(given) = self.given() else { return Ok(()) };
        if given.len() != classes {
            return Err(TrainError::ClassWeights { found: given.len(), expected: classes });
        }
        given.iter().try_for_each(|&weight| within("class_weights", weight, 1e-6..=1e6))
    }

    /// Of classes with so many samples, and numbers that were given for them.
    fn of_counts(&self, counts: &[usize], given: Option<&[f32]>) -> Vec<f32> {
        let samples: usize = counts.iter().sum();
        let rarity = |&count: &usize| samples as f64 / count.max(1) as f64;
        let raw: Vec<f64> = match self {
            Self::None | Self::Given(_) => match given {
                Some(given) => given.iter().copied().map(f64::from).collect(),
                None => vec![1.0; counts.len()],
            },
            Self::Balanced => counts.iter().map(rarity).collect(),
            Self::SquareRoot => counts.iter().map(|count| rarity(count).sqrt()).collect(),
        };
        let sum: f64 = raw.iter().zip(counts).map(|(weight, &count)| weight * count as f64).sum();
        raw.into_iter().map(|weight| (weight * samples as f64 / sum) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(weights: &ClassWeights, labels: &[usize], classes: usize) -> Vec<f32> {
        weights.of(&Targets::Classes { labels: labels.to_vec(), classes }).unwrap().classes
    }

    fn same(found: &[f32], expected: &[f32]) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn weights_are_1_on_average_and_balance_the_classes() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 2];
        // n / (k m): 9 / 18, 9 / 6, 9 / 3
        assert!(same(&of(&ClassWeights::Balanced, &labels, 3), &[0.5, 1.5, 3.0]));
        let roots = of(&ClassWeights::SquareRoot, &labels, 3);
        assert!((roots[2] / roots[0] - 6f32.sqrt()).abs() < 1e-5);
        let given = of(&ClassWeights::Given(vec![1.0, 2.0, 4.0]), &labels, 3);
        assert!((given[2] / given[1] - 2.0).abs() < 1e-6);
        for weights in [roots, given] {
            let mean = labels.iter().map(|&label| weights[label]).sum::<f32>() / 9.0;
            assert!((mean - 1.0).abs() < 1e-6);
        }
        assert!(of(&ClassWeights::None, &labels, 3).is_empty());
    }

    #[test]
    fn labels_have_weights_for_both_answers() {
        let labels = ndarray::array![[true, false], [false, false], [false, false], [false, true]];
        let of = |weights: ClassWeights| weights.of(&Targets::Labels(labels.clone())).unwrap().labels;
        let balanced = of(ClassWeights::Balanced);
        assert!(same(&balanced[0], &[2.0 / 3.0, 2.0]) && same(&balanced[1], &[2.0 / 3.0, 2.0]));
        let given = of(ClassWeights::Given(vec![1.0, 5.0]));
        assert!(same(&given[0], &[1.0, 1.0]) && same(&given[1], &[0.5, 2.5]), "{given:?}");
    }

    #[test]
    fn a_class_without_samples_harms_no_other() {
        let weights = of(&ClassWeights::Balanced, &[0, 0, 2, 2], 3);
        assert!(same(&[weights[0], weights[2]], &[1.0, 1.0]) && weights[1].is_finite());
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let targets = Targets::Classes { labels: vec![0, 1], classes: 2 };
        let refused =
            |given: &[f32]| ClassWeights::Given(given.to_vec()).of(&targets).unwrap_err().to_string();
        assert_eq!(refused(&[1.0]), "`class_weights` gives 1 weights for 2 classes: give one for each");
        assert!(refused(&[1.0, -1.0]).starts_with("`class_weights` is -1"));
        assert!(refused(&[1.0, f32::NAN]).starts_with("`class_weights` is NaN"));
        let numbers = Targets::Values(ndarray::array![[1.0]]);
        assert_eq!(
            ClassWeights::Balanced.of(&numbers).unwrap_err().to_string(),
            "`class_weights` is for classes, but the targets are numbers: leave it out"
        );
    }
}
