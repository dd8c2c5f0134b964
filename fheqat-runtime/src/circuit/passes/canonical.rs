//! One form for everything that is equal up to sign and scale.
//!
//! An accumulator's weights become coprime with the first one positive. A table's base becomes zero and its first jump
//! rises; its readers absorb the sign and the base. Equal things are then equal data.

use super::rebuild::{Affine, Rebuild};
use crate::{
    circuit::ir::{Accumulator, Graph, Jump, Table, Wire},
    quant::row::signed_divisor,
};
use fheqat_spec::Range;

pub(super) fn orient(old: &Graph) -> Graph {
    let mut new = Rebuild::of(old);
    for accumulator in &old.accumulators {
        let mut accumulator = coprime(new.carry(accumulator));
        let index = new.graph.accumulators.len();
        let replaced = accumulator
            .tables
            .iter_mut()
            .enumerate()
            .map(|(position, table)| {
                let constant = std::mem::take(&mut table.base);
                let weight = table.jumps.first().map_or(1, |jump| jump.rise.signum());
                for jump in &mut table.jumps {
                    jump.rise *= weight;
                }
                Affine { wire: Some(Wire::Table { accumulator: index, table: position }), weight, constant }
            })
            .collect();
        new.replace(replaced);
        new.graph.accumulators.push(accumulator);
    }
    new.finish(old)
}

/// The accumulator divided by the signed common divisor of its weights.
fn coprime(accumulator: Accumulator) -> Accumulator {
    let divisor = signed_divisor(accumulator.terms.iter().map(|term| term.weight));
    if divisor == 1 {
        return accumulator;
    }
    let Accumulator { layer, mut terms, range, tolerance, mut tables } = accumulator;
    for term in &mut terms {
        term.weight /= divisor;
    }
    for table in &mut tables {
        *table = table.divided(divisor);
    }
    let (lo, hi) = (range.lo / divisor, range.hi / divisor);
    let (range, tolerance) = (Range::new(lo.min(hi), lo.max(hi)), tolerance.per(divisor));
    Accumulator { layer, terms, range, tolerance, tables }
}

impl Table {
    /// The table of `x` where this one is the table of `divisor * x`.
    ///
    /// For `g > 0`, `g x >= t` is `x >= ceil(t / g)`. For `g < 0` it is `x <= floor(t / g)`: the jump starts high and
    /// falls at `floor(t / g) + 1`.
    pub(crate) fn divided(&self, divisor: i64) -> Self {
        let mut base = self.base;
        let mut jumps: Vec<Jump> = Vec::with_capacity(self.jumps.len());
        for &Jump { at, rise } in &self.jumps {
            let magnitude = divisor.abs();
            if divisor > 0 {
                jumps.push(Jump { at: -(-at).div_euclid(magnitude), rise });
            } else {
                base += rise;
                jumps.push(Jump { at: (-at).div_euclid(magnitude) + 1, rise: -rise });
            }
        }
        jumps.sort_by_key(|jump| jump.at);
        let mut merged: Vec<Jump> = Vec::with_capacity(jumps.len());
        for jump in jumps {
            match merged.last_mut() {
                Some(last) if last.at == jump.at => last.rise += jump.rise,
                _ => merged.push(jump),
            }
        }
        merged.retain(|jump| jump.rise != 0);
        Self { base, jumps: merged }
    }
}
