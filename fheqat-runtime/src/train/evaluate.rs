//! What a network gives on data.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
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

/// Runs a program on whole data sets, batch by batch; the batches of much work beside each other.
#[derive(Clone)]
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
        let judge = |evaluator: &mut Self, features: ArrayView2<'_, f32>, rows: &[usize]| {
            let outputs = evaluator.runner.run(&features);
            let slopes = head_mut(&mut evaluator.slopes, rows.len());
            judge(loss.into(), &outputs, data.targets(), rows, slopes)
        };
        let features = data.features();
        let batches = features.axis_chunks_iter(Axis(0), BATCH);
        if self.is_large(data.len()) {
            let batches = batches.into_par_iter().zip(rows.par_chunks(BATCH));
            let tallies: Vec<Tally> = batches
                .map_init(|| self.clone(), |evaluator, (features, rows)| judge(evaluator, features, rows))
                .collect();
            tallies.into_iter().for_each(|batch| tally.add(batch));
        } else {
            batches
                .zip(rows.chunks(BATCH))
                .for_each(|(features, rows)| tally.add(judge(self, features, rows)));
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
        let is_large = self.is_large(features.nrows());
        let to = outputs.axis_chunks_iter_mut(Axis(0), BATCH);
        let batches = features.axis_chunks_iter(Axis(0), BATCH);
        if is_large {
            to.into_par_iter().zip(batches).for_each_init(
                || self.runner.clone(),
                |runner, (mut to, features)| to.assign(&runner.run(&features)),
            );
        } else {
            to.zip(batches).for_each(|(mut to, features)| to.assign(&self.runner.run(&features)));
        }
        outputs
    }

    /// Whether so many samples are worth a copy of the evaluator for each thread.
    fn is_large(&self, samples: usize) -> bool {
        const MULTIPLICATIONS: usize = 1 << 27;
        samples > 2 * BATCH && samples.saturating_mul(self.runner.multiplications()) >= MULTIPLICATIONS
    }
}
