//! The network as it runs encrypted: what reads what, and what each part costs.

mod drawing;

use fheqat_runtime::{
    circuit::{
        Circuit,
        ir::{Graph, Term, Wire},
    },
    report::{CircuitReport, LayerReport, Report},
    spec::Range,
};

use crate::text;

/// A box of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// `fc1 → relu1`, or what the client does.
    pub(crate) name: String,
    /// Whether the client computes it.
    pub(crate) is_client: bool,
    /// Lines below the name.
    pub(crate) lines: Vec<String>,
    /// Its sums, where it has some.
    pub(crate) sums: Option<Sums>,
    /// Core-seconds of an inference, where they are known.
    pub(crate) price: Option<f64>,
}

/// What the sums of a layer can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sums {
    /// By the laws, over all weights and inputs.
    pub(crate) bound: Range,
    /// With the trained weights, over all inputs.
    pub(crate) trained: Option<Range>,
}

/// Boxes in the order in which they are computed, and which reads which.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    /// From the one that is read to the one that reads, sorted.
    pub(crate) edges: Vec<(usize, usize)>,
    /// Whether the edges are the circuit's; else each box is drawn as if it read the one before it.
    pub(crate) has_edges: bool,
}

impl Network {
    /// Of what there is; `None` where there is neither.
    pub(crate) fn of(circuit: Option<&Circuit>, report: Option<&Report>) -> Option<Self> {
        match (circuit, report) {
            (Some(circuit), report) => Some(Self::of_circuit(circuit, report)),
            (None, Some(report)) => Some(Self::of_report(report)),
            (None, None) => None,
        }
    }

    fn of_circuit(circuit: &Circuit, report: Option<&Report>) -> Self {
        let own;
        let layers = if let Some(report) = report {
            &report.circuit
        } else {
            own = circuit.report();
            &own
        };
        let graph = &circuit.graph;
        let encoders: Vec<&LayerReport> =
            layers.layers.iter().filter(|layer| layer.encoding.is_some()).collect();
        let mut nodes: Vec<Node> = encoders.iter().map(|layer| encoder(layer)).collect();
        let encoder_of = input_owners(circuit);
        let mut place = vec![None; graph.layers.len()];
        for (index, layer) in graph.layers.iter().enumerate() {
            if graph.accumulators.iter().any(|accumulator| accumulator.layer == index) {
                place[index] = Some(nodes.len());
                nodes.push(hidden(layers, report, &layer.reads, &layer.name, Some(layer.bound)));
            }
        }
        let last = nodes.len();
        nodes.push(output(layers, graph.outputs.len()));
        let source = |term: &Term| match term.wire {
            Wire::Input(input) => encoder_of.get(input).copied(),
            Wire::Table { accumulator, .. } => {
                graph.accumulators.get(accumulator).and_then(|sum| place.get(sum.layer).copied().flatten())
            }
        };
        let mut edges: Vec<(usize, usize)> = terms(graph)
            .filter_map(|(layer, term)| {
                let to = layer.map_or(Some(last), |layer| place.get(layer).copied().flatten());
                Some((source(term)?, to?))
            })
            .filter(|(from, to)| from != to)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        Self { nodes, edges, has_edges: true }
    }

    fn of_report(report: &Report) -> Self {
        let layers = &report.circuit.layers;
        let encoders = layers.iter().filter(|layer| layer.encoding.is_some());
        let mut nodes: Vec<Node> = encoders.map(encoder).collect();
        // The sums that a quantizer reads stand before it.
        let mut sums = "";
        for layer in layers {
            if layer.accumulator.is_some() {
                sums = &layer.field;
            }
            if layer.bootstraps.is_some_and(|bootstraps| bootstraps.rotations > 0) {
                nodes.push(hidden(&report.circuit, Some(report), sums, &layer.field, None));
            }
        }
        let of_shape =
            |shape: &[i64]| shape.iter().fold(1_i64, |product, side| product.saturating_mul(*side));
        let outputs = layers.last().map_or(0, |layer| of_shape(&layer.shape).max(0) as usize);
        nodes.push(output(&report.circuit, outputs));
        let edges = (1..nodes.len()).map(|node| (node - 1, node)).collect();
        Self { nodes, edges, has_edges: false }
    }

    /// The largest price of a box.
    pub(crate) fn dearest(&self) -> f64 {
        self.nodes.iter().filter_map(|node| node.price).filter(|price| price.is_finite()).fold(0.0, f64::max)
    }
}

/// The box of the encoder that each input comes from; boxes of encoders stand in the order of their fields.
fn input_owners(circuit: &Circuit) -> Vec<usize> {
    let codec = &circuit.codec;
    let boxes: Vec<usize> = circuit.fields.iter().filter_map(|field| field.encoder).collect();
    let owners = codec.encoders.iter().enumerate().flat_map(|(index, encoder)| {
        let owner = boxes.iter().position(|encoder| *encoder == index).unwrap_or(0);
        std::iter::repeat_n(owner, encoder.outputs(codec.features))
    });
    owners.take(if boxes.is_empty() { 0 } else { circuit.graph.inputs.len() }).collect()
}

/// Terms of all sums, with the layer of each; the outputs have none.
fn terms(graph: &Graph) -> impl Iterator<Item = (Option<usize>, &Term)> {
    let sums = graph.accumulators.iter();
    let inner = sums.flat_map(|sum| sum.terms.iter().map(|term| (Some(sum.layer), term)));
    inner.chain(graph.outputs.iter().flat_map(|output| output.terms.iter().map(|term| (None, term))))
}

fn encoder(layer: &LayerReport) -> Node {
    let lines = layer.encoding.map_or_else(Vec::new, |encoding| {
        vec![format!(
            "{} become {} of {}",
            text::many(encoding.features, "feature"),
            text::many(encoding.levels, "level"),
            text::many(encoding.bits as usize, "bit")
        )]
    });
    Node {
        name: format!("the client encodes: {}", layer.field),
        is_client: true,
        lines,
        sums: None,
        price: None,
    }
}

fn found<'a>(layers: &'a CircuitReport, field: &str) -> Option<&'a LayerReport> {
    layers.layers.iter().find(|layer| layer.field == field)
}

fn hidden(
    layers: &CircuitReport,
    report: Option<&Report>,
    sums: &str,
    quantizer: &str,
    bound: Option<Range>,
) -> Node {
    let (summing, quantizing) = (found(layers, sums), found(layers, quantizer));
    let encrypted = report.and_then(|report| report.encrypted.iter().find(|layer| layer.field == quantizer));
    let mut about = Vec::new();
    if let Some(bits) = summing.and_then(|layer| layer.weight_bits) {
        about.push(format!("{bits}-bit weights"));
    }
    if let Some(bits) = quantizing.and_then(|layer| layer.activation_bits) {
        about.push(format!("{bits}-bit levels"));
    }
    let mut work = Vec::new();
    if let Some(bootstraps) = quantizing.and_then(|layer| layer.bootstraps) {
        work.push(text::many(bootstraps.rotations, "rotation"));
        let slots = encrypted.map_or(bootstraps.slots, |layer| layer.slots);
        work.push(format!("{} slots", text::count(slots)));
        work.push(text::many(bootstraps.neurons, "neuron"));
    }
    let accumulator = summing.and_then(|layer| layer.accumulator);
    let bound = bound.or(accumulator.map(|sums| sums.bound));
    Node {
        name: if sums.is_empty() { quantizer.to_owned() } else { format!("{sums} \u{2192} {quantizer}") },
        is_client: false,
        lines: [work.join(" \u{b7} "), about.join(" \u{b7} ")]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect(),
        sums: bound
            .map(|bound| Sums { bound, trained: accumulator.and_then(|accumulator| accumulator.exact) }),
        price: encrypted.map(|layer| layer.core_seconds.0),
    }
}

fn output(layers: &CircuitReport, outputs: usize) -> Node {
    let last = layers.layers.iter().rev().find(|layer| layer.accumulator.is_some());
    let accumulator = last.and_then(|layer| layer.accumulator);
    let name = last.map_or("the outputs", |layer| &layer.field);
    Node {
        name: format!("{name} \u{2192} the client decrypts"),
        is_client: true,
        lines: vec![format!("{}, no rotation", text::many(outputs, "sum"))],
        sums: accumulator.map(|sums| Sums { bound: sums.bound, trained: sums.exact }),
        price: None,
    }
}

impl Network {
    /// Boxes that are not drawn.
    pub(crate) fn left_out(&self) -> usize {
        self.nodes.len().saturating_sub(drawing::MOST)
    }
}
