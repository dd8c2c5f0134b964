//! Reads a circuit: which wires are switched, how values lie on the torus, and what noise each sum has.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Demand, GraphError, Moves, NoiseForm, Output, Promise, Rotation, Switches,
    groups::{Groups, LARGEST},
};
use crate::{
    circuit::ir::{Accumulator, Graph, Jump, LayerBound, Table, Term, Tolerance, Wire},
    params::{
        Log2Probability, Slots, TorusDistance,
        constraint::{Deviations, deviations},
        cost::BLOCK,
    },
};

/// How values lie on the torus: of several ways the search takes the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Inputs are under the small key where they can be: no key switch, but more noise.
    pub(super) direct: bool,
    /// Wires have so many times the slots that their widest reader needs, so that narrower readers find a gain that
    /// fits them closer.
    pub(super) finer: u32,
    /// Wires are switched, not the sums of them: fewer key switches where few wires have many readers, and noise of each
    /// times its weight.
    pub(super) wires: bool,
}

pub(super) struct Reader<'a> {
    graph: &'a Graph,
    deviations: Deviations,
    layout: Layout,
    live: Vec<Vec<bool>>,
    groups: Groups,
}

impl<'a> Reader<'a> {
    pub(super) fn new(graph: &'a Graph, p_fail: Log2Probability, layout: Layout) -> Result<Self, GraphError> {
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

    pub(super) fn read(mut self) -> Result<Demand, GraphError> {
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
            Some(LayerBound { name, .. }) => format!("`{name}`, accumulator {accumulator}"),
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
