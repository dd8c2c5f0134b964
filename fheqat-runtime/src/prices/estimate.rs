//! What a circuit takes encrypted, as training estimates it: before any parameters are searched, and without cryptography.
//!
//! The estimate is a sum over accumulators of [`rotation_seconds`]. Like the report's prediction it comes from the parameter search
//! at [`Prices::shipped`](crate::params::cost::Prices::shipped), but it is simpler in five ways:
//! - It counts one rotation and one key switch for each accumulator, and nothing for operations on whole ciphertexts.
//! - Each rotation runs alone and pays for whole passes over both keys; a server shares passes between rotations.
//! - Each rotation has the keys that are cheapest for it; all rotations of a plan share their keys.
//! - Each rotation may fail with a probability of 2^-40; a prediction has the probability that is asked for, of a whole inference.
//! - Each rotation reads a sum of bootstrapped wires whose squared weights sum to 64, by a table of at most seven steps.
//!
//! So the estimate tells a cheap circuit from an expensive one. What a circuit takes is in its report.

use serde::{Deserialize, Serialize};

use super::curve::SEARCHED;
use crate::circuit::ir::{Accumulator, Graph};

/// What one inference takes, by [`Graph::price`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Blind rotations.
    pub rotations: usize,
    /// Seconds of one core, by [`rotation_seconds`].
    pub core_seconds: f64,
}

/// The ends of the curve, which continue it and are not searched: the search finds 7.5 ms for two slots and 677 ms for 2048.
/// What training chooses depends on them, so they stay as they were set.
const ENDS: [(u32, f64); 2] = [(2, 11.8), (2048, 530.0)];

/// Slots of an exact accumulator, and milliseconds of one core for its rotation.
const CURVE: [(u32, f64); SEARCHED.len() + 2] = {
    let mut curve = [ENDS[0]; SEARCHED.len() + 2];
    let mut index = 0;
    while index < SEARCHED.len() {
        curve[index + 1] = SEARCHED[index];
        index += 1;
    }
    curve[SEARCHED.len() + 1] = ENDS[1];
    curve
};

/// Seconds of one core for the rotation of an exact accumulator of so many slots: linear between the points that the parameter
/// search finds from 8 to 1024 slots, constant below two slots and linear beyond 2048.
#[must_use]
pub fn rotation_seconds(slots: u32) -> f64 {
    let behind = CURVE.iter().position(|&(at, _)| slots <= at).unwrap_or(CURVE.len() - 1).max(1);
    let ((from, low), (to, high)) = (CURVE[behind - 1], CURVE[behind]);
    let along = (f64::from(slots) - f64::from(from)) / f64::from(to - from);
    (low + along.max(0.0) * (high - low)) * 1e-3
}

/// Standard deviations of noise within half a slot at a failure of 2^-40, by
/// [`deviations`](crate::params::constraint::deviations).
const DEVIATIONS: f64 = 7.14;

impl Accumulator {
    /// M of an exact accumulator that costs as much. Noise on an exact accumulator of M slots may have a standard deviation of
    /// `1 / 2 z M` turns; on one with a tolerance of t units it may have `t / (M - 1 + 2 z t)`, the tolerance on as many slots as
    /// [`Workload::of`](crate::params::workload::Workload::of) gives it.
    fn exact_slots(&self) -> u32 {
        let (slots, freedom) = (self.slots(), 2.0 * DEVIATIONS * self.tolerance.0);
        if freedom <= 1.0 { slots } else { (1.0 + f64::from(slots - 1) / freedom).ceil() as u32 }
    }
}

impl Graph {
    /// What one inference takes, by the estimate of [`prices::estimate`](self).
    #[must_use]
    pub fn price(&self) -> Price {
        Price {
            rotations: self.accumulators.len(),
            core_seconds: self
                .accumulators
                .iter()
                .map(|accumulator| rotation_seconds(accumulator.exact_slots()))
                .sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use fheqat_spec::Range;

    use super::*;
    use crate::circuit::ir::{Jump, Table, Tolerance};

    #[test]
    fn noise_makes_a_wide_sum_as_cheap_as_a_narrow_one() {
        let wide = |tolerance| Accumulator {
            layer: 0,
            terms: Vec::new(),
            range: Range::new(-500, 499),
            tolerance: Tolerance(tolerance),
            tables: vec![Table { base: 0, jumps: vec![Jump { at: 0, rise: 1 }] }],
        };
        assert_eq!(wide(0.0).exact_slots(), wide(0.0).slots());
        assert_eq!(wide(0.05).exact_slots(), wide(0.0).slots());
        let narrow = [0.1, 0.5, 1.0, 4.0].map(|tolerance| wide(tolerance).exact_slots());
        assert!(narrow.is_sorted_by(|one, other| one > other) && narrow[3] < 20, "{narrow:?}");
    }

    #[test]
    fn more_slots_cost_more() {
        let prices: Vec<f64> = (2..4096).map(rotation_seconds).collect();
        assert!(prices.windows(2).all(|pair| pair[0] < pair[1]));
        assert!((rotation_seconds(64) - 0.0192).abs() < 1e-9);
        assert!((rotation_seconds(48) - 0.0172).abs() < 1e-9);
    }

    #[cfg(feature = "fhe")]
    #[test]
    fn deviations_are_those_of_the_search() {
        let searched = crate::params::constraint::deviations(crate::params::Log2Probability(-40.0));
        assert!((searched.0 - DEVIATIONS).abs() < 0.005);
    }
}
