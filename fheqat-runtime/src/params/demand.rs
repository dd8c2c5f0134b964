//! What a circuit asks of the parameters: slots, margins and quadratic forms of noise, no keys.

use std::collections::{BTreeMap, BTreeSet};

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Log2Probability, Slots, TorusDistance,
    constraint::{Deviations, deviations},
    cost::BLOCK,
};
use crate::circuit::ir::{Accumulator, Graph, Jump, Layer, Table, Term, Tolerance, Wire};

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

/// How values lie on the torus: of several ways the search takes the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Inputs are under the small key where they can be: no key switch, but more noise.
    direct: bool,
    /// Wires have so many times the slots that their widest reader needs, so that narrower readers find a gain that
    /// fits them closer.
    finer: u32,
    /// Wires are switched, not the sums of them: fewer key switches where few wires have many readers, and noise of each
    /// times its weight.
    wires: bool,
}

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

/// The finest slots that are tried.
const FINEST: u32 = 3;

struct Reader<'a> {
    graph: &'a Graph,
    deviations: Deviations,
    layout: Layout,
    live: Vec<Vec<bool>>,
    groups: Groups,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a Graph, p_fail: Log2Probability, layout: Layout) -> Result<Self, GraphError> {
        let mut reader = Self {
            graph,
            deviations: Deviations(0.0),
            layout,
            live: graph
                .accumulators
                .iter()
                .map(|accumulator| vec![false; accumulator.tables.len()])
                .collect(),
            groups: Groups::new(graph, layout.finer),
        };
        for (index, output) in graph.outputs.iter().enumerate() {
            reader.mark(&format!("output {index}"), &output.terms, graph.accumulators.len())?;
        }
        for (index, accumulator) in graph.accumulators.iter().enumerate().rev() {
            let name = reader.name(index);
            reader.check(&name, &accumulator.terms, index)?;
            let jumps = |table: &'a Table| table.jumps.iter().flat_map(|jump| [jump.at, jump.rise]);
            let tables = accumulator.tables.iter().flat_map(|table| jumps(table).chain([table.base]));
            check_numbers(&name, tables.chain([accumulator.range.lo, accumulator.range.hi]))?;
            if !reader.live_tables(index).is_empty() {
                reader.mark(&name, &accumulator.terms, index)?;
            }
        }
        reader.deviations = deviations(p_fail.share(reader.events()));
        Ok(reader)
    }

    fn events(&self) -> usize {
        let rotations =
            (0..self.graph.accumulators.len()).filter(|&index| !self.live_tables(index).is_empty()).count();
        rotations + self.graph.outputs.iter().filter(|output| self.has_ciphertext(&output.terms)).count()
    }

    fn read(mut self) -> Result<Demand, GraphError> {
        self.group()?;
        let graph = self.graph;
        let direct = self.direct();
        let switched = if direct && self.layout.wires { self.read_by_rotations() } else { BTreeSet::new() };
        let mut depths: Vec<usize> = Vec::with_capacity(graph.accumulators.len());
        let mut rotations = Vec::new();
        for (index, accumulator) in graph.accumulators.iter().enumerate() {
            let depth = accumulator
                .terms
                .iter()
                .filter_map(|term| match term.wire {
                    Wire::Input(_) => None,
                    Wire::Table { accumulator, .. } => Some(depths[accumulator] + 1),
                })
                .max()
                .unwrap_or(0);
            depths.push(depth);
            let tables = self.live_tables(index);
            if tables.is_empty() {
                continue;
            }
            let slots = self.slots(index);
            let gain = self.gain(index);
            let unit = gain as f64 / f64::from(slots.0);
            let promise = Promise::new(self.own_slots(index), self.tolerance(index), unit);
            let jumps = self.merged(index, |_| 1);
            let small = direct && (self.layout.wires || depth == 0);
            let moves = self.rotation_moves(index, small, jumps.len());
            let switched_squares = if small { self.squares(&accumulator.terms, gain) } else { 1.0 };
            let is_switched = |table| switched.contains(&Wire::Table { accumulator: index, table });
            let switches = Switches {
                sum: !small,
                wires: (0..tables.len()).filter(|&place| is_switched(tables[place])).collect(),
            };
            let (first, offsets) = offsets(jumps.keys().copied(), gain);
            rotations.push(Rotation {
                accumulator: index,
                layer: accumulator.layer,
                depth,
                share: 1.0,
                slots,
                gain,
                promise,
                tables,
                offsets,
                first,
                noise: NoiseForm {
                    switches: switched_squares,
                    ..self.noise(&accumulator.terms).scaled(gain)
                },
                switches,
                encoding: encoding_loss(&accumulator.terms, gain),
                moves,
            });
        }
        share_passes(&mut rotations);
        let outputs = (0..graph.outputs.len())
            .filter(|&index| self.has_ciphertext(&graph.outputs[index].terms))
            .map(|index| {
                let output = &graph.outputs[index];
                let slots = self.groups.slots(&output.terms, Slots(1));
                let values = Slots(output.range.count() as u32);
                let tolerance = self.useful(output.tolerance);
                let promise = Promise::new(values, tolerance, 1.0 / f64::from(slots.0));
                Output { output: index, slots, promise, noise: self.noise(&output.terms) }
            })
            .collect();
        let inputs = self.input_slots();
        let ends = self.end_moves(direct, &inputs);
        Ok(Demand {
            layers: graph.layers.iter().map(|layer| layer.name.clone()).collect(),
            direct,
            inputs,
            rotations,
            outputs,
            ends,
        })
    }

    /// Squared weights, times the gain, of the wires of other rotations.
    fn squares(&self, terms: &[Term], gain: i64) -> f64 {
        let tables =
            terms.iter().filter(|term| self.table(term.wire).is_some_and(|table| !table.jumps.is_empty()));
        tables.map(|term| ((gain * term.weight) as f64).powi(2)).sum()
    }

    /// Wires that a rotation sums.
    fn read_by_rotations(&self) -> BTreeSet<Wire> {
        let live = (0..self.graph.accumulators.len()).filter(|&index| !self.live_tables(index).is_empty());
        live.flat_map(|index| &self.graph.accumulators[index].terms).map(|term| term.wire).collect()
    }

    /// A single table is read off one extraction; several sum those of their jumps.
    fn rotation_moves(&self, accumulator: usize, small: bool, jumps: usize) -> Moves {
        let tables = self.live_tables(accumulator);
        let Accumulator { terms, tables: all, .. } = &self.graph.accumulators[accumulator];
        let sum = self.ciphertexts(terms);
        let (extractions, readings) = match tables.len() {
            1 => (1, 1),
            _ => (jumps, tables.iter().map(|&table| all[table].jumps.len()).sum()),
        };
        let (small_additions, big) = if small { (sum, 0) } else { (0, sum) };
        Moves { small_additions, additions: big + readings, extractions, ..Moves::default() }
    }

    fn end_moves(&self, direct: bool, inputs: &[Option<Slots>]) -> Moves {
        let inputs = inputs.iter().flatten().count();
        let additions = self.graph.outputs.iter().map(|output| self.ciphertexts(&output.terms)).sum();
        let (small_inputs, inputs) = if direct { (inputs, 0) } else { (0, inputs) };
        Moves { inputs, small_inputs, additions, ..Moves::default() }
    }

    /// Terms that are not constant.
    fn ciphertexts(&self, terms: &[Term]) -> usize {
        terms.iter().filter(|term| self.table(term.wire).is_none_or(|table| !table.jumps.is_empty())).count()
    }

    fn name(&self, accumulator: usize) -> String {
        let layer = self.graph.accumulators[accumulator].layer;
        match self.graph.layers.get(layer) {
            Some(Layer { name, .. }) => format!("`{name}`, accumulator {accumulator}"),
            None => format!("accumulator {accumulator}"),
        }
    }

    fn check(&self, reader: &str, terms: &[Term], before: usize) -> Result<(), GraphError> {
        for term in terms {
            let known = match term.wire {
                Wire::Input(index) => index < self.graph.inputs.len(),
                Wire::Table { accumulator, table } => {
                    accumulator < before && table < self.graph.accumulators[accumulator].tables.len()
                }
            };
            if !known {
                return Err(GraphError::Unknown { reader: reader.to_owned(), wire: term.wire });
            }
        }
        check_numbers(reader, terms.iter().map(|term| term.weight))
    }

    fn mark(&mut self, reader: &str, terms: &[Term], before: usize) -> Result<(), GraphError> {
        self.check(reader, terms, before)?;
        for term in terms {
            if let Wire::Table { accumulator, table } = term.wire {
                self.live[accumulator][table] = true;
            }
        }
        Ok(())
    }

    /// Tables that something reads and that are not constant.
    fn live_tables(&self, accumulator: usize) -> Vec<usize> {
        let tables = &self.graph.accumulators[accumulator].tables;
        (0..tables.len())
            .filter(|&table| self.live[accumulator][table] && !tables[table].jumps.is_empty())
            .collect()
    }

    fn table(&self, wire: Wire) -> Option<&'a Table> {
        match wire {
            Wire::Input(_) => None,
            Wire::Table { accumulator, table } => Some(&self.graph.accumulators[accumulator].tables[table]),
        }
    }

    fn has_ciphertext(&self, terms: &[Term]) -> bool {
        self.ciphertexts(terms) > 0
    }

    /// Wires that one reader sums share one M, and so do the tables of one rotation.
    fn group(&mut self) -> Result<(), GraphError> {
        for index in 0..self.graph.accumulators.len() {
            let accumulator = &self.graph.accumulators[index];
            let tables = self.live_tables(index);
            for pair in tables.windows(2) {
                let wire = |table| Wire::Table { accumulator: index, table };
                self.groups.join(wire(pair[0]), wire(pair[1]));
            }
            if !tables.is_empty() {
                let need = self.need(self.own_slots(index), self.tolerance(index));
                if need.0 > LARGEST {
                    return Err(GraphError::TooWide { reader: self.name(index), range: accumulator.range });
                }
                self.groups.read(&accumulator.terms, need);
            }
        }
        for (index, output) in self.graph.outputs.iter().enumerate() {
            let values = output.range.hi.saturating_sub(output.range.lo).saturating_add(1);
            let need = u32::try_from(values)
                .map(|values| self.need(Slots(values.max(2)), self.useful(output.tolerance)));
            match need {
                Ok(need) if need.0 <= LARGEST => self.groups.read(&output.terms, need),
                _ => {
                    return Err(GraphError::TooWide {
                        reader: format!("output {index}"),
                        range: output.range,
                    });
                }
            }
        }
        Ok(())
    }

    fn own_slots(&self, accumulator: usize) -> Slots {
        let accumulator = &self.graph.accumulators[accumulator];
        Slots(accumulator.slots())
    }

    fn tolerance(&self, accumulator: usize) -> Tolerance {
        self.useful(self.graph.accumulators[accumulator].tolerance)
    }

    /// A tolerance below what exactness allows asks for more than exactness.
    fn useful(&self, tolerance: Tolerance) -> Tolerance {
        if 2.0 * self.deviations.0 * tolerance.0 > 1.0 { tolerance } else { Tolerance::EXACT }
    }

    fn need(&self, own: Slots, tolerance: Tolerance) -> Slots {
        if tolerance.is_exact() {
            return own;
        }
        let need = f64::from(own.0) - 1.0 + 2.0 * self.deviations.0 * tolerance.0;
        Slots((need.ceil() as u32).max(own.0))
    }

    /// M of the wires that an accumulator reads.
    fn slots(&self, accumulator: usize) -> Slots {
        let need = self.need(self.own_slots(accumulator), self.tolerance(accumulator));
        self.groups.slots(&self.graph.accumulators[accumulator].terms, need)
    }

    /// The integer that leaves an accumulator the largest spread.
    fn gain(&self, accumulator: usize) -> i64 {
        let own = self.own_slots(accumulator);
        let tolerance = self.tolerance(accumulator);
        let slots = self.slots(accumulator);
        let fits = slots.0 / self.need(own, tolerance).0;
        if tolerance.is_exact() {
            return i64::from(fits);
        }
        let spread = |gain: u32| {
            let promise = Promise::new(own, tolerance, f64::from(gain) / f64::from(slots.0));
            promise.spread(0.0, 0.0, self.deviations)
        };
        i64::from(if spread(fits + 1) > spread(fits) { fits + 1 } else { fits })
    }

    fn direct(&self) -> bool {
        if !self.layout.direct {
            return false;
        }
        let input = |term: &Term| matches!(term.wire, Wire::Input(_));
        let pure = |terms: &[Term]| self.layout.wires || terms.iter().all(input) || !terms.iter().any(input);
        let rotations = self
            .graph
            .accumulators
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.live_tables(*index).is_empty())
            .all(|(_, accumulator)| pure(&accumulator.terms));
        rotations && !self.graph.outputs.iter().any(|output| output.terms.iter().any(input))
    }

    fn input_slots(&self) -> Vec<Option<Slots>> {
        let mut read = vec![false; self.graph.inputs.len()];
        let live = (0..self.graph.accumulators.len())
            .filter(|&index| !self.live_tables(index).is_empty())
            .map(|index| &self.graph.accumulators[index].terms)
            .chain(self.graph.outputs.iter().map(|output| &output.terms));
        for term in live.flatten() {
            if let Wire::Input(index) = term.wire {
                read[index] = true;
            }
        }
        read.iter()
            .enumerate()
            .map(|(index, &read)| read.then(|| self.groups.of(Wire::Input(index))))
            .collect()
    }

    /// Jumps of the live tables of one accumulator, each table times a factor, merged by position.
    fn merged(&self, accumulator: usize, factor: impl Fn(usize) -> i64) -> BTreeMap<i64, i64> {
        let mut merged = BTreeMap::new();
        for table in self.live_tables(accumulator) {
            let factor = factor(table);
            for Jump { at, rise } in &self.graph.accumulators[accumulator].tables[table].jumps {
                *merged.entry(*at).or_insert(0) += factor * rise;
            }
        }
        merged
    }

    /// Extractions of one rotation are correlated; rotations are not.
    fn noise(&self, terms: &[Term]) -> NoiseForm {
        let mut form = NoiseForm::default();
        let mut sources: BTreeMap<usize, BTreeMap<usize, i64>> = BTreeMap::new();
        for term in terms {
            match term.wire {
                Wire::Input(_) => form.fresh += (term.weight as f64).powi(2),
                Wire::Table { accumulator, table } => {
                    *sources.entry(accumulator).or_default().entry(table).or_insert(0) += term.weight;
                }
            }
        }
        for (accumulator, weights) in sources {
            let tables = self.live_tables(accumulator);
            if tables.len() == 1 {
                let square = weights.get(&tables[0]).map_or(0.0, |&weight| (weight as f64).powi(2));
                form.independent += square;
                form.correlated += square;
            } else {
                let merged = self.merged(accumulator, |table| weights.get(&table).copied().unwrap_or(0));
                let turn = f64::from(self.slots(accumulator).0) / self.gain(accumulator) as f64;
                let (independent, correlated) = quadratic(&merged, turn);
                form.independent += independent;
                form.correlated += correlated.max(independent);
            }
        }
        form
    }
}

fn share_passes(rotations: &mut [Rotation]) {
    let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
    for rotation in &*rotations {
        *depths.entry(rotation.depth).or_default() += 1;
    }
    for rotation in rotations {
        let count = depths.get(&rotation.depth).copied().unwrap_or(1);
        rotation.share = count.div_ceil(BLOCK) as f64 / count as f64;
    }
}

/// What keeps every sum of a plan inside `i64`.
fn check_numbers(reader: &str, mut numbers: impl Iterator<Item = i64>) -> Result<(), GraphError> {
    match numbers.find(|number| number.unsigned_abs() > 1 << 40) {
        Some(number) => Err(GraphError::Number { reader: reader.to_owned(), number }),
        None => Ok(()),
    }
}

/// `sum r^2`, and `sum r r' (1 - 4 lag / M)`: a lag of M slots is a turn, which is 2N coefficients.
fn quadratic(jumps: &BTreeMap<i64, i64>, turn: f64) -> (f64, f64) {
    let independent = jumps.values().map(|&rise| (rise as f64).powi(2)).sum();
    let mut correlated = 0.0;
    for (at, rise) in jumps {
        for (other_at, other_rise) in jumps {
            let lag = (at - other_at).unsigned_abs() as f64;
            correlated += (*rise as f64) * (*other_rise as f64) * (1.0 - 4.0 * lag / turn);
        }
    }
    (independent, correlated)
}

fn offsets(mut positions: impl Iterator<Item = i64> + Clone, gain: i64) -> (i64, Vec<i64>) {
    let offsets = positions.clone();
    let first = positions.next().unwrap_or(0);
    (first, offsets.map(|at| gain * (at - first)).collect())
}

/// Levels are rounded to the small torus one by one, half a unit in the last place each, and so is the constant.
fn encoding_loss(terms: &[Term], gain: i64) -> TorusDistance {
    let weights: f64 = terms.iter().map(|term| term.weight.unsigned_abs() as f64).sum();
    TorusDistance((weights * gain as f64 + 2.0) * (-33.0_f64).exp2())
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

/// Wider accumulators have no parameters at any price.
const LARGEST: u32 = 1 << 24;

struct Groups {
    tables: Vec<usize>,
    parents: Vec<usize>,
    needs: Vec<u32>,
    finer: u32,
}

impl Groups {
    fn new(graph: &Graph, finer: u32) -> Self {
        let mut next = graph.inputs.len();
        let tables = graph
            .accumulators
            .iter()
            .map(|accumulator| {
                let first = next;
                next += accumulator.tables.len();
                first
            })
            .collect();
        Self { tables, parents: (0..next).collect(), needs: vec![0; next], finer }
    }

    fn node(&self, wire: Wire) -> usize {
        match wire {
            Wire::Input(index) => index,
            Wire::Table { accumulator, table } => self.tables[accumulator] + table,
        }
    }

    fn root(&self, mut node: usize) -> usize {
        while self.parents[node] != node {
            node = self.parents[node];
        }
        node
    }

    fn join(&mut self, one: Wire, other: Wire) {
        let (one, other) = (self.root(self.node(one)), self.root(self.node(other)));
        self.parents[other] = one;
        self.needs[one] = self.needs[one].max(self.needs[other]);
    }

    fn read(&mut self, terms: &[Term], need: Slots) {
        for pair in terms.windows(2) {
            self.join(pair[0].wire, pair[1].wire);
        }
        if let Some(first) = terms.first() {
            let root = self.root(self.node(first.wire));
            self.needs[root] = self.needs[root].max(need.0);
        }
    }

    fn of(&self, wire: Wire) -> Slots {
        Slots(self.needs[self.root(self.node(wire))].max(2) * self.finer)
    }

    /// M of the wires that a reader sums; a reader of nothing has its own.
    fn slots(&self, terms: &[Term], own: Slots) -> Slots {
        terms.first().map_or(own, |term| self.of(term.wire).max(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::ir::Output as GraphOutput;

    const P_FAIL: Log2Probability = Log2Probability(-40.0);

    fn term(wire: Wire, weight: i64) -> Term {
        Term { wire, weight }
    }

    fn table(accumulator: usize, table: usize) -> Wire {
        Wire::Table { accumulator, table }
    }

    fn steps(jumps: &[(i64, i64)]) -> Table {
        Table { base: 0, jumps: jumps.iter().map(|&(at, rise)| Jump { at, rise }).collect() }
    }

    fn layer(reads: &str) -> Layer {
        Layer { name: "relu".to_owned(), reads: reads.to_owned(), bound: Range::new(-1 << 20, 1 << 20) }
    }

    fn graph(accumulators: Vec<Accumulator>, outputs: Vec<Vec<Term>>) -> Graph {
        let range = Range::new(-3, 4);
        let outputs = outputs
            .into_iter()
            .map(|terms| GraphOutput { terms, range, tolerance: Tolerance::EXACT, constant: 0 })
            .collect();
        Graph {
            inputs: vec![Range::new(0, 3); 2],
            layers: ["fc0", "fc1"].map(layer).into(),
            accumulators,
            outputs,
        }
    }

    fn accumulator(layer: usize, terms: Vec<Term>, reach: i64, tables: Vec<Table>) -> Accumulator {
        Accumulator { layer, terms, range: Range::new(-reach, reach), tolerance: Tolerance::EXACT, tables }
    }

    fn demand(graph: &Graph) -> Demand {
        let Ok(demand) = Demand::of(graph, P_FAIL) else { unreachable!("the graph keeps its rules") };
        demand
    }

    #[test]
    fn readers_of_one_wire_share_slots_and_the_narrow_one_has_a_gain() {
        let input = |weight| vec![term(Wire::Input(0), weight)];
        let wide = accumulator(0, input(2), 29, vec![steps(&[(0, 1)])]);
        let narrow = accumulator(0, input(1), 3, vec![steps(&[(0, 1), (1, 1)])]);
        let outputs = vec![vec![term(table(0, 0), 1), term(table(1, 0), 1)]];
        let demand = demand(&graph(vec![wide, narrow], outputs));
        assert!(demand.direct);
        assert_eq!(demand.inputs, [Some(Slots(60)), None]);
        let rotations: Vec<_> = demand
            .rotations
            .iter()
            .map(|rotation| (rotation.slots, rotation.gain, &rotation.offsets[..]))
            .collect();
        assert_eq!(rotations, [(Slots(60), 1, &[0][..]), (Slots(60), 7, &[0, 7][..])]);
        assert!((demand.rotations[1].noise.fresh - 49.0).abs() < 1e-9);
        assert_eq!(demand.outputs[0].slots, Slots(8));
    }

    #[test]
    fn jumps_of_one_rotation_merge_before_they_are_squared() {
        let tables = vec![steps(&[(0, 1), (4, 2)]), steps(&[(0, -1)]), steps(&[(8, 5)])];
        let source = accumulator(0, vec![term(Wire::Input(0), 1)], 15, tables);
        let outputs = vec![vec![term(table(0, 0), 1), term(table(0, 1), 1)], vec![term(table(0, 2), 1)]];
        let demand = demand(&graph(vec![source], outputs));
        assert!((demand.outputs[0].noise.independent - 4.0).abs() < 1e-9);
        assert!((demand.outputs[1].noise.independent - 25.0).abs() < 1e-9);
        let lag = 4.0 / f64::from(demand.rotations[0].slots.0);
        let outputs = vec![vec![term(table(0, 0), 1), term(table(0, 2), 1)]];
        let tables = vec![steps(&[(0, 1)]), steps(&[(15, 1)]), steps(&[(4, 1)])];
        let source = accumulator(0, vec![term(Wire::Input(0), 1)], 15, tables);
        let near = Demand::of(&graph(vec![source], outputs), P_FAIL)
            .map(|demand| demand.outputs[0].noise.correlated);
        assert!(near.is_ok_and(|near| near > 2.0 && near < 4.0 - lag));
    }

    #[test]
    fn an_output_that_reads_an_input_needs_the_big_key() {
        let source = accumulator(0, vec![term(Wire::Input(0), 1)], 3, vec![steps(&[(0, 1)])]);
        let outputs = vec![vec![term(Wire::Input(1), 1), term(table(0, 0), 1)]];
        let demand = demand(&graph(vec![source], outputs));
        assert!(!demand.direct && demand.rotations[0].switches.sum);
    }

    #[test]
    fn a_wide_grid_takes_less_margin() {
        let source = accumulator(0, vec![term(Wire::Input(0), 1)], 50, vec![steps(&[(0, 1), (1, 1)])]);
        let demand = demand(&graph(vec![source], vec![vec![term(table(0, 0), 1)]]));
        let rotation = &demand.rotations[0];
        assert!(
            rotation.margin(8).0 < rotation.margin(13).0 && rotation.margin(13).0 < rotation.slots.half().0
        );
    }
}
