//! What to change of a network that has no parameters.

use std::fmt::{self, Display, Formatter};

use crate::{
    circuit::{
        Circuit, DeclaredLayer,
        bounds::KnownSums,
        ir::{Accumulator, Graph, Jump, Output, Table, Term, Tolerance},
    },
    params::{
        cost::Prices,
        search::{self, Bounds, Infeasible, Location, Space},
        workload::Workload,
    },
    quant::tolerance::{deviation, output_deviation},
};

/// One option, changed as little as it may be. No field means the whole network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Rows with smaller sums of weights.
    MaxL1 {
        /// The layer with the weights.
        field: Option<String>,
        /// Its largest row.
        now: i64,
        /// The largest that suffices.
        most: i64,
    },
    /// Narrower weights.
    WeightBits {
        /// The layer with the weights.
        field: Option<String>,
        /// Their width.
        now: i64,
        /// The largest that suffices.
        most: i64,
    },
    /// Sums that may be off.
    Tolerance {
        /// The layer whose levels may be off.
        field: Option<String>,
        /// Steps that suffice, rounded up to hundredths.
        least: f64,
    },
}

impl Display for Change {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let place = |field: &Option<String>| match field {
            Some(field) => format!("`{field}`"),
            None => "the whole network".to_owned(),
        };
        match self {
            Self::MaxL1 { field, now, most } => {
                write!(formatter, "`max_l1 = {most}` on {} (its largest row sums to {now})", place(field))
            }
            Self::WeightBits { field, now, most } => {
                write!(formatter, "`weight_bits = {most}` on {} (instead of {now})", place(field))
            }
            Self::Tolerance { field, least } => {
                write!(formatter, "`tolerance = {least:.2}` on {}", place(field))
            }
        }
    }
}

/// Which sums of a circuit may change.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Layer(usize),
    Outputs,
    All,
}

/// The least changes that give `circuit` parameters: of the layer or output that `reason` names, or else of the whole network.
///
/// A changed network has to be trained again. These figures are of the present one with its weights and thresholds scaled
/// down, or with more noise allowed on its sums.
pub(super) fn changes(
    circuit: &Circuit,
    reason: &Infeasible,
    bounds: Bounds,
    space: &Space,
    prices: &Prices,
) -> Vec<Change> {
    let space = space.thinned();
    let feasible = |graph: &Graph| {
        Workload::of(graph, bounds.p_fail)
            .is_ok_and(|workload| search::exists(&workload, bounds, &space, prices))
    };
    let named = match reason {
        Infeasible::Noise { location, .. } | Infeasible::Tolerance { location, .. } => match location {
            Location::Layer { index, .. } => Some(Scope::Layer(*index)),
            Location::Output(_) => Some(Scope::Outputs),
        },
        Infeasible::Packing { .. } => Some(Scope::Outputs),
        Infeasible::ServerKey { .. } => None,
    };
    named
        .into_iter()
        .chain([Scope::All])
        .map(|scope| Advisor { circuit, scope }.changes(&feasible))
        .find(|changes| !changes.is_empty())
        .unwrap_or_default()
}

struct Advisor<'a> {
    circuit: &'a Circuit,
    scope: Scope,
}

impl Advisor<'_> {
    fn changes(&self, feasible: &impl Fn(&Graph) -> bool) -> Vec<Change> {
        let budget = self.weighted().and_then(|field| self.budget(field, feasible));
        let bits = budget.as_ref().and_then(|(field, most)| self.bits(field, *most));
        let budget = budget.map(|(field, most)| Change::MaxL1 {
            field: self.named(&field.name),
            now: field.row_sum.unwrap_or(most),
            most,
        });
        self.tolerance(feasible).into_iter().chain(budget).chain(bits).collect()
    }

    fn named(&self, field: &str) -> Option<String> {
        (self.scope != Scope::All).then(|| field.to_owned())
    }

    /// The layer with the weights that the sums are of; of all layers, the one with the largest rows.
    fn weighted(&self) -> Option<&DeclaredLayer> {
        let fields = &self.circuit.fields;
        let named = |name: &str| fields.iter().find(|field| field.name == name);
        let sums = match self.scope {
            Scope::All => return fields.iter().max_by_key(|field| field.row_sum),
            Scope::Outputs => fields.last()?,
            Scope::Layer(index) => named(&self.circuit.graph.layers.get(index)?.reads)?,
        };
        named(sums.weights_of.as_deref()?)
    }

    /// The largest `max_l1` that suffices.
    fn budget<'f>(
        &self,
        field: &'f DeclaredLayer,
        feasible: &impl Fn(&Graph) -> bool,
    ) -> Option<(&'f DeclaredLayer, i64)> {
        let now = field.row_sum.filter(|&sum| sum > 1)?;
        let suffices = |most: i64| feasible(&self.with_rows(most as f64 / now as f64));
        if !suffices(1) {
            return None;
        }
        let (mut low, mut high) = (1, now);
        while high - low > 1 {
            let middle = i64::midpoint(low, high);
            if suffices(middle) { low = middle } else { high = middle }
        }
        Some((field, low))
    }

    /// The most bits with which the largest row, its weights scaled to them, sums to at most `most`.
    fn bits(&self, field: &DeclaredLayer, most: i64) -> Option<Change> {
        let (now, rows) = (field.weight_bits?, field.row_sum?);
        let largest = |bits: i64| (1_i64 << (bits - 1)) - 1;
        let fits = |bits: &i64| rows * largest(*bits) <= most * largest(now);
        (2..now).rev().find(fits).map(|most| Change::WeightBits { field: self.named(&field.name), now, most })
    }

    fn tolerance(&self, feasible: &impl Fn(&Graph) -> bool) -> Option<Change> {
        const MOST: i64 = 100;
        let suffices = |hundredths: i64| {
            self.with_tolerance(hundredths as f64 / 100.0).is_some_and(|graph| feasible(&graph))
        };
        if !suffices(MOST) {
            return None;
        }
        let (mut low, mut high) = (0, MOST);
        while high - low > 1 {
            let middle = i64::midpoint(low, high);
            if suffices(middle) { high = middle } else { low = middle }
        }
        let field = match self.scope {
            Scope::Layer(index) => self.circuit.graph.layers.get(index).map(|layer| layer.name.clone()),
            Scope::Outputs => self.circuit.fields.last().map(|field| field.name.clone()),
            Scope::All => None,
        };
        Some(Change::Tolerance { field, least: high as f64 / 100.0 })
    }

    fn covers(&self, accumulator: &Accumulator) -> bool {
        self.scope == Scope::All || self.scope == Scope::Layer(accumulator.layer)
    }

    fn covers_outputs(&self) -> bool {
        matches!(self.scope, Scope::All | Scope::Outputs)
    }

    /// The graph with weights, thresholds and noise multiplied by `factor`.
    fn with_rows(&self, factor: f64) -> Graph {
        let mut graph = self.circuit.graph.clone();
        let mut known = KnownSums::default();
        for index in 0..graph.accumulators.len() {
            if self.covers(&graph.accumulators[index]) {
                let terms = scaled_terms(&graph.accumulators[index].terms, factor);
                let range = known.range_of(&graph, &terms);
                let Accumulator { layer, tolerance, tables, .. } = &graph.accumulators[index];
                let tables = tables.iter().map(|table| scaled_table(table, factor, range.lo, range.hi));
                graph.accumulators[index] = Accumulator {
                    layer: *layer,
                    tolerance: Tolerance(tolerance.0 * factor),
                    tables: tables.collect(),
                    terms,
                    range,
                };
            }
        }
        if self.covers_outputs() {
            for index in 0..graph.outputs.len() {
                let Output { terms, tolerance, constant, .. } = &graph.outputs[index];
                let terms = scaled_terms(terms, factor);
                let range = known.range_of(&graph, &terms);
                let tolerance = Tolerance(tolerance.0 * factor);
                graph.outputs[index] = Output { terms, range, tolerance, constant: *constant };
            }
        }
        graph
    }

    /// The graph with sums that may be off by `steps`; none where the tables of a sum do not tell what a step is.
    fn with_tolerance(&self, steps: f64) -> Option<Graph> {
        let mut graph = self.circuit.graph.clone();
        for accumulator in &mut graph.accumulators {
            if self.covers(accumulator) {
                let rise = accumulator.tables.iter().filter_map(steepest).reduce(f32::max)?;
                accumulator.tolerance = Tolerance(accumulator.tolerance.0.max(deviation(steps, rise)));
            }
        }
        if self.covers_outputs() {
            for output in &mut graph.outputs {
                let squares = output.terms.iter().map(|term| (term.weight as f64).powi(2)).sum();
                let deviation = output_deviation(steps, squares);
                output.tolerance = Tolerance(output.tolerance.0.max(deviation));
            }
        }
        Some(graph)
    }
}

fn scaled_terms(terms: &[Term], factor: f64) -> Vec<Term> {
    terms
        .iter()
        .map(|term| Term { wire: term.wire, weight: (term.weight as f64 * factor) as i64 })
        .filter(|term| term.weight != 0)
        .collect()
}

fn scaled_table(table: &Table, factor: f64, low: i64, high: i64) -> Table {
    let mut jumps: Vec<Jump> = Vec::with_capacity(table.jumps.len());
    for &Jump { at, rise } in &table.jumps {
        let at = ((at as f64 * factor).round() as i64).clamp(low + 1, high.max(low + 1));
        match jumps.last_mut() {
            Some(last) if last.at == at => last.rise += rise,
            _ => jumps.push(Jump { at, rise }),
        }
    }
    jumps.retain(|jump| jump.rise != 0);
    Table { base: table.base, jumps }
}

/// The steepest slope between two jumps, in levels per unit of the sum; none for a single jump.
fn steepest(table: &Table) -> Option<f32> {
    let pairs = table.jumps.windows(2);
    pairs.map(|pair| pair[1].rise.abs() as f32 / (pair[1].at - pair[0].at) as f32).reduce(f32::max)
}
