//! Networks that learned nothing.

use super::{ClassMetrics, Details, LabelMetrics, Metrics, NumberMetrics, ratios::share};

const MORE_STEPS: &str =
    "train for more `epochs`, at another `rate`, or with `features: FeatureMap::Standardize`";

impl Metrics {
    /// What is wrong with a network that answers the same to everything, is right less often than the largest class for all
    /// samples would be, or predicts numbers no better than their mean, and what to do; `None` where it does better. Networks that
    /// were trained with class weights may well be right less often than that.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.learned_nothing().or_else(|| match &self.details {
            Details::Classes(classes) => classes.below_the_largest(),
            Details::Labels(_) | Details::Numbers(_) => None,
        })
    }

    /// As [`Metrics::warning`], but of a network that tells classes apart it does not matter how often it is right.
    pub(crate) fn learned_nothing(&self) -> Option<String> {
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

    fn below_the_largest(&self) -> Option<String> {
        let samples: usize = self.classes.iter().map(|class| class.samples).sum();
        let right: usize = self.confusion.iter().enumerate().map(|(class, row)| row[class]).sum();
        let largest = self.classes.iter().rev().max_by_key(|class| class.samples)?;
        (right < largest.samples).then(|| {
            let [of_largest, found] = [largest.samples, right].map(|count| 100.0 * share(count, samples));
            format!(
                "`{}` for all samples would be right more often ({of_largest:.1} %) than the network ({found:.1} %): {MORE_STEPS}. If \
                 it was trained with `class_weights`, go by the balanced accuracy",
                largest.name
            )
        })
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
