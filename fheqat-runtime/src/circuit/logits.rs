//! What a circuit gives for one sample, and what that says.

use serde::{Deserialize, Serialize};

use super::task::Task;

/// What a circuit gives for one sample, in the clear or decrypted.
///
/// Probabilities are as good as the network's logits: a network that was trained on classes or labels by its own loss gives
/// probabilities that fit its training, one that was trained by [`Loss::MeanSquaredError`](crate::train::Loss) does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logits {
    /// The integers.
    pub accumulators: Vec<i64>,
    /// The same in the network's units: logits of classes or labels, or numbers in the units of the targets.
    pub values: Vec<f32>,
    /// What they answer.
    pub task: Task,
}

/// A class or label and its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its index.
    pub class: usize,
    /// Its name, where the network knows names.
    pub name: Option<String>,
    /// Its probability.
    pub probability: f32,
}

impl Logits {
    /// The index of the largest logit, the first of equals.
    #[must_use]
    pub fn class(&self) -> usize {
        (1..self.values.len())
            .fold(0, |best, next| if self.values[next] > self.values[best] { next } else { best })
    }

    /// The name of [`class`](Self::class); `None` where the network knows no names.
    #[must_use]
    pub fn class_name(&self) -> Option<&str> {
        self.name(self.class())
    }

    /// The name of a class or label; `None` where the network knows no names, or there is no such class.
    #[must_use]
    pub fn name(&self, class: usize) -> Option<&str> {
        self.task.names().get(class).map(String::as_str)
    }

    /// The probability of each class, which sum to 1, or of each label; nothing where the network predicts numbers.
    #[must_use]
    pub fn predict_proba(&self) -> Vec<f32> {
        self.task.probabilities(&self.values)
    }

    /// The `k` most probable classes or labels, the most probable first, the first of equals before others; all of them where
    /// there are fewer, and nothing where the network predicts numbers.
    #[must_use]
    pub fn top_k(&self, k: usize) -> Vec<Ranked> {
        let probabilities = self.predict_proba();
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| self.values[b].total_cmp(&self.values[a]));
        let ranked = |class: usize| Ranked {
            class,
            name: self.name(class).map(str::to_owned),
            probability: probabilities[class],
        };
        order.into_iter().take(k).map(ranked).collect()
    }

    /// Of two classes the second, index 1, where its probability is at least `threshold`, else the first. A threshold below
    /// 0.5 finds more samples of the second class, and more that are not. `None` where there are not two classes.
    #[must_use]
    pub fn with_threshold(&self, threshold: f32) -> Option<usize> {
        match (&self.task, self.predict_proba().as_slice()) {
            (Task::Unnamed | Task::Classes(_), [_, second]) => Some(usize::from(*second >= threshold)),
            (Task::Unnamed | Task::Classes(_) | Task::Labels(_) | Task::Numbers, _) => None,
        }
    }

    /// Of labels those whose probability is at least `threshold`, 0.5 being even; nothing where there are no labels.
    #[must_use]
    pub fn labels(&self, threshold: f32) -> Vec<usize> {
        match self.task {
            Task::Labels(_) => {
                let probabilities = self.predict_proba();
                (0..probabilities.len()).filter(|&label| probabilities[label] >= threshold).collect()
            }
            Task::Unnamed | Task::Classes(_) | Task::Numbers => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> crate::circuit::task::Names {
        names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>().into()
    }

    fn logits(task: Task, values: &[f32]) -> Logits {
        Logits { accumulators: vec![0; values.len()], values: values.to_vec(), task }
    }

    #[test]
    fn classes_have_names_ranks_and_probabilities() {
        let classes = Task::Classes(names(&["ant", "bee", "cow"]));
        let logits = logits(classes, &[1.0, 3.0, 1.0]);
        assert_eq!((logits.class(), logits.class_name()), (1, Some("bee")));
        // softmax of 1, 3, 1: e^2 / (e^2 + 2)
        let bee = 2f32.exp() / (2f32.exp() + 2.0);
        assert!((logits.predict_proba()[1] - bee).abs() < 1e-6);
        let top: Vec<(usize, Option<String>)> =
            logits.top_k(9).into_iter().map(|ranked| (ranked.class, ranked.name)).collect();
        let expected =
            [(1, "bee"), (0, "ant"), (2, "cow")].map(|(class, name)| (class, Some(name.to_owned())));
        assert_eq!(top, expected);
        assert_eq!(logits.top_k(1).len(), 1);
        assert_eq!((logits.with_threshold(0.5), logits.labels(0.0)), (None, Vec::new()));
    }

    #[test]
    fn a_threshold_chooses_between_two_classes() {
        // The probability of the second is 1 / (1 + e) = 0.269.
        for task in [Task::Unnamed, Task::Classes(names(&["no", "yes"]))] {
            let logits = logits(task, &[1.5, 0.5]);
            assert_eq!(logits.class(), 0);
            assert_eq!([0.2, 0.5].map(|threshold| logits.with_threshold(threshold)), [Some(1), Some(0)]);
        }
        assert_eq!(logits(Task::Numbers, &[1.5, 0.5]).with_threshold(0.5), None);
    }

    #[test]
    fn labels_are_judged_one_by_one() {
        let logits = logits(Task::Labels(names(&["red", "round", "ripe"])), &[0.1, -2.0, 1.0]);
        assert_eq!((logits.labels(0.5), logits.labels(0.7)), (vec![0, 2], vec![2]));
        assert_eq!(logits.top_k(1)[0].name.as_deref(), Some("ripe"));
        assert!((logits.predict_proba()[1] - 1.0 / (1.0 + 2f32.exp())).abs() < 1e-6);
    }

    #[test]
    fn numbers_have_no_probabilities() {
        let logits = logits(Task::Numbers, &[1e12, -3.0]);
        assert!(logits.predict_proba().is_empty() && logits.top_k(2).is_empty());
        assert_eq!(logits.class_name(), None);
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_1_and_keep_the_order(values in prop::collection::vec(-1e4f32..1e4, 1..6)) {
            let logits = logits(Task::Unnamed, &values);
            let probabilities = logits.predict_proba();
            prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            prop_assert!(probabilities.iter().all(|p| *p <= probabilities[logits.class()]));
            prop_assert_eq!(logits.top_k(1)[0].class, logits.class());
            if values.len() == 2 {
                let second = logits.with_threshold(0.5).unwrap();
                prop_assert!(second == logits.class() || (probabilities[1] - 0.5).abs() < 1e-6);
            }
        }
    }
}
