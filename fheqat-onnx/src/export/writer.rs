//! Graphs in the making.

use fheqat_runtime::spec::{Known, Window};
use prost::Message;

use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension},
    type_proto,
};

/// The versions that onnxruntime and qonnx read.
const IR_VERSION: i64 = 9;
const OPSET: i64 = 17;
/// Operations that a later version has, and which.
const LATER: (&str, i64) = ("Gelu", 20);
pub(super) const QONNX: &str = "qonnx.custom_op.general";

/// A graph.
#[derive(Debug, Default)]
pub(super) struct Writer(GraphProto);

impl Writer {
    /// Numbers by name.
    pub(super) fn floats(&mut self, name: &str, dims: &[i64], values: Vec<f32>) -> String {
        let raw = values.into_iter().flat_map(f32::to_le_bytes).collect();
        self.constant(name, dims, DataType::Float, raw)
    }

    pub(super) fn float(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &[], vec![value])
    }

    /// The target of a `Reshape`, with an open batch.
    pub(super) fn shape(&mut self, name: &str, dims: &[i64]) -> String {
        let dims: Vec<i64> = [-1].iter().chain(dims).copied().collect();
        self.integers(name, &dims)
    }

    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len() as i64], DataType::Int64, raw)
    }

    fn constant(&mut self, name: &str, dims: &[i64], of_type: DataType, raw: Vec<u8>) -> String {
        if !self.0.initializer.iter().any(|tensor| tensor.name() == name) {
            self.0.initializer.push(TensorProto {
                name: Some(name.to_owned()),
                dims: dims.to_vec(),
                data_type: Some(of_type as i32),
                raw_data: Some(raw),
                ..TensorProto::default()
            });
        }
        name.to_owned()
    }

    /// A node of a field; what it gives is named for both.
    pub(super) fn node(
        &mut self,
        field: &str,
        op: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.node_of("", field, op, inputs, attributes)
    }

    pub(super) fn node_of(
        &mut self,
        domain: &str,
        field: &str,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        let path = format!("/{field}/{op}");
        let alike = self
            .0
            .node
            .iter()
            .filter(|node| node.name().trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') == path)
            .count();
        let name = if alike == 0 { path } else { format!("{path}_{alike}") };
        let output = format!("{name}_output_0");
        self.0.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.clone()],
            name: Some(name),
            op_type: Some(op.to_owned()),
            domain: (!domain.is_empty()).then(|| domain.to_owned()),
            attribute,
        });
        output
    }

    /// Gives a tensor another name.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        for name in self.0.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
            if name == from {
                to.clone_into(name);
            }
        }
    }

    pub(super) fn input(&mut self, name: &str, dims: &[i64]) {
        self.0.input.push(value(name, dims));
    }

    pub(super) fn output(&mut self, name: &str, dims: &[i64]) {
        self.0.output.push(value(name, dims));
    }

    /// The file.
    pub(super) fn finish(mut self, name: &str, is_qonnx: bool) -> Vec<u8> {
        self.0.name = Some(name.to_owned());
        let set = |domain: &str, version: i64| OperatorSetIdProto {
            domain: Some(domain.to_owned()),
            version: Some(version),
        };
        let (op, later) = LATER;
        let has_later = self.0.node.iter().any(|node| node.op_type() == op);
        let mut opset_import = vec![set("", if has_later { later } else { OPSET })];
        if is_qonnx {
            opset_import.push(set(QONNX, 2));
        }
        ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import,
            producer_name: Some("fheqat".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(self.0),
        }
        .encode_to_vec()
    }
}

/// Floats of a shape behind a batch of any size.
fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |value| Dimension { value: Some(value) };
    let batch = dim(dimension::Value::DimParam("batch".to_owned()));
    let rest = dims.iter().map(|&size| dim(dimension::Value::DimValue(size)));
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(rest).collect() };
    let tensor = type_proto::Tensor { elem_type: Some(DataType::Float as i32), shape: Some(shape) };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
    }
}

pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, AttributeType::Int) }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeType::Float) }
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.as_bytes().to_vec()), ..attribute(name, AttributeType::String) }
}

pub(super) fn list(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto { ints: values, ..attribute(name, AttributeType::Ints) }
}

fn attribute(name: &str, of_type: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(of_type as i32), ..AttributeProto::default() }
}

/// The attributes of a window over axes of these lengths. Its zeros are in numbers, for onnxruntime has no `auto_pad` with dilations.
pub(super) fn window(window: &Window, over: &[i64]) -> Vec<AttributeProto> {
    let (kernel, stride, dilation) = (window.kernel.or(1), window.stride.or(1), window.dilation.or(1));
    let mut attributes =
        vec![list("kernel_shape", vec![kernel; window.axes]), list("strides", vec![stride; window.axes])];
    if dilation != 1 {
        attributes.push(list("dilations", vec![dilation; window.axes]));
    }
    let around = |side: usize| {
        over.iter()
            .enumerate()
            .map(move |(axis, &length)| window.around(axis, Known::Now(length)).or([0; 2])[side])
    };
    attributes.push(list("pads", around(0).chain(around(1)).collect()));
    attributes
}
