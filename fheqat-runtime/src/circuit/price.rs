//! What a circuit costs encrypted, before any parameters are searched.

use serde::{Deserialize, Serialize};

use super::ir::{Accumulator, Graph};

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

/// Deviations that leave a failure of 2^-40.
const DEVIATIONS: f64 = 7.14;

impl Accumulator {
    /// M of an exact accumulator that costs as much. Of M slots exactness leaves a spread of `1 / 2 z M` turns; noise of t
    /// units leaves `t / (M - 1 + 2 z t)`, as [`Demand::of`](crate::params::demand::Demand::of) lays it out.
    fn exact_slots(&self) -> u32 {
        let (slots, freedom) = (self.slots(), 2.0 * DEVIATIONS * self.tolerance.0);
        if freedom <= 1.0 { slots } else { (1.0 + f64::from(slots - 1) / freedom).ceil() as u32 }
    }
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
        assert!((rotation_seconds(64) - 0.028).abs() < 1e-9);
        assert!((rotation_seconds(48) - 0.0251).abs() < 1e-9);
    }
}
