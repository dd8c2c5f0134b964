//! What no output depends on is removed.

use super::rebuild::{Affine, Rebuild};
use crate::circuit::ir::{Graph, Term, Wire};

pub(super) fn remove(old: &Graph) -> Graph {
    let live = live_tables(old);
    let mut new = Rebuild::of(old);
    for (accumulator, live) in old.accumulators.iter().zip(&live) {
        let mut accumulator = new.carry(accumulator);
        let index = new.graph.accumulators.len();
        let mut kept = 0;
        let replaced = live
            .iter()
            .map(|&live| {
                if !live {
                    return Affine::constant(0);
                }
                kept += 1;
                Affine::wire(Wire::Table { accumulator: index, table: kept - 1 })
            })
            .collect();
        new.replace(replaced);
        let mut live = live.iter();
        accumulator.tables.retain(|_| live.next().copied().unwrap_or(true));
        if !accumulator.tables.is_empty() {
            new.graph.accumulators.push(accumulator);
        }
    }
    new.finish(old)
}

fn live_tables(graph: &Graph) -> Vec<Vec<bool>> {
    let mut live: Vec<Vec<bool>> =
        graph.accumulators.iter().map(|accumulator| vec![false; accumulator.tables.len()]).collect();
    let mark = |terms: &[Term], live: &mut Vec<Vec<bool>>| {
        for term in terms {
            if let Wire::Table { accumulator, table } = term.wire {
                live[accumulator][table] = true;
            }
        }
    };
    for output in &graph.outputs {
        mark(&output.terms, &mut live);
    }
    for (index, accumulator) in graph.accumulators.iter().enumerate().rev() {
        if live[index].contains(&true) {
            mark(&accumulator.terms, &mut live);
        }
    }
    live
}
