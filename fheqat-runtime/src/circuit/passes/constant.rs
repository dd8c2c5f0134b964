//! A table without jumps is a constant: its readers absorb it and it costs nothing.

use super::rebuild::{Affine, Rebuild};
use crate::circuit::ir::{Graph, Wire};

pub(super) fn fold(old: &Graph) -> Graph {
    let mut new = Rebuild::of(old);
    for accumulator in &old.accumulators {
        let mut accumulator = new.carry(accumulator);
        let index = new.graph.accumulators.len();
        let mut kept = 0;
        let replaced = accumulator
            .tables
            .iter()
            .map(|table| {
                if table.jumps.is_empty() {
                    return Affine::constant(table.base);
                }
                kept += 1;
                Affine::wire(Wire::Table { accumulator: index, table: kept - 1 })
            })
            .collect();
        new.replace(replaced);
        accumulator.tables.retain(|table| !table.jumps.is_empty());
        if !accumulator.tables.is_empty() {
            new.graph.accumulators.push(accumulator);
        }
    }
    new.finish(old)
}
