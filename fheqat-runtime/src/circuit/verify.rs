//! What every circuit keeps, checked after lowering and after every pass.

use fheqat_spec::Range;
use thiserror::Error;

use super::ir::{Graph, Table, Term, Tolerance, Wire};

/// A circuit that cannot be run: a defect of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {defect}{}", after.map(|pass| format!(", after pass `{pass}`")).unwrap_or_default())]
pub struct VerifyError {
    place: String,
    defect: Defect,
    after: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Defect {
    #[error("it reads {0:?}, which the circuit does not have before it")]
    Wire(Wire),
    #[error("its terms are not sorted by wire")]
    Order,
    #[error("a weight is zero")]
    Weight,
    #[error("a sum can be {0:?}, but its range says {1:?}")]
    Range(Range, Range),
    #[error("its sums span {0:?}, but the laws allow {1:?}")]
    Bound(Range, Range),
    #[error("no table reads it")]
    Unread,
    #[error("it may be off by {0}, which is no standard deviation")]
    Tolerance(String),
    #[error("the jumps of a table are not in order")]
    Jumps,
    #[error("it belongs to layer {0}, which the circuit does not have")]
    Layer(usize),
}

impl VerifyError {
    pub(super) fn after(mut self, pass: &'static str) -> Self {
        self.after = Some(pass);
        self
    }
}

/// Checks every law of the intermediate representation.
///
/// # Errors
/// Names the accumulator or output and the law it breaks.
pub fn verify(graph: &Graph) -> Result<(), VerifyError> {
    for (index, accumulator) in graph.accumulators.iter().enumerate() {
        let check = || {
            check_sum(graph, &accumulator.terms, index, accumulator.range)?;
            check_tolerance(accumulator.tolerance)?;
            let layer = graph.layers.get(accumulator.layer).ok_or(Defect::Layer(accumulator.layer))?;
            if accumulator.range.count() > layer.bound.count() {
                return Err(Defect::Bound(accumulator.range, layer.bound));
            }
            if accumulator.tables.is_empty() {
                return Err(Defect::Unread);
            }
            accumulator.tables.iter().try_for_each(check_table)
        };
        check().map_err(|defect| VerifyError {
            place: format!("accumulator {index}"),
            defect,
            after: None,
        })?;
    }
    for (index, output) in graph.outputs.iter().enumerate() {
        check_sum(graph, &output.terms, graph.accumulators.len(), output.range)
            .and_then(|()| check_tolerance(output.tolerance))
            .map_err(|defect| VerifyError { place: format!("output {index}"), defect, after: None })?;
    }
    Ok(())
}

fn check_tolerance(Tolerance(deviation): Tolerance) -> Result<(), Defect> {
    if deviation.is_finite() && deviation >= 0.0 {
        return Ok(());
    }
    Err(Defect::Tolerance(deviation.to_string()))
}

fn check_sum(graph: &Graph, terms: &[Term], before: usize, range: Range) -> Result<(), Defect> {
    for term in terms {
        let exists = match term.wire {
            Wire::Input(input) => input < graph.inputs.len(),
            Wire::Table { accumulator, table } => {
                accumulator < before && table < graph.accumulators[accumulator].tables.len()
            }
        };
        if !exists {
            return Err(Defect::Wire(term.wire));
        }
        if term.weight == 0 {
            return Err(Defect::Weight);
        }
    }
    if !terms.is_sorted_by(|a, b| a.wire < b.wire) {
        return Err(Defect::Order);
    }
    let exact = graph.range_of(terms);
    if !range.contains(exact) {
        return Err(Defect::Range(exact, range));
    }
    Ok(())
}

fn check_table(table: &Table) -> Result<(), Defect> {
    let ordered =
        table.jumps.is_sorted_by(|a, b| a.at < b.at) && table.jumps.iter().all(|jump| jump.rise != 0);
    if ordered { Ok(()) } else { Err(Defect::Jumps) }
}
