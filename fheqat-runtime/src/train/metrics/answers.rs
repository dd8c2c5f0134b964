//! What a network gave for the samples of a data set.

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
