//! What the search found, and what it is predicted to give.

use crate::params::dimension::Variance;
use serde::{Deserialize, Serialize};

use crate::params::{
    Log2Probability, Parameters, Seconds, TorusBits, TorusDistance, constraint::failure,
    modulus_switch::ModulusSwitch,
};

/// Parameters, and what they are predicted to give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// The keys' shapes.
    pub parameters: Parameters,
    /// By rotation of the workload.
    pub rotations: Vec<RotationSolution>,
    /// By output of the workload.
    pub outputs: Vec<OutputSolution>,
    /// The probability that any value of an inference is wrong.
    pub p_fail: Log2Probability,
    /// One inference on one core.
    pub cost: Seconds,
}

/// One rotation's share of a solution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationSolution {
    /// How it switches its modulus.
    pub modulus_switch: ModulusSwitch,
    /// External products for each element of the small key, on average.
    pub products: f64,
    /// On one core, with its sum, key switch and extractions.
    pub cost: Seconds,
    /// The value that it reads, which its noise may move too far.
    pub event: Event,
}

/// One output's share of a solution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSolution {
    /// What its result is rounded to, mask and body.
    pub bits: TorusBits,
    /// The value that the client reads, which noise and rounding may move too far.
    pub event: Event,
}

/// A value that may be read wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// How far the value may move.
    pub margin: TorusDistance,
    /// The standard deviation that it may have; none where it is exact.
    pub tolerance: Option<TorusDistance>,
    /// Variance of what moves it.
    pub noise: Variance,
    /// The probability that it moves too far.
    pub p_fail: Log2Probability,
}

impl Event {
    pub(super) fn new(margin: TorusDistance, tolerance: Option<TorusDistance>, noise: Variance) -> Self {
        Self { margin, tolerance, noise, p_fail: failure(margin, noise) }
    }

    /// Its noise in parts of its tolerance; none where it is exact.
    #[must_use]
    pub fn tolerance_used(&self) -> Option<f64> {
        self.tolerance.map(|tolerance| self.noise.0.sqrt() / tolerance.0)
    }
}
