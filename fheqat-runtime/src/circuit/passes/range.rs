//! Exact ranges, and tables without the jumps that no input reaches.

use super::rebuild::Rebuild;
use crate::circuit::ir::{Graph, Table};
use fheqat_spec::Range;

pub(super) fn tighten(old: &Graph) -> Graph {
    let mut new = Rebuild::of(old);
    for accumulator in &old.accumulators {
        let mut accumulator = new.carry(accumulator);
        for table in &mut accumulator.tables {
            *table = within(table, accumulator.range);
        }
        new.keep(accumulator);
    }
    new.finish(old)
}

/// The same function on `domain`, with no jump outside it.
fn within(table: &Table, domain: Range) -> Table {
    Table {
        base: table.level(domain.lo),
        jumps: table
            .jumps
            .iter()
            .copied()
            .filter(|jump| domain.lo < jump.at && jump.at <= domain.hi)
            .collect(),
    }
}
