//! What the search makes small.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::{Parameters, Seconds};

/// What parameters are chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// The work of one inference on one core.
    #[default]
    CoreSeconds,
    /// The time of one inference on so many cores: rotations of one depth run side by side, depths one after the other.
    Latency {
        /// Cores that do nothing else.
        cores: NonZeroUsize,
    },
    /// The server key in memory, and among the smallest the least work.
    ServerKey,
}

/// What an inference takes, rotation by rotation.
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
    /// The least that a value can be of parameters under which an inference is at least so much work.
    pub(super) fn at_least(self, parameters: &Parameters, Seconds(work): Seconds) -> f64 {
        match self {
            Self::CoreSeconds => work,
            Self::Latency { cores } => work / cores.get() as f64,
            Self::ServerKey => bytes(parameters),
        }
    }
}

impl Tally {
    /// Before any rotation: so much work at the ends.
    pub(super) fn new(
        objective: Objective,
        parameters: &Parameters,
        io_operations: Seconds,
        depths: usize,
    ) -> Self {
        let value = match objective {
            Objective::ServerKey => bytes(parameters) + share_of_a_byte(io_operations.0),
            Objective::CoreSeconds | Objective::Latency { .. } => {
                objective.at_least(parameters, io_operations)
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

    /// In seconds or bytes: only less or more says anything.
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

/// Keys of one size are told apart by work, which never makes up for a byte: a week is a sixteenth.
fn share_of_a_byte(work: f64) -> f64 {
    work * 1e-7
}
