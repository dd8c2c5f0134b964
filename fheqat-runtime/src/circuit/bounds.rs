//! What sums of wires take over all inputs.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use fheqat_spec::Range;

use super::ir::{Graph, Table, Term, Wire};

impl Graph {
    /// The range of a wire.
    ///
    /// # Panics
    /// When the circuit has no such wire.
    #[must_use]
    pub fn range(&self, wire: Wire) -> Range {
        match wire {
            Wire::Input(index) => self.inputs[index],
            Wire::Table { accumulator, table } => {
                let accumulator = &self.accumulators[accumulator];
                accumulator.tables[table].levels(accumulator.range)
            }
        }
    }

    /// Every value a sum of terms takes over all inputs lies in it.
    ///
    /// Terms that read the same accumulator move together: their tables are added to one function of it before its
    /// extremes are taken. Where `b + ReLU(a - b)` is a part of the sum, that part is `max(a, b)`. Other accumulators are taken
    /// as independent of one another.
    ///
    /// # Panics
    /// When a term names a wire the circuit does not have: a verified circuit has no such terms.
    #[must_use]
    pub fn range_of(&self, terms: &[Term]) -> Range {
        let range = self.independent(terms);
        let mut maxima = Maxima { graph: self, sums: HashMap::new(), ranges: HashMap::new() };
        match maxima.rewritten(terms, 0) {
            Some(sum) => {
                let rewritten = maxima.range_of(sum.iter());
                Range::new(range.lo.max(rewritten.lo), range.hi.min(rewritten.hi))
            }
            None => range,
        }
    }

    /// The range when accumulators are independent of one another.
    fn independent(&self, terms: &[Term]) -> Range {
        let mut total = Range::new(0, 0);
        for group in
            terms.chunk_by(|a, b| a.wire.accumulator().is_some_and(|of| b.wire.accumulator() == Some(of)))
        {
            total = total.plus(match group[0].wire {
                Wire::Input(index) => self.inputs[index].times(Range::new(group[0].weight, group[0].weight)),
                Wire::Table { accumulator, .. } => {
                    let accumulator = &self.accumulators[accumulator];
                    accumulator.merged(group).levels(accumulator.range)
                }
            });
        }
        total
    }
}

/// What a sum is of, once the maxima in it are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Symbol {
    Wire(Wire),
    /// `t(x) - p`, where the wire `t` is a table of the sum `x = p + q`.
    ///
    /// Where `t(x)` is `max(x, 0)` it is the larger of `q` and `-p`.
    Beside {
        accumulator: usize,
        table: usize,
        /// The wire or table that `p` is, up to its sign.
        operand: usize,
    },
}

type Symbols = BTreeMap<Symbol, i64>;

/// How many maxima may be in one another: what is beyond is taken as independent.
const DEPTH: usize = 96;

/// Finds tables of sums that stand beside a part of what they read.
struct Maxima<'g> {
    graph: &'g Graph,
    /// What accumulators read, and how many maxima are in one another in it.
    sums: HashMap<usize, (Rc<Symbols>, usize)>,
    ranges: HashMap<Symbol, Range>,
}

impl Maxima<'_> {
    /// The sum with every table that stands beside a part of what it reads put together with it; `None` where there is none.
    fn rewritten(&mut self, terms: &[Term], depth: usize) -> Option<Symbols> {
        let tables: Vec<(Wire, usize, usize, Rc<Symbols>)> = terms
            .iter()
            .filter_map(|term| match term.wire {
                Wire::Table { accumulator, table } if depth < DEPTH && self.rises(accumulator, table) => {
                    let (reads, height) = self.sum(accumulator, depth + 1);
                    (height < DEPTH).then_some((term.wire, accumulator, table, reads))
                }
                _ => None,
            })
            .collect();
        let mut sum: Symbols = terms.iter().map(|term| (Symbol::Wire(term.wire), term.weight)).collect();
        let mut is_rewritten = false;
        loop {
            let mut changes = false;
            for (wire, accumulator, table, reads) in &tables {
                let Some(&weight) = sum.get(&Symbol::Wire(*wire)) else { continue };
                let beside = reads.iter().enumerate().find_map(|(operand, (&symbol, &sign))| {
                    let against = sum.get(&symbol)?.signum() == -weight.signum() * sign;
                    (sign.abs() == 1 && against).then_some((operand, symbol, sign))
                });
                let Some((operand, symbol, sign)) = beside else { continue };
                sum.remove(&Symbol::Wire(*wire));
                *sum.entry(Symbol::Beside { accumulator: *accumulator, table: *table, operand })
                    .or_default() += weight;
                let left = sum.entry(symbol).or_default();
                *left = left.saturating_add(weight * sign);
                sum.retain(|_, weight| *weight != 0);
                changes = true;
            }
            is_rewritten |= changes;
            if !changes {
                return is_rewritten.then_some(sum);
            }
        }
    }

    fn rises(&self, accumulator: usize, table: usize) -> bool {
        let of = &self.graph.accumulators[accumulator];
        rises_with_its_sum(&of.tables[table], of.range)
    }

    /// What the accumulator reads.
    fn sum(&mut self, accumulator: usize, depth: usize) -> (Rc<Symbols>, usize) {
        if let Some(known) = self.sums.get(&accumulator) {
            return known.clone();
        }
        let terms = &self.graph.accumulators[accumulator].terms;
        let sum = self
            .rewritten(terms, depth)
            .unwrap_or_else(|| terms.iter().map(|term| (Symbol::Wire(term.wire), term.weight)).collect());
        let heights = sum.keys().map(|symbol| match symbol {
            Symbol::Wire(_) => 0,
            Symbol::Beside { accumulator, .. } => {
                self.sums.get(accumulator).map_or(0, |(_, height)| height + 1)
            }
        });
        let height = heights.max().unwrap_or(0);
        let known = (Rc::new(sum), height);
        self.sums.insert(accumulator, known.clone());
        known
    }

    fn range_of<'a>(&mut self, sum: impl Iterator<Item = (&'a Symbol, &'a i64)>) -> Range {
        let mut wires = Vec::new();
        let mut total = Range::new(0, 0);
        for (&symbol, &weight) in sum {
            match symbol {
                Symbol::Wire(wire) => wires.push(Term { wire, weight }),
                Symbol::Beside { accumulator, table, operand } => {
                    let range = self.range(accumulator, table, operand);
                    total = total.plus(range.times(Range::new(weight, weight)));
                }
            }
        }
        total.plus(self.graph.independent(&wires))
    }

    /// The range of `t(x) - p`.
    fn range(&mut self, accumulator: usize, table: usize, operand: usize) -> Range {
        let symbol = Symbol::Beside { accumulator, table, operand };
        if let Some(&known) = self.ranges.get(&symbol) {
            return known;
        }
        let (reads, _) = self.sum(accumulator, 0);
        let p = self.range_of(reads.iter().skip(operand).take(1));
        let q = reads.iter().enumerate().filter(|(index, _)| *index != operand);
        let q = self.range_of(q.map(|(_, term)| term));
        let minus_p = p.times(Range::new(-1, -1));
        let of = &self.graph.accumulators[accumulator];
        let range = table_plus(&of.tables[table], of.range, minus_p, q);
        self.ranges.insert(symbol, range);
        range
    }
}

/// Whether the jumps are by one at each integer from a place on to an end of the domain.
fn rises_with_its_sum(table: &Table, domain: Range) -> bool {
    let (Some(first), Some(last)) = (table.jumps.first(), table.jumps.last()) else { return false };
    let reaches_an_end = first.at == domain.lo + 1 || last.at == domain.hi;
    reaches_an_end
        && last.at - first.at + 1 == table.jumps.len() as i64
        && table.jumps.iter().all(|jump| jump.rise == 1)
}

/// The range of `table(x) + o` over the values `x` in `domain`, where `o` lies in `others` and `o + x` in `sums`.
///
/// Between two jumps the table is constant, and both ends of what `o` may be then rise or fall with `x`.
fn table_plus(table: &Table, domain: Range, others: Range, sums: Range) -> Range {
    let mut range: Option<Range> = None;
    let mut level = table.level(domain.lo);
    let mut start = domain.lo;
    let inner = table.jumps.iter().filter(|jump| domain.lo < jump.at && jump.at <= domain.hi);
    let ends = inner.map(|jump| (jump.at, jump.rise)).chain([(domain.hi + 1, 0)]);
    for (next, rise) in ends {
        let at = |x: i64| {
            let lo = others.lo.max(sums.lo.saturating_sub(x));
            let hi = others.hi.min(sums.hi.saturating_sub(x));
            (lo.saturating_add(level), hi.saturating_add(level))
        };
        let ((first_lo, first_hi), (last_lo, last_hi)) = (at(start), at(next - 1));
        let (lo, hi) = (first_lo.min(last_lo), first_hi.max(last_hi));
        if lo <= hi {
            let piece = Range::new(lo, hi);
            range = Some(range.map_or(piece, |range| range.cover(piece)));
        }
        level += rise;
        start = next;
    }
    range.unwrap_or_else(|| table.levels(domain).plus(others))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::circuit::{
        build::{Builder, merge},
        ir::{Accumulator, Jump, Tolerance},
    };
    use crate::quant::Quantizer;

    /// The largest of some inputs of `range` by differences and rectifiers, taken in this order, and the graph.
    fn largest(inputs: usize, range: Range, order: &[(usize, usize)]) -> (Graph, Range) {
        let mut builder = Builder::new(inputs);
        let mut values = builder.encode(&Quantizer { step: 1.0, levels: range }.into());
        let width = range.hi - range.lo;
        let layer = builder.layer("max", ("in", Range::new(-width, width)));
        for &(one, other) in order {
            let difference =
                merge(values[one].clone().into_iter().chain(values[other].iter().map(|term| term.times(-1))));
            let table = builder.table(layer, Tolerance::EXACT, difference, |x| x.max(0)).unwrap();
            values.push(merge(values[other].clone().into_iter().chain(table)));
        }
        let last = values.pop().unwrap();
        let (_, graph) = builder.finish(vec![last.clone()], (&[1.0], &[0.0]), &[0.0]);
        let range = graph.range_of(&last);
        (graph, range)
    }

    #[test]
    fn the_largest_of_levels_is_a_level() {
        let range = Range::new(-2, 5);
        // One after the other, and in pairs.
        for order in [&[(0, 1), (4, 2), (5, 3)][..], &[(0, 1), (2, 3), (4, 5)]] {
            let (graph, found) = largest(4, range, order);
            assert_eq!(found, range);
            for accumulator in &graph.accumulators {
                assert_eq!(accumulator.range, Range::new(-7, 7));
            }
        }
    }

    /// Of weighted sums of maxima that share numbers, what sums of as many levels reach.
    #[test]
    fn sums_of_maxima_that_overlap_are_sums_of_levels() {
        let range = Range::new(0, 3);
        for weights in [[3, -2, 1], [1, 1, 1], [-1, 3, -3], [3, -3, 0], [2, -1, -1]] {
            let mut builder = Builder::new(4);
            let values = builder.encode(&Quantizer { step: 1.0, levels: range }.into());
            let layer = builder.layer("max", ("in", Range::new(-3, 3)));
            let maxima: Vec<Vec<Term>> = [(0, 1), (2, 1), (3, 1)]
                .into_iter()
                .map(|(one, other)| {
                    let minus = values[other].iter().map(|term: &Term| term.times(-1));
                    let difference = merge(values[one].clone().into_iter().chain(minus));
                    let table = builder.table(layer, Tolerance::EXACT, difference, |x| x.max(0)).unwrap();
                    merge(values[other].clone().into_iter().chain(table))
                })
                .collect();
            let sum = merge(maxima.iter().zip(weights).flat_map(|(terms, weight)| {
                terms.iter().map(move |term| term.times(weight)).filter(|term| term.weight != 0)
            }));
            let of_levels = weights
                .iter()
                .fold(Range::new(0, 0), |sum, &weight| sum.plus(range.times(Range::new(weight, weight))));
            let (_, graph) = builder.finish(vec![sum.clone()], (&[1.0], &[0.0]), &[0.0]);
            assert!(of_levels.contains(graph.range_of(&sum)), "{weights:?} {:?}", graph.range_of(&sum));
        }
    }

    /// A row of maxima as long as an attacker likes, all in one sum.
    #[test]
    fn maxima_in_one_another_are_bounded() {
        let range = Range::new(0, 1);
        let count = 20_000;
        let input = |index| Term { wire: Wire::Input(index), weight: 1 };
        let wire = |accumulator| Term { wire: Wire::Table { accumulator, table: 0 }, weight: 1 };
        let sums = (0..count).map(|index| match index {
            0 => vec![input(0), input(1).times(-1)],
            _ => vec![input(index), input(index + 1).times(-1), wire(index - 1)],
        });
        let graph = Graph {
            inputs: vec![range; count + 1],
            layers: vec![],
            accumulators: sums
                .map(|terms| Accumulator {
                    layer: 0,
                    terms,
                    range: Range::new(-1, 1),
                    tolerance: Tolerance::EXACT,
                    tables: vec![Table { base: 0, jumps: vec![Jump { at: 1, rise: 1 }] }],
                })
                .collect(),
            outputs: vec![],
        };
        let all: Vec<Term> = (0..=count).map(input).chain((0..count).map(wire)).collect();
        let highest = graph.range_of(&all).hi;
        assert!(highest >= count as i64, "{highest}");
    }

    proptest! {
        /// The bound holds whatever the inputs are, and is never wider than that of independent accumulators.
        #[test]
        fn bounds_hold(
            weights in prop::collection::vec(-2i64..3, 6),
            jumps in prop::collection::btree_map(-6i64..7, prop_oneof![-2i64..0, 1i64..3], 0..5),
            outer in prop::collection::vec(-2i64..3, 3),
        ) {
            let input = Range::new(-1, 2);
            let mut builder = Builder::new(3);
            let mut values = builder.encode(&Quantizer { step: 1.0, levels: input }.into());
            let layer = builder.layer("any", ("in", Range::new(-1000, 1000)));
            for weights in weights.chunks(3) {
                let wires = values.iter().rev().zip(weights);
                let sum = merge(wires.flat_map(|(value, &weight)| {
                    value.iter().map(move |term| term.times(weight)).filter(|term| term.weight != 0)
                }));
                let level = |x: i64| jumps.iter().filter(|(at, _)| **at <= x).map(|(_, rise)| rise).sum::<i64>();
                let table = builder.table(layer, Tolerance::EXACT, sum, level).unwrap();
                values.push(table);
            }
            let last = merge(values.iter().rev().zip(&outer).flat_map(|(value, &weight)| {
                value.iter().map(move |term| term.times(weight)).filter(|term| term.weight != 0)
            }));
            let (_, graph) = builder.finish(vec![last.clone()], (&[1.0], &[0.0]), &[0.0]);
            let (found, independent) = (graph.range_of(&last), graph.independent(&last));
            prop_assert!(independent.contains(found));
            for sample in 0..64 {
                let inputs = [sample % 4 - 1, sample / 4 % 4 - 1, sample / 16 - 1];
                let value = graph.simulate(&inputs)[0];
                prop_assert!(found.contains(Range::new(value, value)), "{:?} {} {:?}", inputs, value, found);
            }
        }
    }
}
