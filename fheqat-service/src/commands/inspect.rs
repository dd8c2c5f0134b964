//! `fheqat inspect`: what a file of fheqat is, and what can be said of it without a secret, as text, JSON or a page.

mod json;
mod page;
mod weights;

use std::{
    collections::BTreeSet,
    fmt::Write,
    path::{Path, PathBuf},
};

use fheqat::{
    MainError,
    artifact::{ArtifactError, Header, Kind},
    circuit::{Circuit, Codec, Task},
    data::{
        Dataset, Feature, FeatureKind,
        csv::{self, CsvOptions},
    },
    fhe::{ClientHalf, ClientKey, EncryptedInput, EncryptedOutput, EvaluationKeys, ServerHalf, Sizes},
    params::{Bytes, Decomposition, Parameters},
    quant::ClientLayer,
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use self::page::{Content, Parts};
use super::{
    files::{self, FilesError, Limits},
    table::{self, Format},
};

/// Says what files are: circuits, halves of models, reports, keys, encrypted samples and results, weights
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Prints nothing of the files, which are of one model, but writes a page of HTML of what they say together
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A table with targets, plain or gzip: the page shows how well the circuit among the files predicts them
    #[arg(long, value_name = "TABLE", requires = "html")]
    csv: Option<PathBuf>,
    /// The column of the table that is predicted, several times for several numbers or labels; the last by default
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    target: Vec<String>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    limits: Limits,
}

/// What is known of a file, in the order in which it is printed.
type Facts = Vec<Fact>;

/// One thing that is known of a file.
struct Fact {
    name: &'static str,
    value: Value,
    /// What people read: a line or more, or none where there is nothing to say.
    lines: Vec<String>,
}

impl Fact {
    fn new(name: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let lines = match &value {
            Value::Array(list) if list.is_empty() => Vec::new(),
            value => vec![short(value)],
        };
        Self { name, value, lines }
    }

    fn size(name: &'static str, bytes: Bytes) -> Self {
        Self { name, value: json!({ "bytes": bytes.0 }), lines: vec![bytes.to_string()] }
    }

    /// Of a list, with a line for each element.
    fn list(name: &'static str, list: impl IntoIterator<Item = (Value, String)>) -> Self {
        let (values, lines): (Vec<Value>, Vec<String>) = list.into_iter().unzip();
        Self { name, value: Value::Array(values), lines }
    }
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    if let Some(to) = &options.html {
        return write_page(options, to, json);
    }
    for (index, path) in options.files.iter().enumerate() {
        // A client key may be among them.
        let bytes = Zeroizing::new(options.limits.read(path)?);
        let (facts, _) = of_file(&bytes, path)?;
        let path = files::text(path);
        let text = if json {
            let facts = facts.into_iter().map(|fact| (fact.name.to_owned(), fact.value));
            let line: Map<String, Value> =
                [("file".to_owned(), json!(path))].into_iter().chain(facts).collect();
            format!("{}\n", Value::Object(line))
        } else {
            let gap = if index == 0 { "" } else { "\n" };
            format!("{gap}{path}\n{}", lines(&facts))
        };
        files::print(&text)?;
    }
    Ok(())
}

fn write_page(options: &Options, to: &Path, json: bool) -> Result<(), MainError> {
    let mut parts = Parts::default();
    for path in &options.files {
        // A client key may be among them.
        let bytes = Zeroizing::new(options.limits.read(path)?);
        let (facts, content) = of_file(&bytes, path)?;
        parts.add(&files::text(path), &facts, content)?;
    }
    if let Some(table) = &options.csv {
        parts.set_table(files::text(table), |codec| samples(options, table, codec))?;
    }
    let page = parts.page()?;
    files::save(to, page.as_bytes())?;
    let (to, bytes, count) = (files::text(to), page.len(), options.files.len());
    let text = if json {
        format!("{}\n", json!({ "html": to, "bytes": bytes, "files": count }))
    } else {
        format!("{to}: a page of {count} files, {bytes} bytes\n")
    };
    Ok(files::print(&text)?)
}

/// A table as a model's training had it.
fn samples(options: &Options, path: &Path, codec: &Codec) -> Result<Dataset, MainError> {
    let Options { target, format, limits, .. } = options;
    let bytes = limits.read(path)?;
    let table = format.targets(target, &codec.task, limits.most())?;
    let table = CsvOptions { features: codec.described.clone(), ..table };
    csv::parse(&bytes[..], &files::text(path), &table).map_err(|error| table::of_samples(&error))
}

/// What a file says, and what a page can show of it.
fn of_file(bytes: &[u8], path: &Path) -> Result<(Facts, Content), FilesError> {
    if let Some(facts) = weights::facts(bytes) {
        return Ok((facts, Content::Other));
    }
    if let Some(found) = json::read(bytes) {
        return Ok(found);
    }
    let (items, is_framed) = files::items(path, bytes)?;
    let wrong = |source| FilesError::Artifact { path: files::text(path), source };
    if is_framed {
        of_items(&items).map(|facts| (facts, Content::Other)).map_err(wrong)
    } else {
        of_artifact(bytes).map_err(wrong)
    }
}

fn of_artifact(bytes: &[u8]) -> Result<(Facts, Content), ArtifactError> {
    let header = Header::of(bytes)?;
    let mut facts = head(header, bytes.len());
    let mut content = Content::Other;
    facts.extend(match header.kind {
        Kind::Circuit => {
            let read = Circuit::from_bytes(bytes)?;
            let facts = circuit(&read);
            content = Content::Circuit(Box::new(read));
            facts
        }
        Kind::ClientHalf => {
            let read = ClientHalf::from_bytes(bytes)?;
            let facts = client_half(&read);
            content = Content::Client(Box::new(read));
            facts
        }
        Kind::ServerHalf => {
            let read = ServerHalf::from_bytes(bytes)?;
            let facts = server_half(&read);
            content = Content::Server(Box::new(read));
            facts
        }
        Kind::ClientKey => client_key(&ClientKey::from_bytes(bytes)?),
        Kind::EvaluationKeys => {
            let keys = EvaluationKeys::from_bytes(bytes)?;
            let expanded = Fact::size("expanded", keys.memory());
            vec![Fact::new("key", keys.id().to_string()), expanded, parameters(keys.parameters())]
        }
        Kind::Input => ids([ids_of_input(bytes)?]),
        Kind::Output => ids([ids_of_output(bytes)?]),
        _ => Vec::new(),
    });
    Ok((facts, content))
}

/// Of several encrypted samples or results in one file.
fn of_items(items: &[&[u8]]) -> Result<Facts, ArtifactError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let header = Header::of(first)?;
    let mut facts = head(header, items.iter().map(|item| 4 + item.len()).sum());
    facts.push(Fact::new("items", items.len()));
    let of_each = if header.kind == Kind::Output { ids_of_output } else { ids_of_input };
    let of_items = items.iter().map(|item| of_each(item)).collect::<Result<Vec<_>, _>>()?;
    facts.extend(ids(of_items));
    Ok(facts)
}

fn head(header: Header, bytes: usize) -> Facts {
    vec![
        Fact::new("kind", header.kind.name()),
        Fact::new("format", header.format),
        Fact::new("writer", format!("fheqat {}", header.writer)),
        Fact::size("size", Bytes(bytes as u64)),
    ]
}

/// The model and the key of a ciphertext.
fn ids_of_input(bytes: &[u8]) -> Result<(String, String), ArtifactError> {
    EncryptedInput::from_bytes(bytes).map(|input| (input.model().to_string(), input.key().to_string()))
}

fn ids_of_output(bytes: &[u8]) -> Result<(String, String), ArtifactError> {
    EncryptedOutput::from_bytes(bytes).map(|output| (output.model().to_string(), output.key().to_string()))
}

/// The models and keys that ciphertexts belong to, each once.
fn ids(of_each: impl IntoIterator<Item = (String, String)>) -> Facts {
    let (models, keys): (BTreeSet<String>, BTreeSet<String>) = of_each.into_iter().unzip();
    let different = |ids: BTreeSet<String>| match ids.len() {
        1 => json!(ids.first()),
        _ => json!(ids),
    };
    vec![Fact::new("model", different(models)), Fact::new("key", different(keys))]
}

fn circuit(circuit: &Circuit) -> Facts {
    let report = circuit.report();
    let mut facts = vec![
        Fact::new("network", circuit.name.clone()),
        Fact::new("accumulator_bits", circuit.accumulator_bits()),
        Fact::new("rotations", circuit.graph.price().rotations),
    ];
    facts.extend(codec(&circuit.codec));
    let table = report.to_string().lines().skip(1).map(str::to_owned).collect();
    facts.push(Fact { name: "layers", value: json!(report.layers), lines: table });
    facts
}

/// Nothing that is secret.
fn client_key(key: &ClientKey) -> Facts {
    vec![
        Fact::new("key", key.id().to_string()),
        Fact::new("has", "secret keys, which are not printed"),
        parameters(key.parameters()),
    ]
}

fn client_half(half: &ClientHalf) -> Facts {
    let Sizes { evaluation_keys, expanded_keys, input, output, .. } = half.plan().sizes();
    let mut facts = vec![Fact::new("model", half.model().to_string())];
    facts.extend(codec(half.codec()));
    facts.extend([
        Fact::size("input", input),
        Fact::size("output", output),
        Fact::size("evaluation_keys", evaluation_keys),
        Fact::size("expanded_keys", expanded_keys),
        parameters(half.parameters()),
    ]);
    facts
}

fn server_half(half: &ServerHalf) -> Facts {
    let plan = half.plan();
    let stages: Vec<usize> = plan.stages.iter().map(Vec::len).collect();
    let layers: BTreeSet<usize> = plan.stages.iter().flatten().map(|rotation| rotation.layer).collect();
    vec![
        Fact::new("model", half.model().to_string()),
        Fact::new("inputs", plan.inputs),
        Fact::new("outputs", plan.outputs.len()),
        Fact::new("rotations", plan.rotations()),
        Fact::new("rotations_by_stage", stages),
        Fact::new("layers_that_rotate", layers.len()),
        Fact::size("memory_of_a_sample", plan.memory()),
        Fact::size("expanded_keys", half.parameters().server_key_bytes()),
        parameters(half.parameters()),
    ]
}

/// What a client sees.
fn codec(codec: &Codec) -> Facts {
    let feature = |feature: &Feature| {
        let value = match &feature.kind {
            FeatureKind::Number => json!({ "name": feature.name, "kind": "number" }),
            FeatureKind::Category { names } => {
                json!({ "name": feature.name, "kind": "category", "categories": names })
            }
        };
        (value, feature.to_string())
    };
    let layer = |layer: &ClientLayer| {
        let (kind, parameters) = (layer_name(layer), layer.parameters());
        (json!({ "kind": kind, "parameters": parameters }), format!("{kind}, {parameters} parameters"))
    };
    let predicts = match codec.task {
        Task::Numbers => "numbers",
        Task::Labels(_) => "labels",
        _ => "classes",
    };
    let encodings = (0..codec.encoders.len()).filter_map(|encoder| codec.encoding(encoder));
    let encodings = encodings.map(|encoding| (json!(encoding.to_string()), encoding.to_string()));
    vec![
        Fact::list("features", codec.described.iter().map(feature)),
        Fact::new("predicts", predicts),
        Fact::new("names", codec.task.names()),
        Fact::new("outputs", codec.scale.len()),
        Fact::list("encodes", encodings),
        Fact::list("client_layers", codec.encoders.iter().flat_map(|encoder| &encoder.layers).map(layer)),
    ]
}

const fn layer_name(layer: &ClientLayer) -> &'static str {
    match layer {
        ClientLayer::Dense(_) => "Linear",
        ClientLayer::Filters(_) => "convolution",
        ClientLayer::Affine(_) => "BatchNorm",
        ClientLayer::Rectify => "ReLU",
        ClientLayer::Same => "Reshape",
    }
}

fn parameters(parameters: &Parameters) -> Fact {
    let Parameters {
        lwe_dimension,
        small_key,
        glwe_dimension,
        polynomial_size,
        rotation,
        key_switch,
        packing,
    } = parameters;
    let (n, k, size) = (lwe_dimension.0, glwe_dimension.0, polynomial_size.0);
    let pair = |of: &Decomposition| json!({ "log_base": of.base_log.0, "levels": of.levels.0 });
    let bootstrap = parameters.rotate().then_some(rotation);
    let value = json!({
        "n": n,
        "small_key": small_key,
        "k": k,
        "N": size,
        "bootstrap_key": bootstrap.map(pair),
        "key_switch": key_switch.as_ref().map(pair),
        "packing": packing.map(|packing| json!({
            "k": packing.glwe_dimension.0,
            "trace": pair(&packing.trace),
            "ring_switch": pair(&packing.ring_switch),
        })),
    });
    let decomposition = |name: &str, of: Option<&Decomposition>| {
        of.map_or_else(String::new, |of| format!(", {name} {} x {}", of.base_log.0, of.levels.0))
    };
    let line = format!(
        "n = {n}{small_key}, k = {k}, N = {size}{}{}{}",
        decomposition("bootstrap key", bootstrap),
        decomposition("key switch", key_switch.as_ref()),
        packing.map_or_else(String::new, |packing| format!(
            ", results packed with k = {}",
            packing.glwe_dimension.0
        ))
    );
    Fact { name: "parameters", value, lines: vec![line] }
}

/// The lines of each fact behind its name.
fn lines(facts: &Facts) -> String {
    let width = facts.iter().map(|fact| fact.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for fact in facts {
        let name = fact.name.replace('_', " ");
        for (row, line) in fact.lines.iter().enumerate() {
            let name = if row == 0 { name.as_str() } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {name:width$}  {line}");
        }
    }
    text
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(short).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}
