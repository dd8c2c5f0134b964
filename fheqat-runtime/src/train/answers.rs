//! What the outputs of a network answer.

use ndarray::{ArrayView1, ArrayView2};

use crate::data::Dataset;

/// Outputs `[n * runs, outputs]`, of each sample of the data as many runs one after the other.
pub(crate) struct Answers<'a> {
    pub(crate) outputs: ArrayView2<'a, f32>,
    pub(crate) data: &'a Dataset,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(outputs: &'a ArrayView2<'_, f32>, data: &'a Dataset) -> Self {
        Self { outputs: outputs.view(), data }
    }

    /// The row of the data and the outputs of each run.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, ArrayView1<'_, f32>)> {
        let runs = self.outputs.nrows() / self.data.len();
        self.outputs.rows().into_iter().enumerate().map(move |(index, output)| (index / runs, output))
    }
}

/// The index of the largest output, the first of equals.
pub(crate) fn class(outputs: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in outputs.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

/// Whether a logit says that its label holds.
pub(crate) const fn holds(logit: f32) -> bool {
    logit >= 0.0
}
