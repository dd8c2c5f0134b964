//! How a network runs on plain data.

use serde::{Deserialize, Serialize};

/// How a network runs on plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// Nothing is rounded.
    Float,
    /// Integer weights and levels, exactly as under encryption.
    #[default]
    Quantized,
}

/// What a batch normalisation normalises with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistics {
    /// Averages over the batches of training.
    Running,
    /// Those of the batch at work.
    Batch,
}
