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
        let mut known = KnownSums::default();
        for index in 0..self.accumulators.len() {
            Maxima { graph: self, known: &mut known }.reads(index, 0);
        }
        known.range_of(self, terms)
    }

    /// The range when accumulators are independent of one another.
    fn independent(&self, terms: &[Term]) -> Range {
        let mut total = Range::new(0, 0);
        for group in
            terms.chunk_by(|a, b| a.wire.accumulator().is_some_and(|of| b.wire.accumulator() == Some(of)))
        {
            total = total.plus(match (group, group[0].wire) {
                (&[Term { wire, weight }], _) => self.range(wire).times(Range::new(weight, weight)),
                (_, Wire::Input(index)) => {
                    self.inputs[index].times(Range::new(group[0].weight, group[0].weight))
                }
                (_, Wire::Table { accumulator, .. }) => {
                    let accumulator = &self.accumulators[accumulator];
                    accumulator.merged(group).levels(accumulator.range)
                }
            });
        }
        total
    }
}

/// What is known of the sums of one circuit, to which accumulators and tables may only be added.
///
/// Every accumulator is looked at once, in time that grows with its terms; accumulators come in order.
#[derive(Default)]
pub(crate) struct KnownSums {
    reads: HashMap<usize, Rc<Reads>>,
    ranges: HashMap<Symbol, Range>,
    wires: HashMap<Symbol, Rc<Wires>>,
}

impl KnownSums {
    /// [`Graph::range_of`] of the graph that these are of.
    pub(crate) fn range_of(&mut self, graph: &Graph, terms: &[Term]) -> Range {
        let mut maxima = Maxima { graph, known: self };
        if !maxima.has_one_beside(terms, 0) {
            return graph.independent(terms);
        }
        let ranges = [Take::Maxima, Take::All, Take::Most].into_iter().filter_map(|take| {
            let sum = maxima.rewritten(terms, take, 0)?;
            Some(maxima.range_of(&sum))
        });
        ranges.fold(graph.independent(terms), |range, other| {
            Range::new(range.lo.max(other.lo), range.hi.min(other.hi))
        })
    }
}

/// What an accumulator reads, where that is at most two numbers, so that its tables may be maxima.
#[derive(Default)]
struct Reads {
    sum: Symbols,
    /// Of the [numbers] of the sum those that are not constant, by their places in it, as the wires that they are the sums of.
    parts: Vec<(usize, Rc<Wires>)>,
    /// How many maxima are in one another in it.
    height: usize,
}

/// How often a table is taken together with the number that stands beside it: there are sums for which either is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    /// As often as the table stands in the sum, with the number that makes a maximum of it where neither was negated.
    Maxima,
    /// As often as the table stands in the sum, though the number does not.
    All,
    /// As often as both stand there.
    Most,
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
        /// Which of the [numbers] that it reads `p` is.
        operand: usize,
    },
}

/// Sorted, with one weight a symbol.
type Symbols = Vec<(Symbol, i64)>;
type Wires = BTreeMap<Wire, i64>;

/// How many maxima may be in one another: what is beyond is taken as independent.
const HEIGHT: usize = 4096;

/// How many accumulators that nothing was asked about before may be looked at for one sum.
const DEPTH: usize = 64;

/// The most wires that a number may be the sum of.
const WIRES: usize = 64;

/// Finds tables of sums that stand beside a part of what they read.
struct Maxima<'g, 'b> {
    graph: &'g Graph,
    known: &'b mut KnownSums,
}

impl Maxima<'_, '_> {
    /// The sum with its maxima put together; `None` where there is none.
    ///
    /// The last table is the last maximum, so tables are taken from the last one on. Of the two numbers that a table reads the one
    /// is taken with it that leaves the narrower sum.
    fn rewritten(&mut self, terms: &[Term], take: Take, depth: usize) -> Option<Symbols> {
        let mut left: Wires = terms.iter().map(|term| (term.wire, term.weight)).collect();
        let mut sum = BTreeMap::new();
        let mut last = left.last_key_value().map(|(&wire, _)| wire);
        while let Some(wire) = last {
            let Wire::Table { accumulator, table } = wire else { break };
            if let Some((operand, times)) = self.beside(&left, wire, take, depth) {
                let part = self.part(accumulator, operand);
                for (wire, one) in part.iter().map(|(&wire, &one)| (wire, one)).chain([(wire, -1)]) {
                    let weight =
                        left.get(&wire).copied().unwrap_or(0).checked_add(times.checked_mul(one)?)?;
                    if weight == 0 {
                        left.remove(&wire);
                    } else {
                        left.insert(wire, weight);
                    }
                }
                sum.insert(Symbol::Beside { accumulator, table, operand }, times);
            }
            last = left.range(..wire).next_back().map(|(&wire, _)| wire);
        }
        if sum.is_empty() {
            return None;
        }
        sum.extend(left.into_iter().map(|(wire, weight)| (Symbol::Wire(wire), weight)));
        Some(sum.into_iter().collect())
    }

    /// Whether a table stands beside a part of what it reads; where none does, [`Maxima::rewritten`] finds no maximum, and takes far longer
    /// to.
    fn has_one_beside(&mut self, terms: &[Term], depth: usize) -> bool {
        if !terms.is_sorted_by(|a, b| a.wire < b.wire) {
            return true;
        }
        let stands_there = |wire: &Wire| terms.binary_search_by(|term| term.wire.cmp(wire)).is_ok();
        terms.iter().rev().any(|term| {
            let Wire::Table { accumulator, table } = term.wire else { return false };
            depth < DEPTH && self.rises(accumulator, table) && {
                let reads = self.reads(accumulator, depth + 1);
                reads.parts.iter().any(|(_, part)| part.keys().any(stands_there))
            }
        })
    }

    /// Which of the two numbers that a table reads stands beside it in a sum, and how often the two are taken together.
    fn beside(&mut self, sum: &Wires, wire: Wire, take: Take, depth: usize) -> Option<(usize, i64)> {
        let Wire::Table { accumulator, table } = wire else { return None };
        if depth >= DEPTH || !self.rises(accumulator, table) {
            return None;
        }
        let reads = self.reads(accumulator, depth + 1);
        let weight = *sum.get(&wire)?;
        let mut best: Option<(f64, usize, i64)> = None;
        for (operand, part) in &reads.parts {
            let operand = *operand;
            let times = match take {
                Take::Maxima if !self.is_maximum((accumulator, table), operand) => continue,
                Take::All | Take::Maxima if part.keys().any(|wire| sum.contains_key(wire)) => weight,
                Take::All | Take::Maxima => continue,
                Take::Most => {
                    let stands = |(wire, one): (&Wire, &i64)| {
                        -one * weight.signum() * sum.get(wire).copied().unwrap_or(0)
                    };
                    let most = part.iter().map(stands).min().unwrap_or(0).min(weight.abs());
                    if most <= 0 {
                        continue;
                    }
                    weight.signum() * most
                }
            };
            let mut total = width(self.range(accumulator, table, operand)) * (times as f64).abs();
            for (&wire, &one) in &**part {
                let before = sum.get(&wire).map_or(0.0, |&weight| weight as f64);
                let after = before + times as f64 * one as f64;
                total += (after.abs() - before.abs()) * width(self.graph.range(wire));
            }
            if best.is_none_or(|(least, ..)| total < least) {
                best = Some((total, operand, times));
            }
        }
        best.map(|(_, operand, times)| (operand, times))
    }

    /// Whether `max(p, q)` is the table plus this number, or this number less the table: of `p - q` a table that rises in front of the
    /// upper end of its domain, of `q - p` one that rises behind the lower end.
    fn is_maximum(&mut self, (accumulator, table): (usize, usize), operand: usize) -> bool {
        let of = &self.graph.accumulators[accumulator];
        let rises_to_the_end = of.tables[table].jumps.last().is_some_and(|jump| jump.at == of.range.hi);
        match numbers(&self.reads(accumulator, 0).sum).nth(operand) {
            Some(&[(_, sign)]) => sign == if rises_to_the_end { -1 } else { 1 },
            _ => false,
        }
    }

    fn is_constant(&mut self, number: &[(Symbol, i64)]) -> bool {
        let range = self.range_of(number);
        range.lo == range.hi
    }

    /// The wires that are one of the two numbers that an accumulator reads.
    fn part(&mut self, accumulator: usize, operand: usize) -> Rc<Wires> {
        let reads = self.reads(accumulator, 0);
        let part = reads.parts.iter().find(|(index, _)| *index == operand);
        part.map_or_else(Rc::default, |(_, part)| Rc::clone(part))
    }

    /// The wires that a number is the sum of; `None` where they are too many, or one stands there more than once.
    fn wires_of(&mut self, number: &[(Symbol, i64)]) -> Option<Rc<Wires>> {
        if number.len() > WIRES || number.iter().any(|(_, weight)| weight.abs() != 1) {
            return None;
        }
        let mut wires = Wires::new();
        for &(symbol, weight) in number {
            for (&wire, &one) in &*self.wires(symbol) {
                *wires.entry(wire).or_default() += weight * one;
            }
        }
        wires.retain(|_, weight| *weight != 0);
        let is_short = wires.len() <= WIRES && wires.values().all(|weight| weight.abs() == 1);
        is_short.then(|| Rc::new(wires))
    }

    /// The wires that a symbol is the sum of.
    fn wires(&mut self, symbol: Symbol) -> Rc<Wires> {
        let (accumulator, table, operand) = match symbol {
            Symbol::Wire(wire) => return Rc::new(Wires::from([(wire, 1)])),
            Symbol::Beside { accumulator, table, operand } => (accumulator, table, operand),
        };
        if let Some(known) = self.known.wires.get(&symbol) {
            return Rc::clone(known);
        }
        let part = self.part(accumulator, operand);
        let mut wires: Wires = part.iter().map(|(&wire, &one)| (wire, -one)).collect();
        wires.insert(Wire::Table { accumulator, table }, 1);
        let wires = Rc::new(wires);
        self.known.wires.insert(symbol, Rc::clone(&wires));
        wires
    }

    fn rises(&self, accumulator: usize, table: usize) -> bool {
        let of = &self.graph.accumulators[accumulator];
        rises_with_its_sum(&of.tables[table], of.range)
    }

    fn reads(&mut self, accumulator: usize, depth: usize) -> Rc<Reads> {
        if let Some(known) = self.known.reads.get(&accumulator) {
            return Rc::clone(known);
        }
        let terms = &self.graph.accumulators[accumulator].terms;
        let plain = terms.iter().map(|term| (Symbol::Wire(term.wire), term.weight)).collect();
        let of_maxima: &[Take] =
            if self.has_one_beside(terms, depth) { &[Take::All, Take::Maxima, Take::Most] } else { &[] };
        let sums = of_maxima.iter().map(|&take| self.rewritten(terms, take, depth));
        let sums: Vec<Symbols> = sums.flatten().chain([plain]).collect();
        let reads = sums.into_iter().find_map(|sum| self.at_most_two(sum));
        let reads = Rc::new(reads.unwrap_or_default());
        self.known.reads.insert(accumulator, Rc::clone(&reads));
        reads
    }

    /// A sum of at most two numbers that are not constant.
    fn at_most_two(&mut self, sum: Symbols) -> Option<Reads> {
        let mut parts = Vec::new();
        for (operand, number) in numbers(&sum).enumerate() {
            if !self.is_constant(number) {
                if parts.len() == 2 {
                    return None;
                }
                parts.push((operand, self.wires_of(number)?));
            }
        }
        let heights = sum.iter().map(|(symbol, _)| match symbol {
            Symbol::Wire(_) => 0,
            Symbol::Beside { accumulator, .. } => {
                self.known.reads.get(accumulator).map_or(0, |reads| reads.height + 1)
            }
        });
        let height = heights.max().unwrap_or(0);
        (height < HEIGHT).then_some(Reads { sum, parts, height })
    }

    fn range_of(&mut self, sum: &[(Symbol, i64)]) -> Range {
        let mut wires = Vec::new();
        let mut total = Range::new(0, 0);
        for &(symbol, weight) in sum {
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
        if let Some(&known) = self.known.ranges.get(&symbol) {
            return known;
        }
        let reads = self.reads(accumulator, 0);
        let (mut p, mut q) = (Range::new(0, 0), Range::new(0, 0));
        for (index, number) in numbers(&reads.sum).enumerate() {
            let of = if index == operand { &mut p } else { &mut q };
            *of = of.plus(self.range_of(number));
        }
        let minus_p = p.times(Range::new(-1, -1));
        let of = &self.graph.accumulators[accumulator];
        let range = table_plus(&of.tables[table], of.range, minus_p, q);
        self.known.ranges.insert(symbol, range);
        range
    }
}

/// The parts of a sum that are numbers of their own: wires of one accumulator are functions of it, and so is their sum.
fn numbers(sum: &[(Symbol, i64)]) -> impl Iterator<Item = &[(Symbol, i64)]> {
    sum.chunk_by(|(one, _), (other, _)| match (one, other) {
        (Symbol::Wire(one), Symbol::Wire(other)) => {
            one.accumulator().is_some() && one.accumulator() == other.accumulator()
        }
        _ => false,
    })
}

fn width(range: Range) -> f64 {
    range.hi as f64 - range.lo as f64
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
    use crate::{data::Feature, quant::Quantizer};

    /// The largest of some inputs of `range` by differences and rectifiers, taken in this order, and the graph.
    fn largest(inputs: usize, range: Range, order: &[(usize, usize)]) -> (Graph, Range) {
        let mut builder = Builder::new(&Feature::numbered(inputs));
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

    /// One after the other, as many as a window of 50 by 50 has in one another.
    #[test]
    fn the_largest_of_many_levels_is_a_level() {
        let order: Vec<(usize, usize)> =
            (1..100).map(|next| (if next == 1 { 0 } else { 98 + next }, next)).collect();
        let range = Range::new(-2, 1);
        assert_eq!(largest(100, range, &order).1, range);
    }

    /// Of weighted sums of maxima that share numbers, what sums of as many levels reach.
    #[test]
    fn sums_of_maxima_that_overlap_are_sums_of_levels() {
        let range = Range::new(0, 3);
        for weights in [[3, -2, 1], [1, 1, 1], [-1, 3, -3], [3, -3, 0], [2, -1, -1]] {
            let mut builder = Builder::new(&Feature::numbered(4));
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
            let mut builder = Builder::new(&Feature::numbered(3));
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
