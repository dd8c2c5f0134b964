//! What happened in training, epoch by epoch.

use serde::{Deserialize, Serialize};

/// The log of a training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
    /// Index in `epochs` of the weights that were kept.
    pub kept: usize,
}

/// One pass over the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// The learning rate of its last step.
    pub rate: f32,
    /// Mean loss over the training samples, as they came.
    pub train_loss: f64,
    /// Loss on the validation data behind the epoch.
    pub validation_loss: Option<f64>,
    /// Fraction of the validation data classified right.
    pub validation_accuracy: Option<f64>,
    /// Non-zero weights of the network.
    pub nonzero: usize,
}
