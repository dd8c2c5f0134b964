//! What a network costs and promises, for people and as JSON. No other stage depends on it.

#[cfg(feature = "fhe")]
mod encrypted;
mod metrics;

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

use crate::{
    circuit::{Circuit, Codec, Graph},
    quant::{Code, Transform},
    train::Trial,
};

#[cfg(feature = "fhe")]
pub use encrypted::{EncryptedLayerReport, KeyParameters, Promise, Report};

/// A circuit layer by layer, without cryptography.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircuitReport {
    /// The network's name.
    pub network: String,
    /// The declared layers.
    pub layers: Vec<LayerReport>,
}

/// A declared layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// The field's name.
    pub field: String,
    /// Its type without numbers.
    pub kind: String,
    /// Shape of one sample's output.
    pub shape: Vec<i64>,
    /// How many numbers that training has given it the client sees, where the client runs it in float.
    pub client_parameters: Option<usize>,
    /// What the client encrypts of it, where it encodes the network's input.
    pub encoding: Option<EncodingReport>,
    /// Width of an integer weight, where it has weights.
    pub weight_bits: Option<i64>,
    /// Width of a level, where it gives levels.
    pub activation_bits: Option<i64>,
    /// Its accumulators, where it has some.
    pub accumulator: Option<AccumulatorReport>,
    /// What is left of it to bootstrap, where it is a quantizer behind the input's.
    pub bootstraps: Option<BootstrapReport>,
}

/// How the client encodes features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingReport {
    /// Features of a sample.
    pub features: usize,
    /// Numbers that it makes levels of: the features, or what the layers that it runs make of them.
    pub numbers: usize,
    /// Whether it runs layers.
    pub has_layers: bool,
    /// Levels that the client encrypts, and sends.
    pub levels: usize,
    /// Width of each.
    pub bits: u32,
    /// What is done to features first.
    pub transform: TransformKind,
    /// How they become levels.
    pub code: CodeKind,
}

/// What is done to features before they become levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformKind {
    /// Nothing.
    AsIs,
    /// Each is a deviation from its mean.
    Standardized,
    /// They are principal components of deviation 1.
    Whitened,
}

/// How features become levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeKind {
    /// Rounded.
    Rounded,
    /// Compared with thresholds, or a bit a category.
    Thermometer,
}

/// The accumulators of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccumulatorReport {
    /// The worst case by the laws, over all weights and inputs.
    pub bound: Range,
    /// Its width, as Concrete counts it.
    pub bound_bits: u32,
    /// What the trained weights can reach over all inputs; nothing when every accumulator is constant.
    pub exact: Option<Range>,
    /// Its width, as Concrete counts it.
    pub exact_bits: u32,
}

/// The tables of a quantizer after optimisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapReport {
    /// Neurons that are neither constant, unread nor duplicates.
    pub neurons: usize,
    /// Blind rotations that serve them: one for each distinct accumulator.
    pub rotations: usize,
    /// Slots of the widest accumulator.
    pub slots: u32,
}

impl Circuit {
    /// The circuit layer by layer.
    #[must_use]
    pub fn report(&self) -> CircuitReport {
        let layers = self
            .fields
            .iter()
            .map(|field| LayerReport {
                field: field.name.clone(),
                kind: field.kind.clone(),
                shape: field.shape.clone(),
                client_parameters: field.client_parameters,
                encoding: field.encoder.and_then(|encoder| self.codec.encoding(encoder)),
                weight_bits: field.weight_bits,
                activation_bits: field.level_bits,
                accumulator: field
                    .range
                    .filter(|_| field.level_bits.is_none())
                    .map(|bound| AccumulatorReport::new(bound, self.graph.exact(&field.name))),
                bootstraps: self.graph.bootstraps(&field.name),
            })
            .collect();
        CircuitReport { network: self.name.clone(), layers }
    }

    /// Bits of the widest accumulator or output that is left, as Concrete counts them.
    #[must_use]
    pub fn accumulator_bits(&self) -> u32 {
        let accumulators = self.graph.accumulators.iter().map(|accumulator| accumulator.range);
        let outputs = self.graph.outputs.iter().map(|output| output.range);
        accumulators.chain(outputs).map(Range::bits).max().unwrap_or(0)
    }
}

impl Codec {
    /// What the client does by one of its encoders; `None` where there is no such.
    #[must_use]
    pub fn encoding(&self, encoder: usize) -> Option<EncodingReport> {
        let encoder = self.encoders.get(encoder)?;
        Some(EncodingReport {
            features: self.features,
            numbers: encoder.numbers(self.features),
            has_layers: !encoder.layers.is_empty(),
            levels: encoder.outputs(self.features),
            bits: encoder.range().bits(),
            transform: match encoder.transform {
                Transform::AsIs => TransformKind::AsIs,
                Transform::Standardize(_) => TransformKind::Standardized,
                Transform::Whiten(_) => TransformKind::Whitened,
            },
            code: match encoder.code {
                Code::Round(_) => CodeKind::Rounded,
                Code::Thermometer(_) => CodeKind::Thermometer,
            },
        })
    }
}

impl fmt::Display for EncodingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { features, numbers, has_layers, levels, bits, transform, code } = self;
        let bits = if *bits == 1 { "1 bit".to_owned() } else { format!("{bits} bits") };
        write!(f, "the client sends {levels} levels of {bits}: {features} features")?;
        f.write_str(match transform {
            TransformKind::AsIs => "",
            TransformKind::Standardized => ", standardised,",
            TransformKind::Whitened => ", whitened,",
        })?;
        if *has_layers {
            write!(f, " through its own layers to {numbers} numbers,")?;
        }
        match code {
            CodeKind::Rounded => f.write_str(" rounded"),
            CodeKind::Thermometer => write!(f, " by {} bits each", levels / numbers.max(&1)),
        }
    }
}

impl AccumulatorReport {
    fn new(bound: Range, exact: Option<Range>) -> Self {
        Self { bound, bound_bits: bound.bits(), exact, exact_bits: exact.map_or(0, Range::bits) }
    }
}

impl Graph {
    /// What the sums of a field can be over all inputs: those that a quantizer reads, else the outputs.
    fn exact(&self, field: &str) -> Option<Range> {
        let Some(layer) = self.layers.iter().position(|layer| layer.reads == field) else {
            return self.outputs.iter().map(|output| output.range).reduce(Range::cover);
        };
        let of_layer = self.accumulators.iter().filter(|accumulator| accumulator.layer == layer);
        of_layer.map(|accumulator| accumulator.range).reduce(Range::cover)
    }

    fn bootstraps(&self, quantizer: &str) -> Option<BootstrapReport> {
        let layer = self.layers.iter().position(|layer| layer.name == quantizer)?;
        let of_layer = || self.accumulators.iter().filter(|accumulator| accumulator.layer == layer);
        Some(BootstrapReport {
            neurons: of_layer().map(|accumulator| accumulator.tables.len()).sum(),
            rotations: of_layer().count(),
            slots: of_layer().map(super::circuit::ir::Accumulator::slots).max().unwrap_or(0),
        })
    }
}

impl fmt::Display for CircuitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table(&COLUMNS);
        for layer in &self.layers {
            table.add_row(layer.cells());
        }
        write!(f, "{}\n{table}", self.network)?;
        for layer in &self.layers {
            if let Some(encoding) = &layer.encoding {
                write!(f, "\n{}: {encoding}", layer.field)?;
            }
        }
        let seen: Vec<&str> = self
            .layers
            .iter()
            .filter(|layer| layer.client_parameters > Some(0))
            .map(|layer| layer.field.as_str())
            .collect();
        if !seen.is_empty() {
            write!(f, "\nthe client sees the weights of {}, which it runs in float", seen.join(", "))?;
        }
        Ok(())
    }
}

const COLUMNS: [&str; 10] = [
    "layer",
    "type",
    "shape",
    "bits",
    "accumulator, all weights",
    "bits",
    "trained, all inputs",
    "bits",
    "slots",
    "neurons / rotations",
];

impl LayerReport {
    fn cells(&self) -> Vec<String> {
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let mut cells = vec![
            self.field.clone(),
            self.kind.clone(),
            format!("[{}]", shape.join(", ")),
            self.weight_bits.or(self.activation_bits).map_or_else(String::new, |bits| bits.to_string()),
        ];
        match &self.accumulator {
            Some(accumulator) => cells.extend([
                range_text(accumulator.bound),
                accumulator.bound_bits.to_string(),
                accumulator.exact.map_or_else(|| "constant".to_owned(), range_text),
                accumulator.exact_bits.to_string(),
            ]),
            None => cells.extend(std::iter::repeat_n(String::new(), 4)),
        }
        match &self.bootstraps {
            Some(bootstraps) => cells.extend([
                bootstraps.slots.to_string(),
                format!("{} / {}", bootstraps.neurons, bootstraps.rotations),
            ]),
            None => cells.extend(std::iter::repeat_n(String::new(), 2)),
        }
        cells
    }
}

/// What a search for a cheap network tried, step by step: what each step did to the validation result and to the price of the
/// step that was kept before it.
#[derive(Clone, Copy, Debug)]
pub struct SearchReport<'a>(pub &'a [Trial]);

impl fmt::Display for SearchReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table(&["tried", "kept", "right, %", "loss", "rotations", "core-seconds", "saved"]);
        let mut before: Option<f64> = None;
        for Trial { tried, accuracy, loss, price, is_kept } in self.0 {
            let saved =
                before.map_or_else(String::new, |before| format!("{:+.3}", before - price.core_seconds));
            table.add_row([
                tried.to_string(),
                if *is_kept { "yes".to_owned() } else { String::new() },
                accuracy.map_or_else(String::new, |accuracy| format!("{:.2}", 100.0 * accuracy)),
                format!("{loss:.4}"),
                price.rotations.to_string(),
                format!("{:.3}", price.core_seconds),
                saved,
            ]);
            if *is_kept {
                before = Some(price.core_seconds);
            }
        }
        write!(f, "{table}")
    }
}

fn range_text(range: Range) -> String {
    format!("{}..={}", range.lo, range.hi)
}

const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).set_header(columns);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
