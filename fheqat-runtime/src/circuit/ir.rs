//! The integer circuit: what runs, in the clear or encrypted, and nothing else.
//!
//! A circuit is a list of [`Accumulator`]s in the order they can be computed. An accumulator is a sum of weighted
//! wires; each [`Table`] on it reads it once and gives one wire. Under encryption an accumulator costs one blind
//! rotation, however many tables read it, so sharing is in the shape of the data. Dense layers, convolutions, pools
//! and additions all lower to sums; reshapes lower to nothing.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

/// One integer of the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Wire {
    /// A quantized feature.
    Input(usize),
    /// What a table gives.
    Table {
        /// Index of the accumulator in [`Graph::accumulators`].
        accumulator: usize,
        /// Index of the table in [`Accumulator::tables`].
        table: usize,
    },
}

/// A wire times an integer weight, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Term {
    /// The wire.
    pub wire: Wire,
    /// The weight.
    pub weight: i64,
}

/// A jump of a table: `rise` is added for every accumulator value of at least `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Jump {
    /// The smallest accumulator value behind the jump.
    pub at: i64,
    /// What the jump adds, never zero.
    pub rise: i64,
}

/// A function from an accumulator to a level: `base` plus every jump that the accumulator has reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Table {
    /// The level below the first jump.
    pub base: i64,
    /// Jumps by strictly rising `at`.
    pub jumps: Vec<Jump>,
}

/// How much noise a sum may carry encrypted: a standard deviation in units of the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Tolerance(pub f64);

/// A sum of weighted wires, and the tables that read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accumulator {
    /// Index in [`Graph::layers`].
    pub layer: usize,
    /// Terms by strictly rising wire.
    pub terms: Vec<Term>,
    /// Every value the sum can take lies in it, over all inputs.
    pub range: Range,
    /// What the tables may be off by.
    pub tolerance: Tolerance,
    /// The tables that read it, at least one.
    pub tables: Vec<Table>,
}

/// A quantizer, the layer it reads, and the bound that the laws give its accumulators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerBound {
    /// Name of the quantizer's field.
    pub name: String,
    /// Name of the field whose sums it reads.
    pub reads: String,
    /// What the laws allow its accumulators: their worst case over all weights and all inputs.
    pub bound: Range,
}

/// A sum the client decrypts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Terms by strictly rising wire; empty when the output is constant.
    pub terms: Vec<Term>,
    /// Every value the sum of the terms can take lies in it, over all inputs.
    pub range: Range,
    /// What the client may read it off by.
    pub tolerance: Tolerance,
    /// Added by the client behind decryption.
    pub constant: i64,
}

/// The integers between the client's quantizer and the client's scaling of the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// The range of each input wire.
    pub inputs: Vec<Range>,
    /// The layers the accumulators belong to.
    pub layers: Vec<LayerBound>,
    /// The accumulators; a term names only earlier ones.
    pub accumulators: Vec<Accumulator>,
    /// What the client decrypts.
    pub outputs: Vec<Output>,
}

impl Tolerance {
    /// No value may be off at all.
    pub const EXACT: Self = Self(0.0);

    /// Whether no value may be off at all.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.0 <= 0.0
    }

    /// That of a sum whose units are `factor` times as large.
    #[must_use]
    pub fn per(self, factor: i64) -> Self {
        Self(self.0 / factor.unsigned_abs() as f64)
    }

    /// The stricter of both.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl Table {
    /// Reads a function of an integer off every value of `domain`.
    #[must_use]
    pub fn tabulate(domain: Range, level: impl Fn(i64) -> i64) -> Self {
        let base = level(domain.lo);
        let mut jumps = Vec::new();
        let mut last = base;
        for at in domain.lo + 1..=domain.hi {
            let next = level(at);
            if next != last {
                jumps.push(Jump { at, rise: next - last });
                last = next;
            }
        }
        Self { base, jumps }
    }

    /// The level at an accumulator value.
    #[must_use]
    pub fn level(&self, value: i64) -> i64 {
        self.base + self.jumps.iter().take_while(|jump| jump.at <= value).map(|jump| jump.rise).sum::<i64>()
    }

    /// The level behind the last jump.
    #[must_use]
    pub fn last_level(&self) -> i64 {
        self.base + self.jumps.iter().map(|jump| jump.rise).sum::<i64>()
    }

    /// The levels it gives on `domain`.
    #[must_use]
    pub fn levels(&self, domain: Range) -> Range {
        let mut level = self.level(domain.lo);
        let mut levels = Range::new(level, level);
        for jump in self.jumps.iter().filter(|jump| domain.lo < jump.at && jump.at <= domain.hi) {
            level += jump.rise;
            levels = levels.cover(Range::new(level, level));
        }
        levels
    }
}

impl Term {
    /// The term `factor` times as heavy.
    #[must_use]
    pub const fn times(self, factor: i64) -> Self {
        Self { wire: self.wire, weight: self.weight * factor }
    }
}

impl Wire {
    /// The accumulator a table's wire depends on.
    #[must_use]
    pub const fn accumulator(self) -> Option<usize> {
        match self {
            Self::Input(_) => None,
            Self::Table { accumulator, .. } => Some(accumulator),
        }
    }
}

impl Accumulator {
    /// The weighted sum of tables of this accumulator, as one table.
    ///
    /// # Panics
    /// When a term names a table this accumulator does not have.
    #[must_use]
    pub fn merged(&self, terms: &[Term]) -> Table {
        let mut rises = std::collections::BTreeMap::<i64, i64>::new();
        let mut base = 0;
        for term in terms {
            let Wire::Table { table, .. } = term.wire else { continue };
            let table = &self.tables[table];
            base += term.weight * table.base;
            for jump in &table.jumps {
                *rises.entry(jump.at).or_default() += term.weight * jump.rise;
            }
        }
        let jumps =
            rises.into_iter().filter(|&(_, rise)| rise != 0).map(|(at, rise)| Jump { at, rise }).collect();
        Table { base, jumps }
    }

    /// M: how many equal steps of the torus the accumulator needs, without a spare bit.
    ///
    /// Half a turn further a blind rotation reads the negative of a table. The plateaus at the two ends of a table are shifted
    /// to be negatives of one another, so each may reach into the mirror image of the other: only the transition between them
    /// must not be read twice. With the jumps `t` of all tables that takes
    ///
    /// `M = 2 max(x_max - t_first + 1, t_last - x_min)`.
    #[must_use]
    pub fn slots(&self) -> u32 {
        let jumps = || self.tables.iter().flat_map(|table| &table.jumps).map(|jump| jump.at);
        let (Some(first), Some(last)) = (jumps().min(), jumps().max()) else {
            return 2;
        };
        let slots = 2 * (self.range.hi - first + 1).max(last - self.range.lo).max(1);
        u32::try_from(slots).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    /// Whether a rotation over `slots` slots reads a rising table right at every value of `range`, moved by up to half a slot. In
    /// half-slots a turn has `2 slots` intervals, and what a rotation reads half a turn on is its negative.
    fn reads(table: &Table, range: Range, slots: i64) -> bool {
        let total: i64 = table.jumps.iter().map(|jump| jump.rise).sum();
        let first = table.jumps[0].at;
        let half_turn = |interval: i64| {
            let behind = table.jumps.iter().filter(|jump| 2 * (jump.at - first) <= interval);
            -total + 2 * behind.map(|jump| jump.rise).sum::<i64>()
        };
        let read = |interval: i64| match interval.rem_euclid(2 * slots) {
            interval if interval < slots => half_turn(interval),
            interval => -half_turn(interval - slots),
        };
        (range.lo..=range.hi).all(|value| {
            let level = 2 * table.level(value) - table.base - table.last_level();
            let interval = 2 * (value - first);
            read(interval) == level && read(interval + 1) == level
        })
    }

    proptest! {
        #[test]
        fn plateaus_reach_into_mirror_images_in_the_fewest_slots(
            (low, high) in (-30..0_i64, 1..30_i64),
            at in btree_set(-29..30_i64, 1..6),
            rises in prop::collection::vec(1..4_i64, 6),
        ) {
            let range = Range::new(low, high);
            let jumps: Vec<Jump> = at
                .into_iter()
                .filter(|&at| low < at && at <= high)
                .zip(rises)
                .map(|(at, rise)| Jump { at, rise })
                .collect();
            prop_assume!(!jumps.is_empty());
            let table = Table { base: 2, jumps };
            let accumulator = Accumulator {
                layer: 0,
                terms: Vec::new(),
                range,
                tolerance: Tolerance::EXACT,
                tables: vec![table.clone()],
            };
            let slots = i64::from(accumulator.slots());
            prop_assert!(reads(&table, range, slots));
            prop_assert_eq!((1..slots).find(|&fewer| reads(&table, range, fewer)), None);
        }
    }
}
