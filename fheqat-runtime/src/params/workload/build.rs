//! Reads a circuit: which wires are switched, how values lie on the torus, and what noise each sum has.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GraphError, KeySwitches, NoiseForm, NoiseLimit, Workload, WorkloadOutput, WorkloadRotation,
    groups::{Groups, LARGEST},
    masks::Masks,
};
use crate::{
    circuit::ir::{Accumulator, Graph, Jump, LayerBound, Table, Term, Tolerance, Wire},
    params::{
        Log2Probability, Slots, TorusDistance,
        constraint::{Deviations, deviations},
        cost::{BLOCK, CiphertextCounts, PACKED_PRODUCT},
    },
};

/// How values lie on the torus: of several ways the search takes the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Inputs are under the small key where they can be: no key switch, but more noise.
    pub(super) inputs_under_small_key: bool,
    /// Wires have so many times the slots that their widest reader needs, so that narrower readers find a gain that
    /// fits them closer.
    pub(super) slot_multiple: u32,
    /// Wires are switched, not the sums of them: fewer key switches where few wires have many readers, but the noise of each
    /// switch is multiplied by the wire's weight.
    pub(super) switch_wires: bool,
}

pub(super) struct WorkloadBuilder<'a> {
    graph: &'a Graph,
    deviations: Deviations,
    layout: Layout,
    live: Vec<Vec<bool>>,
    groups: Groups,
    masks: Masks,
}

impl<'a> WorkloadBuilder<'a> {
    pub(super) fn new(graph: &'a Graph, p_fail: Log2Probability, layout: Layout) -> Result<Self, GraphError> {
        let mut builder = Self {
            graph,
            deviations: Deviations(0.0),
            layout,
            live: graph
                .accumulators
                .iter()
                .map(|accumulator| vec![false; accumulator.tables.len()])
                .collect(),
            groups: Groups::new(graph, layout.slot_multiple),
            masks: Masks::default(),
        };
        for (index, output) in graph.outputs.iter().enumerate() {
            builder.mark(&format!("output {index}"), &output.terms, graph.accumulators.len())?;
        }
        for (index, accumulator) in graph.accumulators.iter().enumerate().rev() {
            let name = builder.name(index);
            builder.check(&name, &accumulator.terms, index)?;
            let jumps = |table: &'a Table| table.jumps.iter().flat_map(|jump| [jump.at, jump.rise]);
            let tables = accumulator.tables.iter().flat_map(|table| jumps(table).chain([table.base]));
            check_numbers(&name, tables.chain([accumulator.range.lo, accumulator.range.hi]))?;
            if !builder.live_tables(index).is_empty() {
                builder.mark(&name, &accumulator.terms, index)?;
            }
        }
        builder.deviations = deviations(p_fail.share(builder.events()));
        builder.masks = Masks::new(graph);
        Ok(builder)
    }

    fn events(&self) -> usize {
        let rotations =
            (0..self.graph.accumulators.len()).filter(|&index| !self.live_tables(index).is_empty()).count();
        rotations + self.graph.outputs.iter().filter(|output| self.has_ciphertext(&output.terms)).count()
    }

    pub(super) fn build(mut self) -> Result<Workload, GraphError> {
        self.group()?;
        let graph = self.graph;
        let inputs_under_small_key = self.inputs_under_small_key();
        let switched_wires = if inputs_under_small_key && self.layout.switch_wires {
            self.read_by_rotations()
        } else {
            BTreeSet::new()
        };
        let inputs = self.input_slots();
        let outputs = (0..graph.outputs.len())
            .filter(|&index| self.has_ciphertext(&graph.outputs[index].terms))
            .map(|index| self.output(index))
            .collect();
        Ok(Workload {
            layers: graph.layers.iter().map(|layer| layer.name.clone()).collect(),
            inputs_under_small_key,
            rotations: self.rotations(inputs_under_small_key, &switched_wires),
            outputs,
            io_operations: self.io_operations(inputs_under_small_key, &inputs),
            inputs,
        })
    }

    fn rotations(
        &self,
        inputs_under_small_key: bool,
        switched_wires: &BTreeSet<Wire>,
    ) -> Vec<WorkloadRotation> {
        let depths = self.depths();
        let mut rotations: Vec<WorkloadRotation> = (0..self.graph.accumulators.len())
            .filter(|&index| !self.live_tables(index).is_empty())
            .map(|index| {
                let depth = depths[index];
                let under_small_key = inputs_under_small_key && (self.layout.switch_wires || depth == 0);
                self.rotation(index, depth, under_small_key, switched_wires)
            })
            .collect();
        share_passes(&mut rotations);
        rotations
    }

    /// Rotations in front of each accumulator, one behind the other.
    fn depths(&self) -> Vec<usize> {
        let mut depths: Vec<usize> = Vec::with_capacity(self.graph.accumulators.len());
        for accumulator in &self.graph.accumulators {
            let sources = accumulator.terms.iter().filter_map(|term| match term.wire {
                Wire::Input(_) => None,
                Wire::Table { accumulator, .. } => Some(depths[accumulator] + 1),
            });
            depths.push(sources.max().unwrap_or(0));
        }
        depths
    }

    fn rotation(
        &self,
        index: usize,
        depth: usize,
        under_small_key: bool,
        switched_wires: &BTreeSet<Wire>,
    ) -> WorkloadRotation {
        let accumulator = &self.graph.accumulators[index];
        let tables = self.live_tables(index);
        let slots = self.slots(index);
        let gain = self.gain(index);
        let unit = gain as f64 / f64::from(slots.0);
        let jumps = self.merged(index, |_| 1);
        let switched = if under_small_key { self.squares(&accumulator.terms, gain) } else { 1.0 };
        let is_switched = |table| switched_wires.contains(&Wire::Table { accumulator: index, table });
        let key_switches = KeySwitches {
            sum: !under_small_key,
            wires: (0..tables.len()).filter(|&place| is_switched(tables[place])).collect(),
        };
        let (first, offsets) = offsets(jumps.keys().copied(), gain);
        WorkloadRotation {
            accumulator: index,
            layer: accumulator.layer,
            depth,
            key_pass_share: 1.0,
            slots,
            gain,
            limit: NoiseLimit::new(self.own_slots(index), self.tolerance(index), unit),
            tables,
            offsets,
            first,
            noise: NoiseForm { switched, ..self.noise(&accumulator.terms).scaled(gain) },
            key_switches,
            encoding: encoding_loss(&accumulator.terms, gain),
            operations: self.rotation_operations(index, under_small_key, jumps.len()),
        }
    }

    fn output(&self, index: usize) -> WorkloadOutput {
        let output = &self.graph.outputs[index];
        let slots = self.groups.slots(&output.terms, Slots(1));
        let values = Slots(output.range.count() as u32);
        let tolerance = self.effective(output.tolerance);
        let limit = NoiseLimit::new(values, tolerance, 1.0 / f64::from(slots.0));
        WorkloadOutput { output: index, slots, limit, noise: self.noise(&output.terms) }
    }

    /// Squared weights, times the gain, of the wires of other rotations.
    fn squares(&self, terms: &[Term], gain: i64) -> f64 {
        let tables =
            terms.iter().filter(|term| self.table(term.wire).is_some_and(|table| !table.jumps.is_empty()));
        tables.map(|term| (gain as f64 * term.weight as f64).powi(2)).sum()
    }

    /// Wires that a rotation sums.
    fn read_by_rotations(&self) -> BTreeSet<Wire> {
        let live = (0..self.graph.accumulators.len()).filter(|&index| !self.live_tables(index).is_empty());
        live.flat_map(|index| &self.graph.accumulators[index].terms).map(|term| term.wire).collect()
    }

    /// A single table is read off one extraction; several sum those of their jumps.
    fn rotation_operations(
        &self,
        accumulator: usize,
        under_small_key: bool,
        jumps: usize,
    ) -> CiphertextCounts {
        let tables = self.live_tables(accumulator);
        let Accumulator { terms, tables: all, .. } = &self.graph.accumulators[accumulator];
        let (sum, inputs, packed) = (self.ciphertexts(terms), inputs_of(terms), packed(terms));
        let (extractions, readings) = match tables.len() {
            1 => (1, 1),
            _ => (jumps, tables.iter().map(|&table| all[table].jumps.len()).sum()),
        };
        let (small_additions, big, packed) =
            if under_small_key { (sum, 0, CiphertextCounts::default()) } else { (0, sum - inputs, packed) };
        CiphertextCounts { small_additions, additions: big + readings, extractions, ..packed }
    }

    fn io_operations(&self, inputs_under_small_key: bool, inputs: &[Option<Slots>]) -> CiphertextCounts {
        let inputs = inputs.iter().flatten().count();
        let sums = || self.graph.outputs.iter().map(|output| &output.terms);
        let packed = sums().map(|terms| packed(terms));
        let packed = packed.fold(CiphertextCounts::default(), CiphertextCounts::plus);
        let additions = sums().map(|terms| self.ciphertexts(terms) - inputs_of(terms)).sum();
        let (small_inputs, inputs) = if inputs_under_small_key { (inputs, 0) } else { (0, inputs) };
        CiphertextCounts { inputs, small_inputs, additions, ..packed }
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
                let need = self.required_slots(self.own_slots(index), self.tolerance(index));
                if need.0 > LARGEST {
                    return Err(GraphError::TooWide { reader: self.name(index), range: accumulator.range });
                }
                self.groups.read(&accumulator.terms, need);
            }
        }
        for (index, output) in self.graph.outputs.iter().enumerate() {
            let values = output.range.hi.saturating_sub(output.range.lo).saturating_add(1);
            let need = u32::try_from(values)
                .map(|values| self.required_slots(Slots(values.max(2)), self.effective(output.tolerance)));
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
        self.effective(self.graph.accumulators[accumulator].tolerance)
    }

    /// Without a tolerance that is below what an exact sum may carry: exactness then takes fewer slots.
    fn effective(&self, tolerance: Tolerance) -> Tolerance {
        if 2.0 * self.deviations.0 * tolerance.0 > 1.0 { tolerance } else { Tolerance::EXACT }
    }

    fn required_slots(&self, own: Slots, tolerance: Tolerance) -> Slots {
        if tolerance.is_exact() {
            return own;
        }
        let need = f64::from(own.0) - 1.0 + 2.0 * self.deviations.0 * tolerance.0;
        Slots((need.ceil() as u32).max(own.0))
    }

    /// M of the wires that an accumulator reads.
    fn slots(&self, accumulator: usize) -> Slots {
        let need = self.required_slots(self.own_slots(accumulator), self.tolerance(accumulator));
        self.groups.slots(&self.graph.accumulators[accumulator].terms, need)
    }

    /// The integer that leaves an accumulator the largest standard deviation of noise.
    fn gain(&self, accumulator: usize) -> i64 {
        let own = self.own_slots(accumulator);
        let tolerance = self.tolerance(accumulator);
        let slots = self.slots(accumulator);
        let fits = slots.0 / self.required_slots(own, tolerance).0;
        if tolerance.is_exact() {
            return i64::from(fits);
        }
        let max_deviation = |gain: u32| {
            let limit = NoiseLimit::new(own, tolerance, f64::from(gain) / f64::from(slots.0));
            limit.max_deviation(0.0, 0.0, self.deviations)
        };
        i64::from(if max_deviation(fits + 1) > max_deviation(fits) { fits + 1 } else { fits })
    }

    fn inputs_under_small_key(&self) -> bool {
        if !self.layout.inputs_under_small_key {
            return false;
        }
        let input = |term: &Term| matches!(term.wire, Wire::Input(_));
        let pure =
            |terms: &[Term]| self.layout.switch_wires || terms.iter().all(input) || !terms.iter().any(input);
        let rotations = self
            .graph
            .accumulators
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.live_tables(*index).is_empty())
            .all(|(_, accumulator)| pure(&accumulator.terms));
        let rotate = (0..self.graph.accumulators.len()).any(|index| !self.live_tables(index).is_empty());
        rotate && rotations && !self.graph.outputs.iter().any(|output| output.terms.iter().any(input))
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

    /// Extractions of one rotation are correlated, and so may those of rotations of one mask be; others are not.
    ///
    /// Of m rotations of one mask nothing is assumed: whatever their correlations are, the variance of the sum of their parts is at most m
    /// times the sum of the parts' variances (Cauchy and Schwarz).
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
        let mut of_one_mask: BTreeMap<usize, (f64, f64, f64)> = BTreeMap::new();
        for (accumulator, weights) in sources {
            let (independent, correlated) = self.noise_of(accumulator, &weights);
            if independent > 0.0 {
                let sum = of_one_mask.entry(self.masks.of(accumulator)).or_default();
                *sum = (sum.0 + 1.0, sum.1 + independent, sum.2 + correlated);
            }
        }
        for (rotations, independent, correlated) in of_one_mask.into_values() {
            form.independent += rotations * independent;
            form.correlated += rotations * correlated;
        }
        form
    }

    /// Squares of what one rotation gives, its tables with these weights: as if extractions were independent, and correlated.
    fn noise_of(&self, accumulator: usize, weights: &BTreeMap<usize, i64>) -> (f64, f64) {
        let tables = self.live_tables(accumulator);
        if tables.len() == 1 {
            let square = weights.get(&tables[0]).map_or(0.0, |&weight| (weight as f64).powi(2));
            return (square, square);
        }
        let merged = self.merged(accumulator, |table| weights.get(&table).copied().unwrap_or(0));
        let turn = f64::from(self.slots(accumulator).0) / self.gain(accumulator) as f64;
        let (independent, correlated) = quadratic(&merged, turn);
        (independent, correlated.max(independent))
    }
}

fn inputs_of(terms: &[Term]) -> usize {
    terms.iter().filter(|term| matches!(term.wire, Wire::Input(_))).count()
}

/// How the inputs of a sum under the big key are added.
fn packed(terms: &[Term]) -> CiphertextCounts {
    match inputs_of(terms) {
        inputs if inputs < PACKED_PRODUCT => {
            CiphertextCounts { packed_additions: inputs, ..CiphertextCounts::default() }
        }
        inputs => CiphertextCounts { packed_sums: 1, packed_terms: inputs, ..CiphertextCounts::default() },
    }
}

fn share_passes(rotations: &mut [WorkloadRotation]) {
    let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
    for rotation in &*rotations {
        *depths.entry(rotation.depth).or_default() += 1;
    }
    for rotation in rotations {
        let count = depths.get(&rotation.depth).copied().unwrap_or(1);
        rotation.key_pass_share = count.div_ceil(BLOCK) as f64 / count as f64;
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
