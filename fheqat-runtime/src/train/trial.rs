//! What the search for a cheap network tried.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::FeatureMap;
use crate::prices::Price;

/// One network that the search tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was done.
    pub tried: Tried,
    /// Fraction of the validation data classified right; `None` where targets are numbers.
    pub accuracy: Option<f64>,
    /// Mean loss on the validation data.
    pub loss: f64,
    /// What it would cost encrypted.
    pub price: Price,
    /// Whether the search went on from it.
    pub is_kept: bool,
}

/// What the search did to a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Tried {
    /// A step of the input, after training in part.
    InputStep {
        /// The level that the largest feature has; `None` where the step is the observer's.
        widest_at: Option<i64>,
    },
    /// A structure and a way to train it, by cross-validation where samples are few.
    Setting {
        /// Whether the output reads the input alone, and no hidden layer.
        is_linear: bool,
        /// What features go through.
        features: FeatureMap,
        /// [`TrainConfig::ridge`](super::TrainConfig::ridge).
        ridge: f32,
    },
    /// The best structure and way to train it so far, with fewer neurons or filters in the hidden layers from the start.
    Narrower {
        /// Layers, and how many each has.
        units: Vec<(String, usize)>,
        /// [`TrainConfig::ridge`](super::TrainConfig::ridge).
        ridge: f32,
    },
    /// Budgets of the layers.
    Budget {
        /// The largest of any layer whose sums are bootstrapped; `None` where budgets are as declared.
        max_l1: Option<usize>,
    },
    /// One direction of the inputs for all neurons of a layer.
    OneDirection {
        /// The layer.
        field: String,
        /// The integer weights.
        direction: Vec<i32>,
        /// Which draw of the other layers' weights training started from, counted from 1.
        start: u64,
    },
    /// Fewer neurons or filters.
    Removed {
        /// Layers, and how many each lost.
        units: Vec<(String, usize)>,
    },
    /// A trial of the final training without the validation data, which then measure it.
    FinalTraining {
        /// How long it was.
        epochs: usize,
    },
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputStep { widest_at: None } => f.write_str("the input's step as observed"),
            Self::InputStep { widest_at: Some(level) } => {
                write!(f, "input step that puts the largest feature at level {level}")
            }
            Self::Setting { is_linear, features, ridge } => {
                let structure = if *is_linear { "no hidden layer" } else { "all layers" };
                write!(f, "{structure}, `features: FeatureMap::{features:?}`, `ridge: {ridge}`")
            }
            Self::Narrower { units, ridge } => {
                let parts: Vec<String> =
                    units.iter().map(|(field, count)| format!("{count} in `{field}`")).collect();
                write!(f, "{}, `ridge: {ridge}`", parts.join(", "))
            }
            Self::Budget { max_l1: None } => f.write_str("the budgets as declared"),
            Self::Budget { max_l1: Some(budget) } => write!(f, "`max_l1 = {budget}`"),
            Self::OneDirection { field, direction, start } => {
                write!(f, "`{field}` on the direction {direction:?}")?;
                if *start > 1 { write!(f, ", start {start}") } else { Ok(()) }
            }
            Self::Removed { units } => {
                let parts: Vec<String> =
                    units.iter().map(|(field, count)| format!("{count} fewer in `{field}`")).collect();
                f.write_str(&parts.join(", "))
            }
            Self::FinalTraining { epochs } => write!(f, "trial of the final training, {epochs} epochs"),
        }
    }
}
