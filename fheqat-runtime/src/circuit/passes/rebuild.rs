//! Building a circuit from another one, wire by wire.

use crate::circuit::{
    bounds::KnownSums,
    build::merge,
    ir::{Accumulator, Graph, Output, Table, Term, Wire},
};

/// What an old wire is in the new circuit: `weight * wire + constant`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) wire: Option<Wire>,
    pub(super) weight: i64,
    pub(super) constant: i64,
}

impl Affine {
    pub(super) const fn wire(wire: Wire) -> Self {
        Self { wire: Some(wire), weight: 1, constant: 0 }
    }

    pub(super) const fn constant(constant: i64) -> Self {
        Self { wire: None, weight: 0, constant }
    }
}

/// A circuit under construction, and what each wire of the old one has become.
pub(super) struct Rebuild {
    pub(super) graph: Graph,
    replaced: Vec<Vec<Affine>>,
    known: KnownSums,
}

impl Rebuild {
    pub(super) fn of(old: &Graph) -> Self {
        let graph = Graph {
            inputs: old.inputs.clone(),
            layers: old.layers.clone(),
            accumulators: Vec::with_capacity(old.accumulators.len()),
            outputs: Vec::with_capacity(old.outputs.len()),
        };
        Self { graph, replaced: Vec::with_capacity(old.accumulators.len()), known: KnownSums::default() }
    }

    /// The old terms in new wires, and the constant that came out of them.
    pub(super) fn sum(&self, terms: &[Term]) -> (Vec<Term>, i64) {
        let mut constant = 0;
        let carried = terms.iter().filter_map(|term| {
            let new = match term.wire {
                Wire::Input(_) => Affine::wire(term.wire),
                Wire::Table { accumulator, table } => self.replaced[accumulator][table],
            };
            constant += term.weight * new.constant;
            Some(Term { wire: new.wire?, weight: term.weight * new.weight })
        });
        (merge(carried), constant)
    }

    /// The old accumulator with its terms in new wires: the constant that came out moves its jumps.
    pub(super) fn carry(&mut self, old: &Accumulator) -> Accumulator {
        let (terms, constant) = self.sum(&old.terms);
        let range = self.known.range_of(&self.graph, &terms);
        let tables = old.tables.iter().map(|table| table.shifted(-constant)).collect();
        Accumulator { layer: old.layer, terms, range, tolerance: old.tolerance, tables }
    }

    /// Says what the tables of the next old accumulator have become.
    pub(super) fn replace(&mut self, tables: Vec<Affine>) {
        self.replaced.push(tables);
    }

    /// Adds an accumulator whose tables stand for those of the next old one, in order.
    pub(super) fn keep(&mut self, accumulator: Accumulator) {
        let index = self.graph.accumulators.len();
        self.replace(
            (0..accumulator.tables.len())
                .map(|table| Affine::wire(Wire::Table { accumulator: index, table }))
                .collect(),
        );
        self.graph.accumulators.push(accumulator);
    }

    /// Carries the outputs over.
    pub(super) fn finish(mut self, old: &Graph) -> Graph {
        for output in &old.outputs {
            let (terms, constant) = self.sum(&output.terms);
            let range = self.known.range_of(&self.graph, &terms);
            self.graph.outputs.push(Output {
                terms,
                range,
                tolerance: output.tolerance,
                constant: output.constant + constant,
            });
        }
        self.graph
    }
}

impl Table {
    /// The table that reads `value + by` where this one reads `value`.
    pub(super) fn shifted(&self, by: i64) -> Self {
        let mut table = self.clone();
        for jump in &mut table.jumps {
            jump.at += by;
        }
        table
    }
}
