//! A circuit and its parameters as a plan of sums and rotations.

use std::collections::BTreeMap;

use crate::{
    circuit::{
        Circuit,
        ir::{Graph, Term, Wire},
    },
    params::{
        Results, Slots,
        search::{OutputSolution, Solution},
        workload::{Workload, WorkloadRotation, position},
    },
    plan::{
        ClientPlan, Decoding, OutputSum, Plan, Rotation, ServerPlan, Source, Sum, Tap, encoding::half_steps,
    },
};

impl Plan {
    pub(crate) fn new(circuit: &Circuit, workload: &Workload, solution: &Solution, results: Results) -> Self {
        Builder::new(circuit, workload, solution).build(results)
    }
}

struct Builder<'a> {
    circuit: &'a Circuit,
    graph: &'a Graph,
    workload: &'a Workload,
    solution: &'a Solution,
    inputs: Vec<Option<usize>>,
    addresses: Vec<Option<RotationAddress<'a>>>,
    /// M of the first reader of each table: by accumulator, those of its tables that something reads.
    wire_slots: Vec<BTreeMap<usize, Slots>>,
}

#[derive(Clone, Copy)]
struct RotationAddress<'a> {
    stage: usize,
    rotation: usize,
    tables: &'a [usize],
}

impl<'a> Builder<'a> {
    fn new(circuit: &'a Circuit, workload: &'a Workload, solution: &'a Solution) -> Self {
        let mut sent = 0..;
        let inputs = workload.inputs.iter().map(|slots| slots.and_then(|_| sent.next())).collect();
        let mut addresses = vec![None; circuit.graph.accumulators.len()];
        let mut filled: Vec<usize> = Vec::new();
        for rotation in &workload.rotations {
            filled.resize(filled.len().max(rotation.depth + 1), 0);
            let address = RotationAddress {
                stage: rotation.depth,
                rotation: filled[rotation.depth],
                tables: &rotation.tables,
            };
            filled[rotation.depth] += 1;
            addresses[rotation.accumulator] = Some(address);
        }
        let graph = &circuit.graph;
        let wire_slots = wire_slots(graph, workload);
        Self { circuit, graph, workload, solution, inputs, addresses, wire_slots }
    }

    fn build(self, results: Results) -> Plan {
        let workload = self.workload;
        let depths = workload.rotations.iter().map(|rotation| rotation.depth + 1).max().unwrap_or(0);
        let mut stages = vec![Vec::new(); depths];
        for (index, rotation) in workload.rotations.iter().enumerate() {
            stages[rotation.depth].push(self.rotation(index));
        }
        let outputs = workload
            .outputs
            .iter()
            .zip(&self.solution.outputs)
            .map(|(output, &OutputSolution { bits, .. })| {
                let terms = &self.graph.outputs[output.output].terms;
                OutputSum { sum: self.sum(terms, 1, 0, output.slots), bits }
            })
            .collect();
        let parameters = self.solution.parameters;
        Plan {
            client: ClientPlan {
                parameters,
                codec: self.circuit.codec.clone(),
                inputs_under_small_key: workload.inputs_under_small_key,
                inputs: workload.inputs.clone(),
                outputs: self.decodings(),
                results,
            },
            server: ServerPlan {
                parameters,
                inputs_under_small_key: workload.inputs_under_small_key,
                inputs: self.inputs.iter().flatten().count(),
                stages,
                outputs,
                results,
            },
        }
    }

    fn decodings(&self) -> Vec<Decoding> {
        let sums: BTreeMap<usize, _> = self
            .workload
            .outputs
            .iter()
            .zip(&self.solution.outputs)
            .map(|(output, solution)| (output.output, (output, solution)))
            .collect();
        self.graph
            .outputs
            .iter()
            .enumerate()
            .map(|(index, output)| match sums.get(&index).copied() {
                Some((sum, &OutputSolution { bits, .. })) => {
                    let (slots, range, constant) = (sum.slots, output.range, output.constant);
                    Decoding::Sum { slots, range, constant, bits }
                }
                None => Decoding::Constant(output.constant + self.constant_terms(&output.terms)),
            })
            .collect()
    }

    /// The value of a sum of constant wires.
    fn constant_terms(&self, terms: &[Term]) -> i64 {
        terms
            .iter()
            .map(|term| match term.wire {
                Wire::Input(_) => 0,
                Wire::Table { accumulator, table } => {
                    term.weight * self.graph.accumulators[accumulator].tables[table].base
                }
            })
            .sum()
    }

    /// Wires are shifted so that a table's two plateaus are negatives: a level is its wire plus (base + last) / 2.
    ///
    /// Weights that cancel may be vast, and times the gain beyond an `i64`: on the torus only what they are modulo 2^64 counts.
    fn sum(&self, terms: &[Term], gain: i64, half_step_shift: i128, slots: Slots) -> Sum {
        let mut sources = Vec::with_capacity(terms.len());
        let mut constant = half_step_shift;
        for term in terms {
            let weight = term.weight.wrapping_mul(gain);
            match term.wire {
                Wire::Input(index) => {
                    sources.extend(self.inputs[index].map(|place| (Source::Input(place), weight)));
                }
                Wire::Table { accumulator, table } => {
                    let levels = &self.graph.accumulators[accumulator].tables[table];
                    let doubled = i128::from(levels.base + levels.last_level());
                    constant += i128::from(term.weight) * i128::from(gain) * doubled;
                    let source = self.addresses[accumulator].and_then(|address| {
                        let table = address.tables.iter().position(|&live| live == table)?;
                        Some(Source::Table { stage: address.stage, rotation: address.rotation, table })
                    });
                    sources.extend(source.map(|source| (source, weight)));
                }
            }
        }
        let turn = 2 * i128::from(slots.0);
        Sum { terms: sources, constant: half_steps(constant.rem_euclid(turn) as i64, slots) }
    }

    fn rotation(&self, index: usize) -> Rotation {
        let workload = &self.workload.rotations[index];
        let modulus_switch = self.solution.rotations[index].modulus_switch;
        let coarse = self.solution.parameters.coarse_grid();
        let log_grid = coarse + modulus_switch.extension;
        let accumulator = &self.graph.accumulators[workload.accumulator];
        // A jump at t is passed at t - 1/2: in half-steps, and with the gain, 2 t - 1.
        let sum = self.sum(
            &accumulator.terms,
            workload.gain,
            -i128::from(workload.gain) * i128::from(2 * workload.first - 1),
            workload.slots,
        );
        let grid = JumpGrid { workload, coarse, extension: modulus_switch.extension };
        let (stairs, origin, taps) = if workload.shared() {
            let tables: Vec<_> = workload.tables.iter().map(|&table| &accumulator.tables[table]).collect();
            let jumps = tables
                .iter()
                .enumerate()
                .flat_map(|(reader, table)| table.jumps.iter().map(move |jump| (jump.at, reader, jump.rise)));
            grid.signs(jumps)
        } else {
            let table = &accumulator.tables[workload.tables[0]];
            grid.staircase(table.jumps.iter().map(|jump| (jump.at, jump.rise)))
        };
        Rotation {
            layer: workload.layer,
            sum,
            key_switches: workload.key_switches.clone(),
            modulus_switch,
            log_grid,
            stairs,
            origin,
            slots: self.wire_slots[workload.accumulator]
                .get(&workload.tables[0])
                .copied()
                .unwrap_or(Slots(2)),
            taps,
            tables: workload.tables.len(),
        }
    }
}

/// By accumulator and table, M of what reads it: all that do have one.
fn wire_slots(graph: &Graph, workload: &Workload) -> Vec<BTreeMap<usize, Slots>> {
    let rotations = workload
        .rotations
        .iter()
        .map(|rotation| (&graph.accumulators[rotation.accumulator].terms, rotation.slots));
    let outputs = workload.outputs.iter().map(|output| (&graph.outputs[output.output].terms, output.slots));
    let mut slots_of = vec![BTreeMap::new(); graph.accumulators.len()];
    for (terms, slots) in rotations.chain(outputs) {
        for term in terms {
            if let Wire::Table { accumulator, table } = term.wire {
                slots_of[accumulator].entry(table).or_insert(slots);
            }
        }
    }
    slots_of
}

struct JumpGrid<'a> {
    workload: &'a WorkloadRotation,
    coarse: u32,
    extension: u32,
}

impl JumpGrid<'_> {
    fn position(&self, at: i64, log_grid: u32) -> u32 {
        let offset = self.workload.gain * (at - self.workload.first);
        position(offset, self.workload.slots, log_grid) as u32
    }

    /// One table is the test polynomial itself.
    fn staircase(&self, jumps: impl Iterator<Item = (i64, i64)>) -> (Vec<(u32, i64)>, u32, Vec<Tap>) {
        let fine = self.coarse + self.extension;
        let stairs = jumps.map(|(at, rise)| (self.position(at, fine), rise)).collect();
        (stairs, 0, vec![Tap { coefficient: 0, readers: vec![(0, 1)] }])
    }

    /// A polynomial of ones, rotated by the phase less the last jump: its coefficient at the distance between a jump
    /// and the last is the sign of the phase less the jump. On the coarse grid all of them are in component 0.
    fn signs(&self, jumps: impl Iterator<Item = (i64, usize, i64)>) -> (Vec<(u32, i64)>, u32, Vec<Tap>) {
        let mut jumps: Vec<_> =
            jumps.map(|(at, reader, rise)| (self.position(at, self.coarse), reader, rise)).collect();
        jumps.sort_by_key(|&(position, ..)| std::cmp::Reverse(position));
        let last = jumps.first().map_or(0, |jump| jump.0);
        let mut taps: Vec<Tap> = Vec::new();
        for (position, reader, rise) in jumps {
            let coefficient = (last - position) as usize;
            match taps.last_mut() {
                Some(tap) if tap.coefficient == coefficient => tap.readers.push((reader, rise)),
                _ => taps.push(Tap { coefficient, readers: vec![(reader, rise)] }),
            }
        }
        (vec![(0, 1)], last << self.extension, taps)
    }
}
