//! What the search minimises.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::{Parameters, Seconds};

/// What parameters are chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// The work of one inference on one core.
    #[default]
    CoreSeconds,
    /// The time of one inference on several cores: rotations of one depth run in parallel, depths one after the other.
    Latency {
        /// Cores that do nothing else.
        cores: NonZeroUsize,
    },
    /// The size of the server key in memory; of keys of the same size, the least work.
    ServerKey,
}

/// The value of an objective, added up rotation by rotation.
pub(super) struct Tally {
    objective: Objective,
    value: f64,
    depths: Vec<Depth>,
}

#[derive(Clone, Copy, Default)]
struct Depth {
    work: f64,
    longest: f64,
}

impl Objective {
    /// At least so large is the value of parameters under which an inference is at least so much work.
    pub(super) fn lower_bound(self, parameters: &Parameters, Seconds(work): Seconds) -> f64 {
        match self {
            Self::CoreSeconds => work,
            Self::Latency { cores } => work / cores.get() as f64,
            Self::ServerKey => bytes(parameters),
        }
    }
}

impl Tally {
    /// Before any rotation: only the operations on whole ciphertexts, of so much work.
    pub(super) fn new(
        objective: Objective,
        parameters: &Parameters,
        io_operations: Seconds,
        depths: usize,
    ) -> Self {
        let value = match objective {
            Objective::ServerKey => bytes(parameters) + share_of_a_byte(io_operations.0),
            Objective::CoreSeconds | Objective::Latency { .. } => {
                objective.lower_bound(parameters, io_operations)
            }
        };
        Self { objective, value, depths: vec![Depth::default(); depths] }
    }

    pub(super) fn add(&mut self, depth: usize, Seconds(work): Seconds) {
        self.value += match self.objective {
            Objective::CoreSeconds => work,
            Objective::ServerKey => share_of_a_byte(work),
            Objective::Latency { cores } => {
                let before = self.depths[depth];
                let after = Depth { work: before.work + work, longest: before.longest.max(work) };
                self.depths[depth] = after;
                after.time(cores) - before.time(cores)
            }
        };
    }

    /// In seconds or bytes. Values of one objective can be compared, and mean nothing else.
    pub(super) const fn value(&self) -> f64 {
        self.value
    }
}

impl Depth {
    fn time(self, cores: NonZeroUsize) -> f64 {
        self.longest.max(self.work / cores.get() as f64)
    }
}

fn bytes(parameters: &Parameters) -> f64 {
    parameters.server_key_bytes().0 as f64
}

/// Keys of one size differ by their work only: a week of it counts as a sixteenth of a byte.
fn share_of_a_byte(work: f64) -> f64 {
    work * 1e-7
}
