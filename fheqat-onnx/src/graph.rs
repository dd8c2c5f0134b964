//! The graph of a file: what its output needs, in the order in which it runs.

use std::collections::{HashMap, HashSet};

use prost::Message;

use crate::{
    node::{Node, printable},
    problem::ImportError,
    proto::{GraphProto, ModelProto, TensorProto, ValueInfoProto, tensor_shape_proto::dimension, type_proto},
    wire::check_entries,
};

/// The first version of the operators whose nodes mean what later ones do.
const OLDEST: i64 = 9;

/// What is read of a file.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    /// The name of the input.
    pub(crate) input: &'a str,
    /// Its shape without the batch.
    pub(crate) shape: Vec<usize>,
    /// The name of the output.
    pub(crate) output: &'a str,
    /// The nodes that the output needs.
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) constants: HashMap<&'a str, &'a TensorProto>,
    /// Bytes of the file.
    pub(crate) size: usize,
    /// How many of those nodes read a tensor.
    pub(crate) readers: HashMap<&'a str, usize>,
}

/// A file.
///
/// # Errors
/// When it is too large, has too many entries, or is no protocol buffer of ONNX.
pub(crate) fn decode(bytes: &[u8], most: usize) -> Result<ModelProto, ImportError> {
    if bytes.len() > most {
        return Err(ImportError::Size { found: bytes.len(), most });
    }
    check_entries(bytes)?;
    Ok(ModelProto::decode(bytes)?)
}

impl<'a> Graph<'a> {
    /// # Errors
    /// When there is no graph, or none of one input whose shape is known.
    pub(crate) fn of(model: &'a ModelProto, size: usize) -> Result<Self, ImportError> {
        let failed = |reason: String| ImportError::Graph { reason };
        let is_standard = |domain: Option<&str>| matches!(domain, None | Some("" | "ai.onnx"));
        let set = model.opset_import.iter().find(|set| is_standard(set.domain.as_deref()));
        match set.and_then(|set| set.version) {
            None => {
                return Err(failed(
                    "the file names no version of ONNX's operators: it is cut off, or no ONNX model"
                        .to_owned(),
                ));
            }
            Some(version @ ..OLDEST) => {
                return Err(failed(format!(
                    "the file has operators of version {version}: export it with version {OLDEST} or later"
                )));
            }
            Some(_) => {}
        }
        let graph = model
            .graph
            .as_ref()
            .ok_or_else(|| failed("the file has no graph: it is no ONNX model".to_owned()))?;
        if let Some(name) = given_twice(graph) {
            return Err(failed(format!(
                "`{}` is given twice, by nodes, constants or inputs: which of them is meant nobody can know",
                printable(name)
            )));
        }
        let constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().filter_map(|tensor| Some((tensor.name.as_deref()?, tensor))).collect();
        let output = graph.output.first().and_then(|output| output.name.as_deref());
        let output = output.ok_or_else(|| failed("the graph has no output".to_owned()))?;
        let nodes = needed(graph, output);
        let mut readers: HashMap<&str, usize> = HashMap::new();
        for name in nodes.iter().flat_map(|node| &node.0.input).map(String::as_str).chain([output]) {
            *readers.entry(name).or_default() += 1;
        }
        let is_free = |value: &&ValueInfoProto| {
            let name = value.name.as_deref().unwrap_or_default();
            !constants.contains_key(name) && readers.contains_key(name)
        };
        let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(is_free).collect();
        let [input] = inputs[..] else {
            let names: Vec<String> =
                inputs.iter().map(|input| printable(input.name.as_deref().unwrap_or_default())).collect();
            return Err(failed(format!(
                "the output `{}` depends on {} inputs ({}), but a network has one",
                printable(output),
                names.len(),
                names.join(", ")
            )));
        };
        let name = input.name.as_deref().unwrap_or_default();
        let shape = sample_shape(input).map_err(failed)?;
        Ok(Self { input: name, shape, output, nodes, constants, size, readers })
    }
}

/// A tensor that two of the file's nodes and constants give, or a node and an input. A constant may be an input too, as its default.
fn given_twice(graph: &GraphProto) -> Option<&str> {
    let mut given = HashSet::new();
    let constants = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref());
    let outputs = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    let mut of_file = constants.chain(outputs).filter(|name| !name.is_empty());
    if let Some(name) = of_file.find(|name| !given.insert(*name)) {
        return Some(name);
    }
    let of_nodes: HashSet<&str> =
        graph.node.iter().flat_map(|node| &node.output).map(String::as_str).collect();
    let mut inputs = HashSet::new();
    let mut names =
        graph.input.iter().filter_map(|input| input.name.as_deref()).filter(|name| !name.is_empty());
    names.find(|name| of_nodes.contains(name) || !inputs.insert(*name))
}

/// The nodes that a tensor depends on.
fn needed<'a>(graph: &'a GraphProto, output: &'a str) -> Vec<Node<'a>> {
    let mut wanted: HashSet<&str> = HashSet::from([output]);
    let mut nodes: Vec<Node<'a>> = Vec::new();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|output| !output.is_empty() && wanted.contains(output.as_str())) {
            wanted.extend(node.input.iter().map(String::as_str).filter(|input| !input.is_empty()));
            nodes.push(Node(node));
        }
    }
    nodes.reverse();
    nodes
}

/// The dimensions of an input behind the first, which counts samples.
fn sample_shape(input: &ValueInfoProto) -> Result<Vec<usize>, String> {
    let name = printable(input.name.as_deref().unwrap_or_default());
    let of_type = input.r#type.as_ref().and_then(|of_type| of_type.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = of_type else {
        return Err(format!("the input `{name}` has no type: export the model with shapes"));
    };
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let Some((_, dims)) = dims.split_first().filter(|(_, dims)| !dims.is_empty()) else {
        return Err(format!("the input `{name}` has no shape `[batch, ...]`: export the model with shapes"));
    };
    let most = fheqat_runtime::spec::limits::MAX_RANK;
    if dims.len() > most {
        return Err(format!(
            "a sample of the input `{name}` has {} dimensions, but at most {most} are read",
            dims.len()
        ));
    }
    let dims: Option<Vec<usize>> = dims
        .iter()
        .map(|dim| match dim.value {
            Some(dimension::Value::DimValue(value)) => usize::try_from(value).ok().filter(|&value| value > 0),
            _ => None,
        })
        .collect();
    let dims = dims.ok_or_else(|| {
        format!("a dimension of the input `{name}` behind the batch is not known: export the model with a fixed shape")
    })?;
    let most = fheqat_runtime::spec::limits::MAX_ELEMENTS as usize;
    match dims.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim)).filter(|&all| all <= most) {
        Some(_) => Ok(dims),
        None => Err(format!("a sample of the input `{name}` has more than {most} numbers")),
    }
}
