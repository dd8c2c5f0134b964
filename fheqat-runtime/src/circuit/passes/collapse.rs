//! What depends on one accumulator alone is a function of it: another table of its rotation.
//!
//! Such a table jumps only where one of those that it replaces does, so the accumulator needs no more slots.

use super::rebuild::{Affine, Rebuild};
use crate::circuit::ir::{Graph, Jump, Table, Term, Wire};

pub(super) fn compose(old: &Graph) -> Graph {
    let mut new = Rebuild::of(old);
    for accumulator in &old.accumulators {
        let accumulator = new.carry(accumulator);
        let Some(index) = source(&accumulator.terms) else {
            new.keep(accumulator);
            continue;
        };
        let source = &mut new.graph.accumulators[index];
        let sum = source.merged(&accumulator.terms);
        let first = source.tables.len();
        source.tables.extend(accumulator.tables.iter().map(|table| composed(table, &sum)));
        let wire = |table| Affine::wire(Wire::Table { accumulator: index, table });
        let replaced = (first..source.tables.len()).map(wire).collect();
        new.replace(replaced);
    }
    new.finish(old)
}

/// The accumulator that all terms read.
fn source(terms: &[Term]) -> Option<usize> {
    let source = terms.first()?.wire.accumulator()?;
    terms.iter().all(|term| term.wire.accumulator() == Some(source)).then_some(source)
}

/// `table` of what `sum` gives.
fn composed(table: &Table, sum: &Table) -> Table {
    let base = table.level(sum.base);
    let (mut value, mut level) = (sum.base, base);
    let mut jumps = Vec::new();
    for jump in &sum.jumps {
        value += jump.rise;
        let next = table.level(value);
        if next != level {
            jumps.push(Jump { at: jump.at, rise: next - level });
            level = next;
        }
    }
    Table { base, jumps }
}
