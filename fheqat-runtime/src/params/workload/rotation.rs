//! What one blind rotation needs of the parameters.

use serde::{Deserialize, Serialize};

use super::noise::{NoiseForm, NoiseLimit};
use crate::params::{Slots, TorusDistance, constraint::Deviations, cost::CiphertextCounts};

/// What a rotation has switched from the big key to the small one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySwitches {
    /// The sum that it reads, before it rotates.
    pub sum: bool,
    /// Wires that it gives, by rising place in [`WorkloadRotation::tables`], before anything sums them.
    pub wires: Vec<usize>,
}

/// One blind rotation of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadRotation {
    /// Index in [`Graph::accumulators`](crate::circuit::Graph::accumulators).
    pub accumulator: usize,
    /// Index in [`Graph::layers`](crate::circuit::Graph::layers).
    pub layer: usize,
    /// Rotations with a smaller depth come first.
    pub depth: usize,
    /// Its part of a pass over the bootstrap key: rotations of one depth go through the key in blocks.
    pub key_pass_share: f64,
    /// M of the wires it reads.
    pub slots: Slots,
    /// The weights are multiplied by it: an accumulator that needs fewer slots than its wires have spends the rest on
    /// noise.
    pub gain: i64,
    /// How far noise may move the value that it reads.
    pub limit: NoiseLimit,
    /// Live tables, by index in the accumulator.
    pub tables: Vec<usize>,
    /// Jumps of the live tables by rising position, relative to the first, in slots.
    pub offsets: Vec<i64>,
    /// Where the first jump is, as an accumulator value.
    pub first: i64,
    /// Noise before the modulus switch.
    pub noise: NoiseForm,
    /// Its key switches.
    pub key_switches: KeySwitches,
    /// Distance lost to rounding encodings to the small torus.
    pub encoding: TorusDistance,
    /// Its sum before and its extractions behind.
    pub operations: CiphertextCounts,
}

impl WorkloadRotation {
    /// Several tables read one rotation through one extraction a jump; a single table is the test polynomial itself.
    #[must_use]
    pub fn shared(&self) -> bool {
        self.tables.len() > 1
    }

    /// The distance a value may move: its limit, less what rounding its jumps to a grid of `2^log_grid` points takes.
    #[must_use]
    pub fn margin(&self, log_grid: u32) -> TorusDistance {
        TorusDistance(self.limit.distance.0 - self.rounding(log_grid).0 - self.encoding.0)
    }

    /// The largest standard deviation that keeps the limit: the margin is at least so many `deviations` of it, and together
    /// with the distance that rounding moves a jump by it stays within the tolerance.
    #[must_use]
    pub fn max_deviation(&self, log_grid: u32, deviations: Deviations) -> TorusDistance {
        let rounding = self.rounding(log_grid).0;
        self.limit.max_deviation(rounding + self.encoding.0, rounding, deviations)
    }

    /// The grid of its jumps: a shared rotation reads them off coefficients, on the grid without extension.
    #[must_use]
    pub fn log_grid(&self, coarse: u32, extension: u32) -> u32 {
        if self.shared() { coarse } else { coarse + extension }
    }

    fn rounding(&self, log_grid: u32) -> TorusDistance {
        let slots = i128::from(self.slots.0);
        let worst = self
            .offsets
            .iter()
            .map(|&offset| {
                let exact = i128::from(offset) << log_grid;
                (position(offset, self.slots, log_grid) * slots - exact).abs()
            })
            .max()
            .unwrap_or(0);
        TorusDistance(worst as f64 / slots as f64 / f64::from(log_grid).exp2())
    }

    /// One unit of the accumulator, in turns.
    pub(super) fn unit(&self) -> f64 {
        self.gain as f64 / f64::from(self.slots.0)
    }
}

impl KeySwitches {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.sum) + self.wires.len()
    }

    /// Whether they switch the wire of a table.
    #[cfg(feature = "server")]
    pub(crate) fn switches(&self, table: usize) -> bool {
        self.wires.binary_search(&table).is_ok()
    }
}

/// Where a jump lies on a grid of `2^log_grid` points, behind the first jump.
#[must_use]
pub fn position(offset: i64, slots: Slots, log_grid: u32) -> i128 {
    let slots = i128::from(slots.0);
    ((i128::from(offset) << (log_grid + 1)) + slots).div_euclid(2 * slots)
}
