//! Files as Brevitas writes them, of random numbers.

use fheqat_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_shape_proto::{Dimension, dimension},
    type_proto,
};
use prost::Message;

use crate::reference;

/// How quantizers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Qonnx,
    Qcdq,
}

/// A graph in the making.
pub(crate) struct Builder {
    pub(crate) graph: GraphProto,
    pub(crate) format: Format,
    features: usize,
    state: u64,
}

/// An attribute.
#[derive(Clone, Copy)]
pub(crate) enum Attribute<'a> {
    I(&'a str, i64),
    F(&'a str, f32),
    Is(&'a str, &'a [i64]),
    S(&'a str, &'a str),
}

use Attribute::{I, Is};

impl Builder {
    /// A graph with the input `x` of these dimensions behind the batch.
    pub(crate) fn new(format: Format, seed: u64, dims: &[usize]) -> Self {
        let dim = |value| Dimension { value: Some(value) };
        let batch = dim(dimension::Value::DimParam("batch".to_owned()));
        let rest = dims.iter().map(|&size| dim(dimension::Value::DimValue(size as i64)));
        let shape = TensorShapeProto { dim: std::iter::once(batch).chain(rest).collect() };
        let tensor = type_proto::Tensor { elem_type: Some(1), shape: Some(shape) };
        let of_type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)) };
        let input = ValueInfoProto { name: Some("x".to_owned()), r#type: Some(of_type) };
        let graph = GraphProto { name: Some("main".to_owned()), input: vec![input], ..GraphProto::default() };
        Self {
            graph,
            format,
            features: dims.iter().product(),
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// Uniform in -1 to 1.
    pub(crate) fn random(&mut self) -> f32 {
        // xorshift64
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn randoms(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.random()).collect()
    }

    pub(crate) fn sample(&mut self) -> Vec<f32> {
        (0..self.features).map(|_| 2.0 * self.random()).collect()
    }

    pub(crate) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, 1, raw)
    }

    pub(crate) fn constant(&mut self, name: &str, dims: &[usize], data_type: i32, raw: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            name: Some(name.to_owned()),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(data_type),
            raw_data: Some(raw),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    pub(crate) fn shape(&mut self, name: &str, dims: &[i64]) -> String {
        self.graph.initializer.push(TensorProto {
            name: Some(name.to_owned()),
            dims: vec![dims.len() as i64],
            data_type: Some(7),
            int64_data: dims.to_vec(),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    /// A node, whose name is that of its output.
    pub(crate) fn op(
        &mut self,
        name: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> String {
        self.op_of("", name, op, inputs, attributes)
    }

    pub(crate) fn op_of(
        &mut self,
        domain: &str,
        name: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> String {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![format!("{name}_out")],
            name: Some(format!("/{name}/{op}")),
            op_type: Some(op.to_owned()),
            domain: Some(domain.to_owned()),
            attribute: attributes.iter().map(attribute).collect(),
        });
        format!("{name}_out")
    }

    /// The largest magnitude that a tensor takes on some samples.
    fn largest(&mut self, tensor: &str) -> f32 {
        let mut largest = 0.0f64;
        for _ in 0..12 {
            let sample = self.sample();
            let values = &reference::run(&self.graph, &sample, |value| value)[tensor];
            largest = values.values.iter().fold(largest, |largest, value| largest.max(value.abs()));
        }
        largest as f32
    }

    /// A quantizer of activations whose last level is near the largest value, at a step that no other has.
    pub(crate) fn quant(&mut self, name: &str, of: &str, bits: u32, is_signed: bool) -> String {
        let levels = if is_signed { 1 << (bits - 1) } else { (1 << bits) - 1 };
        let step = self.largest(of) / levels as f32 * (0.8 + 0.1 * self.random());
        let scale = self.floats(&format!("{name}.step"), &[], &[step]);
        self.quant_by(name, of, &scale, bits, is_signed, false)
    }

    /// A quantizer of activations with this scale.
    pub(crate) fn quant_by(
        &mut self,
        name: &str,
        of: &str,
        scale: &str,
        bits: u32,
        is_signed: bool,
        is_narrow: bool,
    ) -> String {
        let (lo, hi) = ends(bits, is_signed, is_narrow);
        match self.format {
            Format::Qonnx => {
                let zero = self.floats(&format!("{name}.zero"), &[], &[0.0]);
                let width = self.floats(&format!("{name}.bits"), &[], &[bits as f32]);
                let attributes = [
                    I("signed", i64::from(is_signed)),
                    I("narrow", i64::from(is_narrow)),
                    Attribute::S("rounding_mode", "ROUND"),
                ];
                self.op_of("qonnx.custom_op.general", name, "Quant", &[of, scale, &zero, &width], &attributes)
            }
            Format::Qcdq => {
                let of_type = if is_signed { 3 } else { 2 };
                let zero = self.constant(&format!("{name}.zero"), &[], of_type, vec![0]);
                let ends = [("lo", lo), ("hi", hi)].map(|(end, value)| {
                    self.constant(&format!("{name}.{end}"), &[], of_type, vec![value as u8])
                });
                let rounded = self.op(&format!("{name}/q"), "QuantizeLinear", &[of, scale, &zero], &[]);
                self.graph.node.last_mut().unwrap().name = Some(format!("/{name}/QuantizeLinear"));
                let clipped = self.op(&format!("{name}/c"), "Clip", &[&rounded, &ends[0], &ends[1]], &[]);
                self.op(name, "DequantizeLinear", &[&clipped, scale, &zero], &[])
            }
        }
    }

    /// Random weights, of which about one in five is zero, quantized with a scale for all or for each output.
    pub(crate) fn weights(
        &mut self,
        name: &str,
        dims: &[usize],
        bits: u32,
        is_narrow: bool,
        is_per_channel: bool,
    ) -> String {
        let count = dims.iter().product();
        let values: Vec<f32> =
            (0..count).map(|_| if self.random() < -0.6 { 0.0 } else { self.random() }).collect();
        let scales: Vec<f32> = (0..if is_per_channel { dims[0] } else { 1 })
            .map(|_| (1.0 + 0.2 * self.random()) / (1 << (bits - 1)) as f32)
            .collect();
        self.weights_of(name, dims, &values, &scales, bits, is_narrow)
    }

    pub(crate) fn weights_of(
        &mut self,
        name: &str,
        dims: &[usize],
        values: &[f32],
        scales: &[f32],
        bits: u32,
        is_narrow: bool,
    ) -> String {
        let (lo, hi) = ends(bits, true, is_narrow);
        match self.format {
            Format::Qonnx => {
                let float = self.floats(&format!("{name}.weight"), dims, values);
                let mut of_scale = vec![1; dims.len()];
                of_scale[0] = scales.len();
                let of_scale = if scales.len() == 1 { &[][..] } else { &of_scale };
                let scale = self.floats(&format!("{name}.scale"), of_scale, scales);
                let zero = self.floats(&format!("{name}.w_zero"), &[], &[0.0]);
                let width = self.floats(&format!("{name}.w_bits"), &[], &[bits as f32]);
                let attributes = [
                    I("signed", 1),
                    I("narrow", i64::from(is_narrow)),
                    Attribute::S("rounding_mode", "ROUND"),
                ];
                self.op_of(
                    "qonnx.custom_op.general",
                    &format!("{name}/weight_quant"),
                    "Quant",
                    &[&float, &scale, &zero, &width],
                    &attributes,
                )
            }
            Format::Qcdq => {
                let each = values.len() / scales.len();
                let integers = values.iter().enumerate().map(|(place, value)| {
                    (value / scales[place / each]).round_ties_even().clamp(lo as f32, hi as f32) as i8 as u8
                });
                let integers = integers.collect();
                let integers = self.constant(&format!("{name}.int"), dims, 3, integers);
                let ends = [("lo", lo), ("hi", hi)]
                    .map(|(end, value)| self.constant(&format!("{name}.{end}"), &[], 3, vec![value as u8]));
                let of_scale = if scales.len() == 1 { vec![] } else { vec![scales.len()] };
                let scale = self.floats(&format!("{name}.scale"), &of_scale, scales);
                let zeros = self.constant(&format!("{name}.w_zero"), &of_scale, 3, vec![0; scales.len()]);
                let clipped = self.op(&format!("{name}/c"), "Clip", &[&integers, &ends[0], &ends[1]], &[]);
                self.op(
                    &format!("{name}/weight_quant"),
                    "DequantizeLinear",
                    &[&clipped, &scale, &zeros],
                    &[I("axis", 0)],
                )
            }
        }
    }

    /// A dense layer, `Gemm` with a bias.
    pub(crate) fn linear(
        &mut self,
        name: &str,
        of: &str,
        inputs: usize,
        outputs: usize,
        bits: u32,
    ) -> String {
        let weights = self.weights(name, &[outputs, inputs], bits, true, false);
        let bias = self.randoms(outputs);
        let bias = self.floats(&format!("{name}.bias"), &[outputs], &bias);
        self.op(name, "Gemm", &[of, &weights, &bias], &[I("transB", 1)])
    }

    /// A batch normalisation of random numbers.
    pub(crate) fn norm(&mut self, name: &str, of: &str, channels: usize, epsilon: f32) -> String {
        let mut part = |part: &str, least: f32| {
            let values: Vec<f32> = (0..channels)
                .map(|_| if least > 0.0 { least + 0.5 + 0.5 * self.random() } else { self.random() })
                .collect();
            self.floats(&format!("{name}.{part}"), &[channels], &values)
        };
        let parts = [part("gamma", 0.0), part("beta", 0.0), part("mean", 0.0), part("var", 0.2)];
        let [gamma, beta, mean, var] = parts.each_ref().map(String::as_str);
        self.op(
            name,
            "BatchNormalization",
            &[of, gamma, beta, mean, var],
            &[Attribute::F("epsilon", epsilon)],
        )
    }

    /// Windows of a node.
    pub(crate) fn conv(
        &mut self,
        name: &str,
        of: &str,
        weights: &str,
        bias: Option<&str>,
        side: [i64; 3],
        groups: i64,
    ) -> String {
        let [kernel, stride, padding] = side;
        let inputs: Vec<&str> = [of, weights].into_iter().chain(bias).collect();
        let attributes = [
            Is("kernel_shape", &[kernel; 2]),
            Is("strides", &[stride; 2]),
            Is("pads", &[padding; 4]),
            Is("dilations", &[1, 1]),
            I("group", groups),
        ];
        self.op(name, "Conv", &inputs, &attributes)
    }

    /// The file, with this output.
    pub(crate) fn file(&mut self, output: &str) -> Vec<u8> {
        self.graph.output =
            vec![ValueInfoProto { name: Some(output.to_owned()), ..ValueInfoProto::default() }];
        let sets = [("", 17), ("qonnx.custom_op.general", 2)];
        let set = |(domain, version): (&str, i64)| OperatorSetIdProto {
            domain: Some(domain.to_owned()),
            version: Some(version),
        };
        ModelProto {
            ir_version: Some(9),
            opset_import: sets.map(set).to_vec(),
            producer_name: Some("test".to_owned()),
            graph: Some(self.graph.clone()),
            ..ModelProto::default()
        }
        .encode_to_vec()
    }
}

/// The least and the greatest integer.
fn ends(bits: u32, is_signed: bool, is_narrow: bool) -> (i64, i64) {
    let narrow = i64::from(is_narrow);
    if is_signed {
        (narrow - (1 << (bits - 1)), (1 << (bits - 1)) - 1)
    } else {
        (0, (1 << bits) - 1 - narrow)
    }
}

fn attribute(attribute: &Attribute<'_>) -> AttributeProto {
    let of = |name: &str, of_type: AttributeType| AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(of_type as i32),
        ..AttributeProto::default()
    };
    match *attribute {
        I(name, i) => AttributeProto { i: Some(i), ..of(name, AttributeType::Int) },
        Attribute::F(name, f) => AttributeProto { f: Some(f), ..of(name, AttributeType::Float) },
        Is(name, ints) => AttributeProto { ints: ints.to_vec(), ..of(name, AttributeType::Ints) },
        Attribute::S(name, s) => {
            AttributeProto { s: Some(s.as_bytes().to_vec()), ..of(name, AttributeType::String) }
        }
    }
}
