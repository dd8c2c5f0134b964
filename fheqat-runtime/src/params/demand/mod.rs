//! What a circuit asks of the parameters: slots, margins and quadratic forms of noise, no keys.
//!
//! `groups` finds the wires that must have the same slots, `read` reads a circuit into a [`Demand`].

mod groups;
mod read;

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::read::{Layout, Reader};
use super::{Log2Probability, Slots, TorusDistance, constraint::Deviations};
use crate::circuit::ir::{Graph, Tolerance, Wire};

/// A graph that breaks its own rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A term that names nothing.
    #[error("{reader} reads {wire:?}, which does not come before it: lower the network again")]
    Unknown {
        /// The accumulator or output.
        reader: String,
        /// The wire.
        wire: Wire,
    },
    /// A number that no network of `i64` sums has.
    #[error("{reader} holds the number {number}, beyond 2^40: lower the network again")]
    Number {
        /// The accumulator or output.
        reader: String,
        /// The number.
        number: i64,
    },
    /// More slots than the torus has.
    #[error("{reader} needs the range {range:?}, which no torus of 64 bits holds: lower `max_l1` or `bits`")]
    TooWide {
        /// The accumulator or output.
        reader: String,
        /// Its range.
        range: Range,
    },
}

/// Noise as a function of what the parameters give: `fresh * encryption + switches * key switch + ((1 - c) * independent + c *
/// correlated) * extraction`, where c is the correlation of extractions of one rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseForm {
    /// Squared weights of fresh inputs.
    pub fresh: f64,
    /// Squared weights of what is switched: one for a sum that is, since its weights are behind it.
    pub switches: f64,
    /// Squared weights of extractions, as if independent.
    pub independent: f64,
    /// The form of extractions with a correlation of 1 that falls by `2 d / N` with their distance d in the ring, never
    /// below `independent`.
    pub correlated: f64,
}

/// What is done with whole ciphertexts, beside switching keys and rotating. Small ones are under the small key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    /// Ciphertexts expanded from a seed.
    pub inputs: usize,
    /// The same under the small key.
    pub small_inputs: usize,
    /// Weighted ciphertexts added to a sum.
    pub additions: usize,
    /// The same under the small key.
    pub small_additions: usize,
    /// Coefficients extracted.
    pub extractions: usize,
}

/// How noise may move a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// How far at most: half a slot of the value, or, where it may carry noise, to where the torus wraps.
    pub room: TorusDistance,
    /// The standard deviation that it may carry; none where it is exact.
    pub tolerance: Option<TorusDistance>,
}

/// What a rotation has switched from the big key to the small one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// The sum that it reads, in front of it.
    pub sum: bool,
    /// Wires that it gives, by place in [`Rotation::tables`], before anything sums them.
    pub wires: Vec<usize>,
}

/// One blind rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// Index in [`Graph::accumulators`].
    pub accumulator: usize,
    /// Index in [`Graph::layers`].
    pub layer: usize,
    /// Rotations with a smaller depth come first.
    pub depth: usize,
    /// Its part of a pass over the bootstrap key: rotations of one depth go through it in blocks.
    pub share: f64,
    /// M of the wires it reads.
    pub slots: Slots,
    /// The weights are multiplied by it: an accumulator that needs fewer slots than its wires have spends the rest on
    /// noise.
    pub gain: i64,
    /// What it promises.
    pub promise: Promise,
    /// Live tables, by index in the accumulator.
    pub tables: Vec<usize>,
    /// Jumps of the live tables by rising position, relative to the first, in slots.
    pub offsets: Vec<i64>,
    /// Where the first jump is, as an accumulator value.
    pub first: i64,
    /// Noise in front of the modulus switch.
    pub noise: NoiseForm,
    /// Its key switches.
    pub switches: Switches,
    /// Distance lost to rounding encodings to the small torus.
    pub encoding: TorusDistance,
    /// Its sum in front and its extractions behind.
    pub moves: Moves,
}

/// One decryption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Index in [`Graph::outputs`].
    pub output: usize,
    /// M of the wires it sums.
    pub slots: Slots,
    /// What it promises.
    pub promise: Promise,
    /// Its noise.
    pub noise: NoiseForm,
}

/// Everything the search needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Names of layers.
    pub layers: Vec<String>,
    /// Inputs are encrypted under the small key: every reader of an input is a rotation whose sum is under it.
    pub direct: bool,
    /// M of each input; none for an input that nothing reads.
    pub inputs: Vec<Option<Slots>>,
    /// Rotations, in the order of their accumulators.
    pub rotations: Vec<Rotation>,
    /// Outputs that are not constant.
    pub outputs: Vec<Output>,
    /// What is done with inputs and outputs.
    pub ends: Moves,
}

impl Moves {
    /// These and others.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            inputs: self.inputs + other.inputs,
            small_inputs: self.small_inputs + other.small_inputs,
            additions: self.additions + other.additions,
            small_additions: self.small_additions + other.small_additions,
            extractions: self.extractions + other.extractions,
        }
    }
}

impl Output {
    /// The largest standard deviation that keeps the promise.
    #[must_use]
    pub fn spread(&self, deviations: Deviations) -> TorusDistance {
        self.promise.spread(0.0, 0.0, deviations)
    }
}

impl Promise {
    /// That of a value whose `values` reach from one end of its range to the other, on `slots` units of the torus to a
    /// turn. Exact, its next neighbour is a unit away. With noise of t units, it is the other end of the range that must
    /// not be met around the turn.
    fn new(values: Slots, tolerance: Tolerance, unit: f64) -> Self {
        if tolerance.is_exact() {
            return Self { room: TorusDistance(unit / 2.0), tolerance: None };
        }
        let reach = f64::from(values.0) - 1.0;
        Self {
            room: TorusDistance((1.0 - reach * unit) / 2.0),
            tolerance: Some(TorusDistance(tolerance.0 * unit)),
        }
    }

    /// The largest standard deviation that keeps it, where `lost` turns of the room are gone and `rounding` turns count as
    /// noise.
    fn spread(self, lost: f64, rounding: f64, deviations: Deviations) -> TorusDistance {
        let tolerance = self.tolerance.map_or(f64::INFINITY, |tolerance| {
            let variance = tolerance.0.powi(2) - rounding.powi(2);
            variance.max(0.0).sqrt()
        });
        TorusDistance(((self.room.0 - lost) / deviations.0).min(tolerance))
    }
}

impl Rotation {
    /// Several tables read one rotation through one extraction a jump; a single table is the test polynomial itself.
    #[must_use]
    pub fn shared(&self) -> bool {
        self.tables.len() > 1
    }

    /// The distance a value may move: what is promised, less what rounding its jumps to a grid of `2^log_grid` points
    /// takes.
    #[must_use]
    pub fn margin(&self, log_grid: u32) -> TorusDistance {
        TorusDistance(self.promise.room.0 - self.rounding(log_grid).0 - self.encoding.0)
    }

    /// The largest standard deviation that keeps the promise: the margin is so many `deviations` of it, and with what
    /// rounding moves a jump by it stays within the tolerance.
    #[must_use]
    pub fn spread(&self, log_grid: u32, deviations: Deviations) -> TorusDistance {
        let rounding = self.rounding(log_grid).0;
        self.promise.spread(rounding + self.encoding.0, rounding, deviations)
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
    fn unit(&self) -> f64 {
        self.gain as f64 / f64::from(self.slots.0)
    }
}

impl Switches {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.sum) + self.wires.len()
    }
}

/// Where a jump lies on a grid of `2^log_grid` points, behind the first jump.
#[must_use]
pub fn position(offset: i64, slots: Slots, log_grid: u32) -> i128 {
    let slots = i128::from(slots.0);
    ((i128::from(offset) << (log_grid + 1)) + slots).div_euclid(2 * slots)
}

/// The finest slots that are tried.
const FINEST: u32 = 3;

impl Demand {
    /// Reads a graph, laid out as usual: inputs under the small key where they can be, and no slots but those that the
    /// widest reader needs.
    ///
    /// A sum that may carry noise of t units needs `reach + 2 z t` slots, z the deviations that leave `p_fail` to each
    /// event: then noise and wrong wraps set the same limit. From `t = 1 / 2z` down it is exact for less.
    ///
    /// # Errors
    /// When a term names a wire that does not come before it, or a range has more values than a torus has steps.
    pub fn of(graph: &Graph, p_fail: Log2Probability) -> Result<Self, GraphError> {
        Reader::new(graph, p_fail, Layout { direct: true, finer: 1, wires: false })?.read()
    }

    /// The other ways to lay a graph out that differ from `usual`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn alternatives(
        usual: &Self,
        graph: &Graph,
        p_fail: Log2Probability,
    ) -> Result<Vec<Self>, GraphError> {
        let mut others: Vec<Self> = Vec::new();
        for (direct, wires) in [(true, false), (false, false), (true, true)] {
            for finer in 1..=FINEST {
                let layout = Layout { direct, finer, wires };
                let demand = Reader::new(graph, p_fail, layout)?.read()?;
                let same = |other: &Self| {
                    other.direct == demand.direct
                        && other.units() == demand.units()
                        && other.key_switches() <= demand.key_switches()
                };
                let known = std::iter::once(usual).chain(&others).any(same);
                if !known && demand.direct == direct {
                    others.push(demand);
                }
            }
        }
        Ok(others)
    }

    /// What a unit of each rotation is on the torus.
    fn units(&self) -> Vec<f64> {
        self.rotations.iter().map(Rotation::unit).collect()
    }

    /// Everything that can go wrong in one inference.
    #[must_use]
    pub fn events(&self) -> usize {
        self.rotations.len() + self.outputs.len()
    }

    /// Key switches of an inference.
    #[must_use]
    pub fn key_switches(&self) -> usize {
        self.rotations.iter().map(|rotation| rotation.switches.count()).sum()
    }

    /// Everything that is done with whole ciphertexts.
    #[must_use]
    pub fn moves(&self) -> Moves {
        self.rotations.iter().fold(self.ends, |moves, rotation| moves.plus(rotation.moves))
    }
}

impl NoiseForm {
    fn scaled(self, gain: i64) -> Self {
        let square = (gain as f64).powi(2);
        Self {
            fresh: self.fresh * square,
            switches: self.switches * square,
            independent: self.independent * square,
            correlated: self.correlated * square,
        }
    }
}

#[cfg(test)]
mod tests;
