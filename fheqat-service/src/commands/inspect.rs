//! `fheqat inspect`: what a file of fheqat is, and what can be said of it without a secret.

mod weights;

use std::{collections::BTreeSet, fmt::Write, path::PathBuf};

use fheqat::{
    MainError,
    artifact::{ArtifactError, Header, Kind},
    circuit::{Circuit, Codec, Task},
    data::{Feature, FeatureKind},
    fhe::{ClientHalf, EncryptedInput, EncryptedOutput, EvaluationKeys, ServerHalf},
    params::{Bytes, Decomposition, Parameters},
    plan::Sizes,
    quant::ClientLayer,
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::files::{self, FilesError, Limits};

/// Says what files are: circuits, halves of models, keys, encrypted samples and results, weights
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

/// What is known of a file: names and values, in the order they are printed in.
pub(crate) type Facts = Vec<(&'static str, Value)>;

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    for (index, path) in options.files.iter().enumerate() {
        // A client key may be among them.
        let bytes = Zeroizing::new(options.limits.read(path)?);
        let facts = of_file(&bytes, path)?;
        let path = files::text(path);
        let text = if json {
            let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
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

fn of_file(bytes: &[u8], path: &PathBuf) -> Result<Facts, FilesError> {
    if let Some(facts) = weights::facts(bytes) {
        return Ok(facts);
    }
    let (items, is_framed) = files::items(path, bytes)?;
    let wrong = |source| FilesError::Artifact { path: files::text(path), source };
    if is_framed { of_items(&items).map_err(wrong) } else { of_artifact(bytes).map_err(wrong) }
}

fn of_artifact(bytes: &[u8]) -> Result<Facts, ArtifactError> {
    let header = Header::of(bytes)?;
    let mut facts = head(&header, bytes.len());
    facts.extend(match header.kind {
        Kind::Circuit => circuit(&Circuit::from_bytes(bytes)?),
        Kind::ClientHalf => client_half(&ClientHalf::from_bytes(bytes)?),
        Kind::ServerHalf => server_half(&ServerHalf::from_bytes(bytes)?),
        Kind::ClientKey => {
            let key = fheqat::fhe::ClientKey::from_bytes(bytes)?;
            let secret = json!("the secret keys, which are not printed");
            [vec![("key", json!(key.id().to_string())), ("has", secret)], parameters(key.parameters())]
                .concat()
        }
        Kind::EvaluationKeys => {
            let keys = EvaluationKeys::from_bytes(bytes)?;
            let facts = vec![("key", json!(keys.id().to_string())), ("expanded", size(keys.memory()))];
            [facts, parameters(keys.parameters())].concat()
        }
        Kind::Input => {
            let input = EncryptedInput::from_bytes(bytes)?;
            ids(&[(input.model().to_string(), input.key().to_string())])
        }
        Kind::Output => {
            let output = EncryptedOutput::from_bytes(bytes)?;
            ids(&[(output.model().to_string(), output.key().to_string())])
        }
        _ => Vec::new(),
    });
    Ok(facts)
}

/// Of several encrypted samples or results in one file.
fn of_items(items: &[&[u8]]) -> Result<Facts, ArtifactError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let header = Header::of(first)?;
    let mut facts = head(&header, items.iter().map(|item| 4 + item.len()).sum());
    facts.push(("items", json!(items.len())));
    let of_each = |item: &&[u8]| match header.kind {
        Kind::Output => EncryptedOutput::from_bytes(item)
            .map(|output| (output.model().to_string(), output.key().to_string())),
        _ => {
            EncryptedInput::from_bytes(item).map(|input| (input.model().to_string(), input.key().to_string()))
        }
    };
    facts.extend(ids(&items.iter().map(of_each).collect::<Result<Vec<_>, _>>()?));
    Ok(facts)
}

fn head(header: &Header, bytes: usize) -> Facts {
    vec![
        ("kind", json!(header.kind.name())),
        ("format", json!(header.format)),
        ("writer", json!(format!("fheqat {}", header.writer))),
        ("size", size(Bytes(bytes as u64))),
    ]
}

/// The models and keys that ciphertexts belong to, each once.
fn ids(of_each: &[(String, String)]) -> Facts {
    let different = |ids: BTreeSet<&String>| match ids.iter().collect::<Vec<_>>()[..] {
        [id] => json!(id),
        ref ids => json!(ids),
    };
    let models = different(of_each.iter().map(|(model, _)| model).collect());
    let keys = different(of_each.iter().map(|(_, key)| key).collect());
    vec![("model", models), ("key", keys)]
}

fn circuit(circuit: &Circuit) -> Facts {
    let price = circuit.graph.price();
    let mut facts = vec![
        ("network", json!(circuit.name)),
        ("accumulator_bits", json!(circuit.accumulator_bits())),
        ("rotations", json!(price.rotations)),
    ];
    facts.extend(codec(&circuit.codec));
    facts.push(("layers", json!(circuit.report().layers)));
    facts
}

fn client_half(half: &ClientHalf) -> Facts {
    let plan = half.plan();
    let Sizes { evaluation_keys, expanded_keys, input, output, .. } = plan.sizes();
    let mut facts = vec![("model", json!(half.model().to_string()))];
    facts.extend(codec(half.codec()));
    facts.extend([
        ("input", size(input)),
        ("output", size(output)),
        ("evaluation_keys", size(evaluation_keys)),
        ("expanded_keys", size(expanded_keys)),
    ]);
    facts.extend(parameters(half.parameters()));
    facts
}

fn server_half(half: &ServerHalf) -> Facts {
    let plan = half.plan();
    let stages: Vec<usize> = plan.stages.iter().map(Vec::len).collect();
    let layers: BTreeSet<usize> = plan.stages.iter().flatten().map(|rotation| rotation.layer).collect();
    let mut facts = vec![
        ("model", json!(half.model().to_string())),
        ("inputs", json!(plan.inputs)),
        ("outputs", json!(plan.outputs.len())),
        ("rotations", json!(plan.rotations())),
        ("rotations_by_stage", json!(stages)),
        ("layers_that_rotate", json!(layers.len())),
        ("memory_of_a_sample", size(plan.memory())),
        ("expanded_keys", size(half.parameters().server_key_bytes())),
    ];
    facts.extend(parameters(half.parameters()));
    facts
}

/// What a client sees.
fn codec(codec: &Codec) -> Facts {
    let feature = |Feature { name, kind }: &Feature| match kind {
        FeatureKind::Number => json!({ "name": name, "kind": "number" }),
        FeatureKind::Category { names } => json!({ "name": name, "kind": "category", "categories": names }),
    };
    let features: Vec<Value> = codec.described.iter().map(feature).collect();
    let predicts = match codec.task {
        Task::Numbers => "numbers",
        Task::Labels(_) => "labels",
        _ => "classes",
    };
    let encodings = (0..codec.encoders.len()).filter_map(|encoder| codec.encoding(encoder));
    let layers: Vec<Value> = codec
        .encoders
        .iter()
        .flat_map(|encoder| &encoder.layers)
        .map(|layer| json!({ "kind": layer_name(layer), "parameters": layer.parameters() }))
        .collect();
    vec![
        ("features", json!(features)),
        ("predicts", json!(predicts)),
        ("names", json!(codec.task.names())),
        ("outputs", json!(codec.scale.len())),
        ("encodes", json!(encodings.map(|encoding| encoding.to_string()).collect::<Vec<_>>())),
        ("client_layers", json!(layers)),
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

fn parameters(parameters: &Parameters) -> Facts {
    let Parameters { lwe_dimension, glwe_dimension, polynomial_size, rotation, key_switch } = parameters;
    let pair = |of: &Decomposition| json!({ "log_base": of.base_log.0, "levels": of.levels.0 });
    let mut found = Map::new();
    found.insert("n".to_owned(), json!(lwe_dimension.0));
    found.insert("k".to_owned(), json!(glwe_dimension.0));
    found.insert("N".to_owned(), json!(polynomial_size.0));
    found.insert("bootstrap_key".to_owned(), json!(parameters.rotate().then(|| pair(rotation))));
    found.insert("key_switch".to_owned(), json!(key_switch.as_ref().map(pair)));
    vec![("parameters", Value::Object(found))]
}

pub(crate) fn size(bytes: Bytes) -> Value {
    json!({ "bytes": bytes.0 })
}

/// A line for each fact, and for each element of a list of objects.
fn lines(facts: &Facts) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut lines = String::new();
    for (name, value) in facts {
        let name = name.replace('_', " ");
        let rows: Vec<String> = match value {
            Value::Array(list) if list.iter().any(Value::is_object) => list.iter().map(short).collect(),
            Value::Array(list) if list.is_empty() => continue,
            value => vec![short(value)],
        };
        for (row, text) in rows.iter().enumerate() {
            let name = if row == 0 { name.as_str() } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(lines, "  {name:width$}  {text}");
        }
    }
    lines
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(short).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match (fields.len(), fields.get("bytes").and_then(Value::as_u64)) {
            (1, Some(bytes)) => Bytes(bytes).to_string(),
            _ => {
                let field = |(name, value): (&String, &Value)| {
                    let value = short(value);
                    if name == "name" { value } else { format!("{} {value}", name.replace('_', " ")) }
                };
                let is_said = |(_, value): &(&String, &Value)| !value.is_null();
                fields.iter().filter(is_said).map(field).collect::<Vec<_>>().join(", ")
            }
        },
        value => value.to_string(),
    }
}
