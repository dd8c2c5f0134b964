//! What the outputs of a network answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What the outputs of a network answer, learned from the targets of its training and kept with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Task {
    /// Nobody said: outputs are taken for those of classes without names.
    #[default]
    Unnamed,
    /// One of these classes, an output each.
    Classes(Names),
    /// Any number of these labels, an output each.
    Labels(Names),
    /// Numbers.
    Numbers,
}

/// Names in their order, shared by all results of a circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Names(Arc<[String]>);

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        Self(names.into())
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.0.to_vec()
    }
}

impl Task {
    /// The names of classes or labels; nothing where there are none.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Labels(names) => &names.0,
            Self::Unnamed | Self::Numbers => &[],
        }
    }

    /// Whether it names as many as there are outputs.
    pub(crate) fn fits(&self, outputs: usize) -> bool {
        match self {
            Self::Classes(names) | Self::Labels(names) => names.0.len() == outputs,
            Self::Unnamed | Self::Numbers => true,
        }
    }

    /// The probability of each class, the softmax of the outputs, so that they sum to 1; of each label its logistic function
    /// `1 / (1 + e^-z)`. Nothing where outputs are numbers.
    #[must_use]
    pub fn probabilities(&self, outputs: &[f32]) -> Vec<f32> {
        match self {
            Self::Numbers => Vec::new(),
            Self::Labels(_) => outputs.iter().map(|&output| 1.0 / (1.0 + (-output).exp())).collect(),
            Self::Unnamed | Self::Classes(_) => {
                let most = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f32> = outputs.iter().map(|&output| (output - most).exp()).collect();
                let sum: f32 = powers.iter().sum();
                powers.into_iter().map(|power| power / sum).collect()
            }
        }
    }
}
