//! Integers only: what a trained network becomes.

pub(crate) mod bounds;
pub mod build;
mod check;
pub mod codec;
pub mod ir;
pub mod logits;
pub mod observe;
pub mod passes;
pub mod simulate;
pub mod task;
#[cfg(test)]
pub(crate) mod tests;
pub mod text;
pub mod verify;

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

pub use check::{CircuitError, CodecError};
pub use codec::Codec;
pub use ir::Graph;
pub use logits::{Logits, Ranked};
pub use observe::Observed;
pub use task::Task;

use crate::{
    Seed,
    artifact::{self, Artifact, ArtifactError},
    error::InputError,
};

/// A trained network as integers, with the client's two maps at its ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// The network's name.
    pub name: String,
    /// The layers as declared, for reports.
    pub fields: Vec<DeclaredLayer>,
    /// The client's maps.
    pub codec: Codec,
    /// What runs.
    pub graph: Graph,
}

/// A declared layer and what the laws say about its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredLayer {
    /// The field's name.
    pub name: String,
    /// Its type without numbers.
    pub kind: String,
    /// Shape of one sample's output.
    pub shape: Vec<i64>,
    /// Which encoder of the [`Codec`] it is, where it encodes the network's input.
    pub encoder: Option<usize>,
    /// How many numbers that training has given it, where the client runs it in float, and so has them.
    pub client_parameters: Option<usize>,
    /// The field whose weights its sums are of: itself, or what it normalizes.
    pub weights_of: Option<String>,
    /// Width of an integer weight, where it has weights.
    pub weight_bits: Option<i64>,
    /// The largest sum of absolute integer weights of a row, where it has weights.
    pub row_sum: Option<i64>,
    /// Width of a level, where it gives levels.
    pub level_bits: Option<i64>,
    /// Every value it can give lies in it, whatever the weights and inputs.
    pub range: Option<Range>,
    /// How far the sums that it reads, or that the client reads, may be off encrypted, in steps; zero where they are exact.
    pub tolerance: f64,
}

impl Artifact for Circuit {
    const KIND: artifact::Kind = artifact::Kind::Circuit;
}

impl Circuit {
    /// The circuit as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::to_bytes(self)
    }

    /// A circuit from its bytes.
    ///
    /// # Errors
    /// When the bytes are something else, damaged, or no circuit that keeps the laws.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let circuit: Self = artifact::from_bytes(bytes)?;
        circuit.verify().map_err(|error| artifact::malformed::<Self>(&error.to_string()))?;
        Ok(circuit)
    }

    /// The logits of one sample of shape `[features]`, in the clear.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn simulate(&self, sample: &[f32]) -> Result<Logits, InputError> {
        Ok(self.codec.decode(self.graph.simulate(&self.codec.encode(sample)?)))
    }

    /// The logits of one sample of shape `[features]`, in the clear, when every sum is off by noise as large as it may be.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn simulate_noisy(&self, sample: &[f32], seed: Seed) -> Result<Logits, InputError> {
        Ok(self.codec.decode(self.graph.simulate_noisy(&self.codec.encode(sample)?, seed)))
    }
}
