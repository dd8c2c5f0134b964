//! Which sums have one mask.
//!
//! Rotations of one mask have nearly all of their noise in common, whatever their tables are: each step multiplies by the same
//! power of the same key bit. The passes leave one sum of those that are equal up to sign and scale; a circuit that they were not
//! run on, or where one was left out, may have several.

use std::collections::{BTreeMap, HashMap};

use crate::{
    circuit::ir::{Graph, Jump, Term, Wire},
    quant::row::signed_divisor,
};

/// A ciphertext by its mask: an input, or a table of a sum, up to sign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Source {
    Input(usize),
    Table(usize),
}

/// By accumulator, a number that those share whose sums are equal up to sign and scale.
#[derive(Default)]
pub(super) struct Masks(Vec<usize>);

impl Masks {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut found = Found::default();
        for (index, accumulator) in graph.accumulators.iter().enumerate() {
            let (sum, divisor) = found.sum(&accumulator.terms);
            // A constant sum is in no ciphertext.
            let mask = if sum.is_empty() { index } else { *found.sums.entry(sum).or_insert(index) };
            found.of.push(mask);
            let tables = accumulator.tables.iter().map(|table| {
                let mut jumps = table.divided(divisor).jumps;
                let sign = jumps.first()?.rise.signum();
                for jump in &mut jumps {
                    jump.rise *= sign;
                }
                let next = found.tables.len();
                Some((*found.tables.entry((mask, jumps)).or_insert(next), sign))
            });
            let tables = tables.collect();
            found.wires.push(tables);
        }
        Self(found.of)
    }

    /// The sum's number.
    pub(super) fn of(&self, accumulator: usize) -> usize {
        self.0[accumulator]
    }
}

#[derive(Default)]
struct Found {
    of: Vec<usize>,
    sums: HashMap<Vec<(Source, i64)>, usize>,
    tables: HashMap<(usize, Vec<Jump>), usize>,
    /// What each table of the accumulators so far is, and its sign; none where it is constant.
    wires: Vec<Vec<Option<(usize, i64)>>>,
}

impl Found {
    /// A sum divided by its signed divisor, without what is constant.
    fn sum(&self, terms: &[Term]) -> (Vec<(Source, i64)>, i64) {
        let mut weights = BTreeMap::<Source, i64>::new();
        for term in terms {
            let (source, sign) = match term.wire {
                Wire::Input(input) => (Source::Input(input), 1),
                Wire::Table { accumulator, table } => match self.wires[accumulator][table] {
                    Some((known, sign)) => (Source::Table(known), sign),
                    None => continue,
                },
            };
            let weight = weights.entry(source).or_default();
            *weight = weight.saturating_add(term.weight.saturating_mul(sign));
        }
        weights.retain(|_, weight| *weight != 0);
        let divisor = signed_divisor(weights.values().copied());
        (weights.into_iter().map(|(source, weight)| (source, weight / divisor)).collect(), divisor)
    }
}
