//! What a circuit asks of the parameters: slots, margins and quadratic forms of noise, no keys.

use std::collections::BTreeMap;

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Slots, TorusDistance};
use crate::circuit::ir::{Accumulator, Graph, Jump, Layer, Table, Term, Wire};

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

/// Noise as a function of what the parameters give: `fresh * encryption + ((1 - c) * independent + c * correlated) *
/// extraction`, where c is the correlation of extractions of one rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseForm {
    /// Squared weights of fresh inputs.
    pub fresh: f64,
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

/// One blind rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// Index in [`Graph::accumulators`].
    pub accumulator: usize,
    /// Index in [`Graph::layers`].
    pub layer: usize,
    /// Rotations with a smaller depth come first.
    pub depth: usize,
    /// M of the wires it reads.
    pub slots: Slots,
    /// The weights are multiplied by it: an accumulator that needs fewer slots than its wires have spends the rest on
    /// noise.
    pub gain: i64,
    /// Live tables, by index in the accumulator.
    pub tables: Vec<usize>,
    /// Jumps of the live tables by rising position, relative to the first, in slots.
    pub offsets: Vec<i64>,
    /// Where the first jump is, as an accumulator value.
    pub first: i64,
    /// Noise before the key switch.
    pub noise: NoiseForm,
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
    /// Its noise.
    pub noise: NoiseForm,
}

/// Everything the search needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Names of layers.
    pub layers: Vec<String>,
    /// Inputs are encrypted under the small key: every reader of an input is a rotation that reads inputs only.
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

impl Rotation {
    /// Several tables read one rotation through one extraction a jump; a single table is the test polynomial itself.
    #[must_use]
    pub fn shared(&self) -> bool {
        self.tables.len() > 1
    }

    /// The distance a value may move: half a slot times the gain, less what rounding its jumps to a grid of
    /// `2^log_grid` points takes.
    #[must_use]
    pub fn margin(&self, log_grid: u32) -> TorusDistance {
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
        let rounding = worst as f64 / slots as f64 / f64::from(log_grid).exp2();
        TorusDistance(self.gain as f64 * self.slots.half().0 - rounding - self.encoding.0)
    }

    /// Whether it needs a key switch.
    #[must_use]
    pub fn key_switched(&self, direct: bool) -> bool {
        !(direct && self.depth == 0)
    }
}

/// Where a jump lies on a grid of `2^log_grid` points, behind the first jump.
#[must_use]
pub fn position(offset: i64, slots: Slots, log_grid: u32) -> i128 {
    let slots = i128::from(slots.0);
    ((i128::from(offset) << (log_grid + 1)) + slots).div_euclid(2 * slots)
}

impl Demand {
    /// Reads a graph.
    ///
    /// # Errors
    /// When a term names a wire that does not come before it, or a range has more values than a torus has steps.
    pub fn of(graph: &Graph) -> Result<Self, GraphError> {
        Reader::new(graph)?.read()
    }

    /// Everything that can go wrong in one inference.
    #[must_use]
    pub fn events(&self) -> usize {
        self.rotations.len() + self.outputs.len()
    }

    /// Everything that is done with whole ciphertexts.
    #[must_use]
    pub fn moves(&self) -> Moves {
        self.rotations.iter().fold(self.ends, |moves, rotation| moves.plus(rotation.moves))
    }
}

struct Reader<'a> {
    graph: &'a Graph,
    live: Vec<Vec<bool>>,
    groups: Groups,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a Graph) -> Result<Self, GraphError> {
        let mut reader = Self {
            graph,
            live: graph
                .accumulators
                .iter()
                .map(|accumulator| vec![false; accumulator.tables.len()])
                .collect(),
            groups: Groups::new(graph),
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
        Ok(reader)
    }

    fn read(mut self) -> Result<Demand, GraphError> {
        self.group()?;
        let graph = self.graph;
        let direct = self.direct();
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
            let own = self.own_slots(index);
            let slots = self.groups.slots(&accumulator.terms, own);
            let gain = i64::from(slots.0 / own.0);
            let jumps = self.merged(index, |_| 1);
            let moves = self.rotation_moves(index, direct && depth == 0, jumps.len());
            let (first, offsets) = offsets(jumps.keys().copied(), gain);
            rotations.push(Rotation {
                accumulator: index,
                layer: accumulator.layer,
                depth,
                slots,
                gain,
                tables,
                offsets,
                first,
                noise: self.noise(&accumulator.terms).scaled(gain),
                encoding: encoding_loss(&accumulator.terms, gain),
                moves,
            });
        }
        let outputs = (0..graph.outputs.len())
            .filter(|&index| self.has_ciphertext(&graph.outputs[index].terms))
            .map(|index| {
                let output = &graph.outputs[index];
                let slots = self.groups.slots(&output.terms, Slots(1));
                Output { output: index, slots, noise: self.noise(&output.terms) }
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
                if self.own_slots(index).0 > LARGEST {
                    return Err(GraphError::TooWide { reader: self.name(index), range: accumulator.range });
                }
                self.groups.read(&accumulator.terms, self.own_slots(index));
            }
        }
        for (index, output) in self.graph.outputs.iter().enumerate() {
            let values = output.range.hi.saturating_sub(output.range.lo).saturating_add(1);
            match u32::try_from(values) {
                Ok(slots @ 1..=LARGEST) => self.groups.read(&output.terms, Slots(slots.max(2))),
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

    fn direct(&self) -> bool {
        let input = |term: &Term| matches!(term.wire, Wire::Input(_));
        let pure = |terms: &[Term]| terms.iter().all(input) || !terms.iter().any(input);
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
                let own = self.own_slots(accumulator);
                let slots = self.groups.slots(&self.graph.accumulators[accumulator].terms, own);
                let gain = f64::from(slots.0 / own.0);
                let turn = f64::from(slots.0) / gain;
                let (independent, correlated) = quadratic(&merged, turn);
                form.independent += independent;
                form.correlated += correlated.max(independent);
            }
        }
        form
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
}

impl Groups {
    fn new(graph: &Graph) -> Self {
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
        Self { tables, parents: (0..next).collect(), needs: vec![0; next] }
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
        Slots(self.needs[self.root(self.node(wire))].max(2))
    }

    /// M of the wires that a reader sums; a reader of nothing has its own.
    fn slots(&self, terms: &[Term], own: Slots) -> Slots {
        terms.first().map_or(own, |term| self.of(term.wire).max(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::ir::{Output as GraphOutput, Tolerance};

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
        let Ok(demand) = Demand::of(graph) else { unreachable!("the graph keeps its rules") };
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
        let near = Demand::of(&graph(vec![source], outputs)).map(|demand| demand.outputs[0].noise.correlated);
        assert!(near.is_ok_and(|near| near > 2.0 && near < 4.0 - lag));
    }

    #[test]
    fn an_output_that_reads_an_input_needs_the_big_key() {
        let source = accumulator(0, vec![term(Wire::Input(0), 1)], 3, vec![steps(&[(0, 1)])]);
        let outputs = vec![vec![term(Wire::Input(1), 1), term(table(0, 0), 1)]];
        let demand = demand(&graph(vec![source], outputs));
        assert!(!demand.direct && demand.rotations[0].key_switched(demand.direct));
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
