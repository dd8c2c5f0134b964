//! Equal accumulators become one, and equal tables on it become one: neurons on the same direction share a rotation.

use std::collections::HashMap;

use super::rebuild::{Affine, Rebuild};
use crate::circuit::ir::{Graph, Term, Wire};

pub(super) fn merge(old: &Graph) -> Graph {
    let mut new = Rebuild::of(old);
    let mut seen = HashMap::<Vec<Term>, usize>::new();
    for accumulator in &old.accumulators {
        let mut accumulator = new.carry(accumulator);
        let (tables, tolerance) = (std::mem::take(&mut accumulator.tables), accumulator.tolerance);
        let index = *seen.entry(accumulator.terms.clone()).or_insert_with(|| {
            new.graph.accumulators.push(accumulator);
            new.graph.accumulators.len() - 1
        });
        let shared = &mut new.graph.accumulators[index];
        shared.tolerance = shared.tolerance.stricter(tolerance);
        let shared = &mut shared.tables;
        let replaced = tables
            .into_iter()
            .map(|table| {
                let position = shared.iter().position(|other| *other == table).unwrap_or_else(|| {
                    shared.push(table);
                    shared.len() - 1
                });
                Affine::wire(Wire::Table { accumulator: index, table: position })
            })
            .collect();
        new.replace(replaced);
    }
    new.finish(old)
}
