//! What sums of wires take over all inputs.

use std::collections::{BTreeMap, HashMap};

use fheqat_spec::Range;

use super::ir::{Graph, Table, Term, Wire};

/// Sums that are looked at, at most, for the bound of one.
const MOST: usize = 1 << 10;

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
    /// extremes are taken. Where a table and a part of what it reads are added, as in `max(a, b) = b + ReLU(a - b)`, the sum is
    /// bounded for each value of what the table reads. Other accumulators are taken as independent of one another.
    ///
    /// # Panics
    /// When a term names a wire the circuit does not have, or a sum is beyond an `i64`: a verified circuit has no such terms.
    #[must_use]
    pub fn range_of(&self, terms: &[Term]) -> Range {
        self.bound(terms, &mut HashMap::new())
    }

    fn bound(&self, terms: &[Term], known: &mut HashMap<Vec<Term>, Range>) -> Range {
        let range = self.independent(terms);
        let Some((group, sign, others, substituted)) = self.related(terms) else { return range };
        if let Some(&known) = known.get(terms) {
            return known;
        }
        if known.len() >= MOST {
            return range;
        }
        known.insert(terms.to_vec(), range);
        let (others, substituted) = (self.bound(&others, known), self.bound(&substituted, known));
        let accumulator = &self.accumulators[group];
        let of_group = |term: &&Term| term.wire.accumulator() == Some(group);
        let table = accumulator.merged(&terms.iter().filter(of_group).copied().collect::<Vec<_>>());
        let related = given_each_value(&table, accumulator.range, sign, others, substituted);
        let range = Range::new(range.lo.max(related.lo), range.hi.min(related.hi));
        known.insert(terms.to_vec(), range);
        range
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

    /// The last accumulator `A` whose tables are summed with a part of what it sums, so that `others + A` or `others - A`, of
    /// the terms beside those tables, has no more terms than the sum: `A`, the sign, the other terms and that sum.
    fn related(&self, terms: &[Term]) -> Option<(usize, i64, Vec<Term>, Vec<Term>)> {
        let weight = |wire: Wire| {
            let at = terms.binary_search_by(|term| term.wire.cmp(&wire)).ok()?;
            Some(terms[at].weight)
        };
        let mut groups: Vec<usize> = terms.iter().filter_map(|term| term.wire.accumulator()).collect();
        groups.dedup();
        groups.into_iter().rev().find_map(|group| {
            let sum = &self.accumulators[group].terms;
            if sum.len() > 2 * terms.len() {
                return None;
            }
            let sign = sum.iter().find_map(|term| {
                let here = weight(term.wire)?;
                (here.checked_abs() == term.weight.checked_abs())
                    .then(|| -here.signum() * term.weight.signum())
            })?;
            let is_other = |term: &&Term| term.wire.accumulator() != Some(group);
            let others: Vec<Term> = terms.iter().filter(is_other).copied().collect();
            let substituted = added(&others, sum, sign);
            (substituted.len() <= terms.len()).then_some((group, sign, others, substituted))
        })
    }
}

/// `terms + sign * more`.
fn added(terms: &[Term], more: &[Term], sign: i64) -> Vec<Term> {
    let mut weights: BTreeMap<Wire, i64> = terms.iter().map(|term| (term.wire, term.weight)).collect();
    for term in more {
        *weights.entry(term.wire).or_default() += sign * term.weight;
    }
    let weights = weights.into_iter().filter(|(_, weight)| *weight != 0);
    weights.map(|(wire, weight)| Term { wire, weight }).collect()
}

/// The range of `table(x) + o` over the values `x` in `domain`, where `o` lies in `others` and `o + sign * x` in `substituted`.
///
/// Between two jumps the table is constant, and both ends of what `o` may be then rise or fall with `x`.
fn given_each_value(table: &Table, domain: Range, sign: i64, others: Range, substituted: Range) -> Range {
    let mut range: Option<Range> = None;
    let mut level = table.level(domain.lo);
    let mut start = domain.lo;
    let inner = table.jumps.iter().filter(|jump| domain.lo < jump.at && jump.at <= domain.hi);
    let ends = inner.map(|jump| (jump.at, jump.rise)).chain([(domain.hi + 1, 0)]);
    for (next, rise) in ends {
        let at = |x: i64| {
            let lo = others.lo.max(substituted.lo - sign * x);
            let hi = others.hi.min(substituted.hi - sign * x);
            (level + lo, level + hi)
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
    range.unwrap_or_else(|| Range::new(others.lo + table.level(domain.lo), others.hi + table.last_level()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::circuit::{
        build::{Builder, merge},
        ir::Tolerance,
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
