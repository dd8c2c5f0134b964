//! What every circuit keeps, checked after lowering, after every pass, and on everything that comes from outside.
//!
//! Sizes are checked before anything is computed with them: what keeps [`LARGEST`] can be simulated, rewritten and compiled
//! without an overflow.

use std::fmt;

use fheqat_spec::Range;
use thiserror::Error;

use super::bounds::KnownSums;
use super::ir::{Accumulator, Graph, LayerBound, Output, Table, Term, Tolerance, Wire};

/// No number of a circuit is further from zero, and no sum is whatever its wires are: `2^48`. Lawful networks stay far
/// inside, and a few such numbers can be added, or one doubled, in an `i64`.
pub const LARGEST: i64 = 1 << 48;

/// A circuit that cannot be run: a defect of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{part}: {defect}{}", after.map(|pass| format!(", after pass `{pass}`")).unwrap_or_default())]
pub struct VerifyError {
    part: Part,
    defect: Defect,
    after: Option<&'static str>,
}

/// What of a circuit a defect is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Input(usize),
    Layer(usize),
    Accumulator(usize),
    Output(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Defect {
    #[error("it reads {0}, which the circuit does not have before it")]
    Wire(Wire),
    #[error("its terms are not sorted by wire")]
    Order,
    #[error("a weight is zero")]
    Weight,
    #[error("a sum can be {}, but its range says {}", span(*.0), span(*.1))]
    Range(Range, Range),
    #[error("its sums span {}, but the laws allow {}", span(*.0), span(*.1))]
    Bound(Range, Range),
    #[error("no table reads it")]
    Unread,
    #[error("it may be off by {0}, which is no standard deviation")]
    Tolerance(String),
    #[error("the jumps of a table are not in order")]
    Jumps,
    #[error("it belongs to layer {0}, which the circuit does not have")]
    Layer(usize),
    #[error("its range runs from {} down to {}", .0.lo, .0.hi)]
    Reversed(Range),
    #[error("{0} {1}, but numbers of a circuit are at most {LARGEST} from zero")]
    Size(&'static str, i128),
}

fn span(range: Range) -> String {
    format!("{}..={}", range.lo, range.hi)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(index) => write!(f, "input {index}"),
            Self::Layer(index) => write!(f, "layer {index}"),
            Self::Accumulator(index) => write!(f, "accumulator {index}"),
            Self::Output(index) => write!(f, "output {index}"),
        }
    }
}

impl VerifyError {
    pub(super) fn after(mut self, pass: &'static str) -> Self {
        self.after = Some(pass);
        self
    }

    /// Whether a sum may leave what its layer allows.
    pub(super) const fn is_of_a_bound(&self) -> bool {
        matches!(self.defect, Defect::Bound(..))
    }

    pub(super) const fn part(&self) -> Part {
        self.part
    }
}

/// Checks every law of the intermediate representation.
///
/// # Errors
/// Names the input, layer, accumulator or output and the law it breaks.
pub fn verify(graph: &Graph) -> Result<(), VerifyError> {
    let at = |part| move |defect| VerifyError { part, defect, after: None };
    for (index, &range) in graph.inputs.iter().enumerate() {
        check_range(range).map_err(at(Part::Input(index)))?;
    }
    for (index, layer) in graph.layers.iter().enumerate() {
        check_range(layer.bound).map_err(at(Part::Layer(index)))?;
    }
    let mut before =
        Verified { graph, reach: Vec::with_capacity(graph.accumulators.len()), known: KnownSums::default() };
    for (index, accumulator) in graph.accumulators.iter().enumerate() {
        let reach = before.accumulator(accumulator).map_err(at(Part::Accumulator(index)))?;
        before.reach.push(reach);
    }
    for (index, output) in graph.outputs.iter().enumerate() {
        before.output(output).map_err(at(Part::Output(index)))?;
    }
    Ok(())
}

/// The part of a circuit that keeps the laws: all inputs and layers, and the first accumulators.
struct Verified<'g> {
    graph: &'g Graph,
    /// How far from zero each table of these accumulators gets at any integer.
    reach: Vec<Vec<u64>>,
    known: KnownSums,
}

impl Verified<'_> {
    /// The reach of its tables.
    fn accumulator(&mut self, accumulator: &Accumulator) -> Result<Vec<u64>, Defect> {
        self.sum(&accumulator.terms, accumulator.range)?;
        check_tolerance(accumulator.tolerance)?;
        let LayerBound { bound, .. } =
            self.graph.layers.get(accumulator.layer).ok_or(Defect::Layer(accumulator.layer))?;
        if accumulator.range.count() > bound.count() {
            return Err(Defect::Bound(accumulator.range, *bound));
        }
        if accumulator.tables.is_empty() {
            return Err(Defect::Unread);
        }
        accumulator.tables.iter().map(check_table).collect()
    }

    fn output(&mut self, output: &Output) -> Result<(), Defect> {
        self.sum(&output.terms, output.range)?;
        check_size("its constant is", output.constant)?;
        check_tolerance(output.tolerance)
    }

    fn sum(&mut self, terms: &[Term], range: Range) -> Result<(), Defect> {
        check_range(range)?;
        let mut largest = 0_u128;
        for term in terms {
            let reach = self.reach(term.wire).ok_or(Defect::Wire(term.wire))?;
            if term.weight == 0 {
                return Err(Defect::Weight);
            }
            check_size("a weight is", term.weight)?;
            largest = largest.saturating_add(u128::from(term.weight.unsigned_abs()) * u128::from(reach));
        }
        if largest > LARGEST.unsigned_abs().into() {
            return Err(Defect::Size(
                "its terms may add up to",
                i128::try_from(largest).unwrap_or(i128::MAX),
            ));
        }
        if !terms.is_sorted_by(|a, b| a.wire < b.wire) {
            return Err(Defect::Order);
        }
        let exact = self.known.range_of(self.graph, terms);
        if !range.contains(exact) {
            return Err(Defect::Range(exact, range));
        }
        Ok(())
    }

    fn reach(&self, wire: Wire) -> Option<u64> {
        match wire {
            Wire::Input(input) => {
                let range = self.graph.inputs.get(input)?;
                Some(range.lo.unsigned_abs().max(range.hi.unsigned_abs()))
            }
            Wire::Table { accumulator, table } => self.reach.get(accumulator)?.get(table).copied(),
        }
    }
}

fn check_size(what: &'static str, number: i64) -> Result<(), Defect> {
    if number.unsigned_abs() <= LARGEST.unsigned_abs() {
        return Ok(());
    }
    Err(Defect::Size(what, number.into()))
}

fn check_range(range: Range) -> Result<(), Defect> {
    check_size("its range ends at", range.lo)?;
    check_size("its range ends at", range.hi)?;
    if range.lo <= range.hi { Ok(()) } else { Err(Defect::Reversed(range)) }
}

fn check_tolerance(Tolerance(deviation): Tolerance) -> Result<(), Defect> {
    if deviation.is_finite() && deviation >= 0.0 {
        return Ok(());
    }
    Err(Defect::Tolerance(deviation.to_string()))
}

/// How far from zero its levels get at any integer.
fn check_table(table: &Table) -> Result<u64, Defect> {
    let mut level = table.base;
    check_size("a table starts at", level)?;
    let mut reach = level.unsigned_abs();
    for jump in &table.jumps {
        check_size("a table jumps at", jump.at)?;
        let next = i128::from(level) + i128::from(jump.rise);
        level = i64::try_from(next).map_err(|_| Defect::Size("a table gives", next))?;
        check_size("a table gives", level)?;
        reach = reach.max(level.unsigned_abs());
    }
    let ordered =
        table.jumps.is_sorted_by(|a, b| a.at < b.at) && table.jumps.iter().all(|jump| jump.rise != 0);
    if ordered { Ok(reach) } else { Err(Defect::Jumps) }
}
