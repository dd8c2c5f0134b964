//! How well a circuit does on data.

use ndarray::Array2;
use rayon::prelude::*;

use super::Metrics;
use crate::{
    circuit::Circuit,
    data::{Dataset, Targets},
    error::{InputError, check_width},
    train::{
        error::TrainError,
        evaluate::check_described,
        targets::{check_task, task},
    },
};

impl Circuit {
    /// How well it does on data in the clear: what [`Network::evaluate`](crate::network::Network::evaluate) gives of the network
    /// that it was lowered from.
    ///
    /// # Errors
    /// When the data does not fit the circuit.
    pub fn evaluate(&self, data: &Dataset) -> Result<Metrics, TrainError> {
        let expected = self.graph.outputs.len();
        let found = match data.targets() {
            Targets::Classes { classes, .. } => *classes,
            Targets::Values(values) => values.ncols(),
            Targets::Labels(labels) => labels.ncols(),
        };
        if found != expected {
            return Err(TrainError::Outputs { found, expected });
        }
        check_task(&self.codec.task, &task(data))?;
        check_width(data.width(), self.codec.features)?;
        check_described(&self.codec.described, self.codec.takes_missing(), data)?;
        let samples: Vec<Vec<f32>> = data.samples().collect();
        let answers: Vec<Vec<f32>> = samples
            .par_iter()
            .map(|sample| Ok(self.simulate(sample)?.values))
            .collect::<Result<_, InputError>>()?;
        let outputs = Array2::from_shape_fn((data.len(), expected), |(row, output)| answers[row][output]);
        Ok(Metrics::of(&outputs.view(), data))
    }
}
