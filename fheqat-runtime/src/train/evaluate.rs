//! What a network gives on data.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{
    config::Loss,
    loss::{Tally, judge},
};
use crate::{
    data::{Dataset, Targets},
    nn::{NetworkError, Precision, forward::Runner, head_mut, program::Program},
};

const BATCH: usize = 256;

/// How well a network does on data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean over the samples.
    pub loss: f64,
    /// Fraction of the samples classified right; `None` where targets are numbers.
    pub accuracy: Option<f64>,
}

impl Metrics {
    /// Whether more is right, or as much at a smaller loss.
    #[must_use]
    pub fn is_better(&self, other: &Self) -> bool {
        let (here, there) = (self.accuracy.unwrap_or(0.0), other.accuracy.unwrap_or(0.0));
        here > there || (here >= there && self.loss < other.loss)
    }
}

/// Runs a program on whole data sets, batch by batch.
pub(crate) struct Evaluator {
    runner: Runner,
    slopes: Array2<f32>,
}

impl Evaluator {
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn new(program: &Program, precision: Precision) -> Result<Self, NetworkError> {
        let runner = Runner::new(program, precision, BATCH)?;
        Ok(Self { runner, slopes: Array2::zeros((BATCH, program.outputs())) })
    }

    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn run(
        &mut self,
        program: &Program,
        data: &Dataset,
        loss: Loss,
    ) -> Result<Metrics, NetworkError> {
        self.runner.refresh(program, None)?;
        let rows: Vec<usize> = (0..data.len()).collect();
        let mut tally = Tally::default();
        for (features, rows) in data.features().axis_chunks_iter(Axis(0), BATCH).zip(rows.chunks(BATCH)) {
            let outputs = self.runner.run(&features);
            let slopes = head_mut(&mut self.slopes, rows.len());
            tally.add(judge(loss.into(), &outputs, data.targets(), rows, slopes));
        }
        let accuracy = match data.targets() {
            Targets::Classes { .. } => Some(tally.right as f64 / tally.samples as f64),
            Targets::Values(_) => None,
        };
        Ok(Metrics { loss: tally.mean_loss(), accuracy })
    }

    /// The outputs of samples `[n, features]`, `[n, outputs]`.
    pub(crate) fn predict(&mut self, program: &Program, features: &ArrayView2<'_, f32>) -> Array2<f32> {
        let mut outputs = Array2::zeros((features.nrows(), program.outputs()));
        let chunks = outputs.axis_chunks_iter_mut(Axis(0), BATCH);
        for (mut to, features) in chunks.zip(features.axis_chunks_iter(Axis(0), BATCH)) {
            to.assign(&self.runner.run(&features));
        }
        outputs
    }
}
