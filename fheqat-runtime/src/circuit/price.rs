//! What a circuit costs encrypted, before any parameters are searched.

use serde::{Deserialize, Serialize};

use super::ir::Graph;

/// What one inference takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Blind rotations.
    pub rotations: usize,
    /// Seconds of one core, by [`rotation_seconds`].
    pub core_seconds: f64,
}

/// Slots of an accumulator, and the milliseconds of its key switch, blind rotation and extractions at a failure of 2^-40 for
/// one inference.
const CURVE: [(u32, f64); 11] = [
    (2, 17.0),
    (8, 17.7),
    (16, 19.1),
    (32, 22.2),
    (64, 28.0),
    (96, 34.4),
    (128, 43.3),
    (256, 100.3),
    (512, 207.0),
    (1024, 384.0),
    (2048, 780.0),
];

/// Seconds of one core for one blind rotation of an accumulator of so many slots, as a line through points of the parameter search with
/// [`Prices::shipped`](crate::params::cost::Prices::shipped).
#[must_use]
pub fn rotation_seconds(slots: u32) -> f64 {
    let behind = CURVE.iter().position(|&(at, _)| slots <= at).unwrap_or(CURVE.len() - 1).max(1);
    let ((from, low), (to, high)) = (CURVE[behind - 1], CURVE[behind]);
    let along = (f64::from(slots) - f64::from(from)) / f64::from(to - from);
    (low + along.max(0.0) * (high - low)) * 1e-3
}

impl Graph {
    /// What one inference takes, about: each rotation as if it were alone.
    #[must_use]
    pub fn price(&self) -> Price {
        Price {
            rotations: self.accumulators.len(),
            core_seconds: self
                .accumulators
                .iter()
                .map(|accumulator| rotation_seconds(accumulator.slots()))
                .sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_slots_cost_more() {
        let prices: Vec<f64> = (2..4096).map(rotation_seconds).collect();
        assert!(prices.windows(2).all(|pair| pair[0] < pair[1]));
        assert!((rotation_seconds(64) - 0.028).abs() < 1e-9);
        assert!((rotation_seconds(48) - 0.0251).abs() < 1e-9);
    }
}
