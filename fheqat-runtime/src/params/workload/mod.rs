//! What a circuit asks of the parameters: slots, limits of noise and how noise grows; no keys and no weights.
//!
//! `groups` finds the wires that must have the same slots, `masks` the sums whose noise is in common, `build` reads a circuit into a [`Workload`], `layouts` does so in
//! each way that values can lie on the torus.

mod build;
mod error;
mod groups;
mod layouts;
mod masks;
mod noise;
mod rotation;

use serde::{Deserialize, Serialize};

pub use error::GraphError;
pub use noise::{NoiseForm, NoiseLimit};
pub use rotation::{KeySwitches, WorkloadRotation, position};

use super::{Slots, TorusDistance, constraint::Deviations, cost::CiphertextCounts};

/// One decryption of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadOutput {
    /// Index in [`Graph::outputs`](crate::circuit::Graph::outputs).
    pub output: usize,
    /// M of the wires it sums.
    pub slots: Slots,
    /// How far noise may move it.
    pub limit: NoiseLimit,
    /// Its noise.
    pub noise: NoiseForm,
}

/// Everything that the search needs to know of a circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Names of layers.
    pub layers: Vec<String>,
    /// Inputs are encrypted under the small key: every reader of an input is a rotation whose sum is under it.
    pub inputs_under_small_key: bool,
    /// M of each input; none for an input that nothing reads.
    pub inputs: Vec<Option<Slots>>,
    /// Rotations, in the order of their accumulators.
    pub rotations: Vec<WorkloadRotation>,
    /// Outputs that are not constant.
    pub outputs: Vec<WorkloadOutput>,
    /// What is done with inputs and outputs.
    pub io_operations: CiphertextCounts,
}

impl WorkloadOutput {
    /// The largest standard deviation that keeps the limit.
    #[must_use]
    pub fn max_deviation(&self, deviations: Deviations) -> TorusDistance {
        self.limit.max_deviation(0.0, 0.0, deviations)
    }
}

impl Workload {
    /// What a unit of each rotation is on the torus.
    fn units(&self) -> Vec<f64> {
        self.rotations.iter().map(WorkloadRotation::unit).collect()
    }

    /// Everything that can go wrong in one inference.
    #[must_use]
    pub fn events(&self) -> usize {
        self.rotations.len() + self.outputs.len()
    }

    /// Key switches of an inference.
    #[must_use]
    pub fn key_switches(&self) -> usize {
        self.rotations.iter().map(|rotation| rotation.key_switches.count()).sum()
    }

    /// Everything that is done with whole ciphertexts.
    #[must_use]
    pub fn operations(&self) -> CiphertextCounts {
        self.rotations.iter().fold(self.io_operations, |sum, rotation| sum.plus(rotation.operations))
    }
}

#[cfg(test)]
mod tests;
