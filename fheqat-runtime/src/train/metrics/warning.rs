//! Networks that learned nothing.

use super::{ClassMetrics, Details, LabelMetrics, Metrics, NumberMetrics};

const MORE_STEPS: &str = "train for more `epochs`, at another `rate`, or with `standardize: true`";

impl Metrics {
    /// What is wrong with a network that answers the same to everything, or predicts numbers no better than their mean, and what
    /// to do; `None` where it does better.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match &self.details {
            Details::Classes(classes) => classes.warning(self.samples),
            Details::Labels(labels) => labels.warning(self.samples),
            Details::Numbers(numbers) => numbers.warning(),
        }
    }
}

impl ClassMetrics {
    fn warning(&self, samples: usize) -> Option<String> {
        let there = self.classes.iter().filter(|class| class.samples > 0).count();
        let is_answered = |class: &usize| self.confusion.iter().any(|row| row[*class] > 0);
        let answered: Vec<usize> = (0..self.classes.len()).filter(is_answered).collect();
        let &[only] = answered.as_slice() else { return None };
        if there < 2 {
            return None;
        }
        let name = &self.classes[only].name;
        Some(format!(
            "all {samples} predictions are `{name}`: the network has learned nothing but that. If the classes are of very different \
             size, train with `class_weights: ClassWeights::Balanced`, which also chooses by the balanced accuracy; else {MORE_STEPS}"
        ))
    }
}

impl LabelMetrics {
    fn warning(&self, samples: usize) -> Option<String> {
        let both = || self.labels.iter().filter(|label| label.samples > 0 && label.samples < samples);
        let is_constant = both().all(|label| label.predicted == 0 || label.predicted == samples);
        (both().next().is_some() && is_constant).then(|| {
            format!(
                "every label has the same answer for all {samples} samples: the network has learned nothing. If labels are rare, train \
                 with `class_weights: ClassWeights::Balanced`; else {MORE_STEPS}"
            )
        })
    }
}

impl NumberMetrics {
    fn warning(&self) -> Option<String> {
        let bad: Vec<usize> = (0..self.outputs.len())
            .filter(|&output| self.outputs[output].r2.is_nan() || self.outputs[output].r2 <= 0.0)
            .collect();
        let first = *bad.first()?;
        let others = if bad.len() > 1 { format!(", and {} others,", bad.len() - 1) } else { String::new() };
        Some(format!(
            "output {first}{others} is predicted no better than by the mean of the targets (R2 {:.3}): {MORE_STEPS}",
            self.outputs[first].r2
        ))
    }
}
