//! The tables of layers: as declared, and as they run encrypted.

use fheqat_runtime::{
    circuit::Circuit,
    report::{CircuitReport, LayerReport, Promise, Report},
};

use crate::text;

/// A declared layer, a cell for each column.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) field: String,
    pub(crate) kind: String,
    pub(crate) shape: String,
    pub(crate) bits: String,
    pub(crate) bound: String,
    pub(crate) bound_bits: String,
    pub(crate) trained: String,
    pub(crate) trained_bits: String,
    pub(crate) work: String,
}

/// A layer that bootstraps.
#[derive(Debug)]
pub(crate) struct Encrypted {
    pub(crate) field: String,
    pub(crate) promise: String,
    pub(crate) slots: String,
    pub(crate) rotations: String,
    pub(crate) polynomials: String,
    pub(crate) products: String,
    pub(crate) p_fail: String,
    pub(crate) price: String,
    /// Its part of the whole price, in percent.
    pub(crate) share: String,
    /// The same as a number from 0 to 100.
    pub(crate) percent: String,
}

/// Both tables.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) declared: Vec<Declared>,
    pub(crate) encrypted: Vec<Encrypted>,
    /// What the client sees the weights of.
    pub(crate) seen_by_client: String,
}

impl Layers {
    pub(crate) fn of(circuit: Option<&Circuit>, report: Option<&Report>) -> Option<Self> {
        let layers = match (report, circuit) {
            (Some(report), _) => report.circuit.clone(),
            (None, Some(circuit)) => circuit.report(),
            (None, None) => return None,
        };
        let CircuitReport { layers, .. } = layers;
        let seen: Vec<&str> = layers
            .iter()
            .filter(|layer| layer.client_parameters > Some(0))
            .map(|layer| layer.field.as_str())
            .collect();
        Some(Self {
            seen_by_client: seen.join(", "),
            declared: layers.iter().map(declared).collect(),
            encrypted: report.map_or_else(Vec::new, encrypted),
        })
    }
}

fn declared(layer: &LayerReport) -> Declared {
    let shape: Vec<String> = layer.shape.iter().map(ToString::to_string).collect();
    let accumulator = layer.accumulator.as_ref();
    let bits = layer.weight_bits.or(layer.activation_bits);
    let trained = accumulator.map(|sums| sums.exact.map_or("constant".to_owned(), text::range));
    let work = layer.bootstraps.map(|work| format!("{} / {}", work.neurons, work.rotations));
    Declared {
        field: layer.field.clone(),
        kind: layer.kind.clone(),
        shape: shape.join(" \u{d7} "),
        bits: bits.map_or_else(String::new, |bits| bits.to_string()),
        bound: accumulator.map_or_else(String::new, |sums| text::range(sums.bound)),
        bound_bits: accumulator.map_or_else(String::new, |sums| sums.bound_bits.to_string()),
        trained: trained.unwrap_or_default(),
        trained_bits: accumulator.map_or_else(String::new, |sums| sums.exact_bits.to_string()),
        work: work.unwrap_or_default(),
    }
}

fn encrypted(report: &Report) -> Vec<Encrypted> {
    let whole: f64 = report.core_seconds.0;
    let of_layer = |price: f64| if whole > 0.0 { (price / whole).clamp(0.0, 1.0) } else { 0.0 };
    report
        .encrypted
        .iter()
        .map(|layer| Encrypted {
            field: layer.field.clone(),
            promise: promise(layer.promise),
            slots: text::count(layer.slots),
            rotations: text::length(layer.rotations),
            polynomials: 1_u64.checked_shl(layer.extension).map_or_else(String::new, text::count),
            products: format!("{:.2}", layer.products),
            p_fail: text::probability(layer.p_fail.0),
            price: text::seconds(layer.core_seconds.0),
            share: text::percent(of_layer(layer.core_seconds.0)),
            percent: format!("{:.1}", 100.0 * of_layer(layer.core_seconds.0)),
        })
        .collect()
}

/// What is promised of values, in a few words.
pub(crate) fn promise(promise: Promise) -> String {
    match promise {
        Promise::Exact => "exact".to_owned(),
        Promise::Within { steps, noise } => {
            format!("within {} steps ({} predicted)", text::number(steps), text::number(noise))
        }
    }
}
