//! What happened in training, epoch by epoch.

use std::{io, path::Path};

use serde::{Deserialize, Serialize};

use super::trial::Trial;
use crate::file::{self, FileError};

/// The log of a training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
    /// Index in `epochs` of the weights that were kept.
    pub kept: usize,
    /// What the search for a cheap network tried, in order; the epochs are those of the network that was kept, and say nothing
    /// of validation where it was trained on with the validation data.
    pub trials: Vec<Trial>,
    /// What is wrong with a network that does no better on the samples it was trained on than the same answer to all, and what to
    /// do; standard error is told too.
    pub warning: Option<String>,
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

impl History {
    /// Writes the log: as CSV, one line an epoch, where `path` ends in `.csv`, else as JSON.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing is.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        file::write(path, |to| {
            if !is_csv {
                return Ok(serde_json::to_writer_pretty(to, self)?);
            }
            let mut writer = csv::Writer::from_writer(to);
            for epoch in &self.epochs {
                writer.serialize(epoch).map_err(io::Error::other)?;
            }
            writer.flush()
        })
    }
}
