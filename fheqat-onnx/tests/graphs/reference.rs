//! A plain interpreter of ONNX in floats of 64 bits, with no thought of speed.

use std::collections::HashMap;

use fheqat_onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// Numbers of a shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Tensor {
    pub(crate) fn new(dims: &[usize], values: Vec<f64>) -> Self {
        assert_eq!(dims.iter().product::<usize>(), values.len(), "{dims:?}");
        Self { dims: dims.to_vec(), values }
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { dims: self.dims.clone(), values: self.values.iter().map(|&value| f(value)).collect() }
    }

    /// The number at an index of every axis of a larger shape, broadcast from the ends.
    fn broadcast(&self, index: &[usize]) -> f64 {
        let offset = index.len() - self.dims.len();
        let mut place = 0;
        for (axis, &dim) in self.dims.iter().enumerate() {
            place = place * dim + if dim == 1 { 0 } else { index[axis + offset] };
        }
        self.values[place]
    }
}

fn indices(dims: &[usize]) -> Vec<Vec<usize>> {
    let count: usize = dims.iter().product();
    let index = |mut number: usize| {
        let mut index = vec![0; dims.len()];
        for (axis, &dim) in dims.iter().enumerate().rev() {
            index[axis] = number % dim;
            number /= dim;
        }
        index
    };
    (0..count).map(index).collect()
}

fn zip(one: &Tensor, other: &Tensor, f: impl Fn(f64, f64) -> f64) -> Tensor {
    let rank = one.dims.len().max(other.dims.len());
    let dim = |tensor: &Tensor, axis: usize| {
        (axis + tensor.dims.len()).checked_sub(rank).map_or(1, |axis| tensor.dims[axis])
    };
    let dims: Vec<usize> = (0..rank).map(|axis| dim(one, axis).max(dim(other, axis))).collect();
    let values = indices(&dims).iter().map(|index| f(one.broadcast(index), other.broadcast(index))).collect();
    Tensor { dims, values }
}

fn constant(proto: &TensorProto) -> Tensor {
    let dims: Vec<usize> = proto.dims.iter().map(|&dim| dim as usize).collect();
    let raw = proto.raw_data.clone().unwrap_or_default();
    let values: Vec<f64> = match proto.data_type() {
        1 if raw.is_empty() => proto.float_data.iter().map(|&value| f64::from(value)).collect(),
        1 => raw.chunks(4).map(|word| f64::from(f32::from_le_bytes(word.try_into().unwrap()))).collect(),
        2 => raw.iter().map(|&byte| f64::from(byte)).collect(),
        3 => raw.iter().map(|&byte| f64::from(byte as i8)).collect(),
        6 => proto.int32_data.iter().map(|&value| f64::from(value)).collect(),
        7 if !raw.is_empty() => {
            raw.chunks(8).map(|word| i64::from_le_bytes(word.try_into().unwrap()) as f64).collect()
        }
        7 => proto.int64_data.iter().map(|&value| value as f64).collect(),
        other => panic!("constants of type {other}"),
    };
    Tensor::new(&dims, values)
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name() == name)
}

fn integer(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, AttributeProto::i)
}

fn float(node: &NodeProto, name: &str, default: f64) -> f64 {
    attribute(node, name).map_or(default, |found| f64::from(found.f()))
}

fn integers(node: &NodeProto, name: &str, default: &[usize]) -> Vec<usize> {
    attribute(node, name)
        .map_or(default.to_vec(), |found| found.ints.iter().map(|&value| value as usize).collect())
}

/// Every tensor of a graph for one sample, each result of an operation rounded by a function.
pub(crate) fn run(graph: &GraphProto, sample: &[f32], rounded: fn(f64) -> f64) -> HashMap<String, Tensor> {
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    for initializer in &graph.initializer {
        tensors.insert(initializer.name().to_owned(), constant(initializer));
    }
    let input = &graph.input[0];
    let fheqat_onnx::proto::type_proto::Value::TensorType(of_type) =
        input.r#type.as_ref().unwrap().value.as_ref().unwrap();
    let dims = of_type.shape.as_ref().unwrap().dim[1..].iter().map(|dim| match dim.value {
        Some(fheqat_onnx::proto::tensor_shape_proto::dimension::Value::DimValue(value)) => value as usize,
        _ => panic!("no dimension"),
    });
    let dims: Vec<usize> = std::iter::once(1).chain(dims).collect();
    tensors
        .insert(input.name().to_owned(), Tensor::new(&dims, sample.iter().map(|&x| f64::from(x)).collect()));
    for node in &graph.node {
        let operands: Vec<&Tensor> =
            node.input.iter().filter(|name| !name.is_empty()).map(|name| &tensors[name]).collect();
        if node.op_type() == "Split" {
            let axis = integer(node, "axis", 0) as usize;
            let each = operands[0].dims[axis].div_ceil(node.output.len());
            let lengths = operands.get(1).map(|lengths| lengths.values.clone());
            let lengths = lengths.unwrap_or_else(|| vec![each as f64; node.output.len()]);
            let (mut start, of) = (0, operands[0].clone());
            for (output, length) in node.output.iter().zip(lengths) {
                tensors.insert(output.clone(), part(&of, axis, start, start + length as usize));
                start += length as usize;
            }
            continue;
        }
        let result = apply(node, &operands).map(rounded);
        tensors.insert(node.output[0].clone(), result);
    }
    tensors
}

/// Functions of each number.
fn function(node: &NodeProto, of: &[&Tensor]) -> Option<Tensor> {
    Some(match node.op_type() {
        "Relu" => of[0].map(|x| x.max(0.0)),
        "Sigmoid" => of[0].map(|x| 1.0 / (1.0 + (-x).exp())),
        "Tanh" => of[0].map(f64::tanh),
        "LeakyRelu" => of[0].map(|x| if x < 0.0 { float(node, "alpha", 0.01) * x } else { x }),
        "PRelu" => zip(of[0], of[1], |x, slope| if x < 0.0 { slope * x } else { x }),
        "Elu" => of[0].map(|x| if x < 0.0 { float(node, "alpha", 1.0) * x.exp_m1() } else { x }),
        "Selu" => of[0].map(|x| {
            let (alpha, gamma) = (1.673_263_192_176_818_8, 1.050_701_022_148_132);
            gamma * if x > 0.0 { x } else { alpha * x.exp_m1() }
        }),
        "Softplus" => of[0].map(|x| x.exp().ln_1p()),
        "Softsign" => of[0].map(|x| x / (1.0 + x.abs())),
        "HardSigmoid" => {
            let (alpha, beta) = (float(node, "alpha", 0.2), float(node, "beta", 0.5));
            of[0].map(|x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "HardSwish" => of[0].map(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Mish" => of[0].map(|x| x * x.exp().ln_1p().tanh()),
        "ThresholdedRelu" => of[0].map(|x| if x > float(node, "alpha", 1.0) { x } else { 0.0 }),
        "Gelu" if attribute(node, "approximate").is_none_or(|form| form.s() == b"none") => {
            of[0].map(|x| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)))
        }
        "Gelu" => {
            of[0].map(|x| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x)).tanh()))
        }
        _ => return None,
    })
}

fn apply(node: &NodeProto, of: &[&Tensor]) -> Tensor {
    if let Some(values) = function(node, of).or_else(|| moved(node, of)) {
        return values;
    }
    match node.op_type() {
        "Constant" => constant(attribute(node, "value").unwrap().t.as_ref().unwrap()),
        "Identity" | "Cast" => of[0].clone(),
        "Add" => zip(of[0], of[1], |a, b| a + b),
        "Sub" => zip(of[0], of[1], |a, b| a - b),
        "Mul" => zip(of[0], of[1], |a, b| a * b),
        "Div" => zip(of[0], of[1], |a, b| a / b),
        "Round" => of[0].map(f64::round_ties_even),
        "Quant" | "IntQuant" => {
            let (bits, narrow) = (of[3].values[0], integer(node, "narrow", 0) as f64);
            let (lo, hi) = if integer(node, "signed", 1) != 0 {
                (narrow - (bits - 1.0).exp2(), (bits - 1.0).exp2() - 1.0)
            } else {
                (0.0, bits.exp2() - 1.0 - narrow)
            };
            zip(of[0], of[1], |x, scale| (x / scale).round_ties_even().clamp(lo, hi) * scale)
        }
        "BipolarQuant" => zip(of[0], of[1], |x, scale| if x >= 0.0 { scale } else { -scale }),
        "QuantizeLinear" => zip(of[0], of[1], |x, scale| (x / scale).round_ties_even()),
        "Clip" => of[0].map(|x| x.clamp(of[1].values[0], of[2].values[0])),
        "DequantizeLinear" => {
            let axis = integer(node, "axis", 1) as usize;
            let mut scale = of[1].clone();
            if scale.values.len() > 1 {
                scale.dims = vec![1; of[0].dims.len()];
                scale.dims[axis] = scale.values.len();
            }
            zip(of[0], &scale, |x, scale| x * scale)
        }
        "Conv" => conv(node, of),
        "MatMul" => product(of[0], of[1], false),
        "Gemm" => {
            let product = product(of[0], of[1], integer(node, "transB", 0) != 0);
            of.get(2).map_or_else(|| product.clone(), |bias| zip(&product, bias, |a, b| a + b))
        }
        "BatchNormalization" => {
            let epsilon = attribute(node, "epsilon").map_or(1e-5, |found| f64::from(found.f()));
            let mut normal = of[0].clone();
            for (index, value) in indices(&normal.dims.clone()).iter().zip(&mut normal.values) {
                let of_channel = |part: usize| of[part].values[index[1]];
                *value = (*value - of_channel(3)) / (of_channel(4) + epsilon).sqrt() * of_channel(1)
                    + of_channel(2);
            }
            normal
        }
        "AveragePool" => windows(node, of[0], 0.0, |window| window.iter().sum::<f64>() / window.len() as f64),
        "MaxPool" => windows(node, of[0], f64::NEG_INFINITY, |window| {
            window.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        }),
        "GlobalAveragePool" => {
            let (channels, numbers) = (of[0].dims[1], of[0].dims[2] * of[0].dims[3]);
            let means =
                of[0].values.chunks(numbers).map(|channel| channel.iter().sum::<f64>() / numbers as f64);
            Tensor::new(&[1, channels, 1, 1], means.collect())
        }
        "Shape" => Tensor::new(&[of[0].dims.len()], of[0].dims.iter().map(|&dim| dim as f64).collect()),
        "Gather" => {
            let picked = of[1].values.iter().map(|&place| of[0].values[place as usize]);
            Tensor::new(&of[1].dims, picked.collect())
        }
        "Concat" if of[0].dims.len() == 1 => {
            let joined: Vec<f64> = of.iter().flat_map(|part| part.values.clone()).collect();
            Tensor::new(&[joined.len()], joined)
        }
        "Flatten" => Tensor::new(&[1, of[0].values.len()], of[0].values.clone()),
        "Reshape" => {
            let mut dims: Vec<i64> = of[1].values.iter().map(|&dim| dim as i64).collect();
            let known: i64 = dims.iter().filter(|dim| **dim > 0).product();
            dims.iter_mut()
                .filter(|dim| **dim == -1)
                .for_each(|dim| *dim = of[0].values.len() as i64 / known);
            let dims: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
            Tensor::new(&dims, of[0].values.clone())
        }
        "Transpose" => {
            let order = integers(node, "perm", &(0..of[0].dims.len()).rev().collect::<Vec<_>>());
            let dims: Vec<usize> = order.iter().map(|&axis| of[0].dims[axis]).collect();
            let value = |index: &Vec<usize>| {
                let mut from = vec![0; index.len()];
                order.iter().zip(index).for_each(|(&axis, &at)| from[axis] = at);
                of[0].broadcast(&from)
            };
            let values = indices(&dims).iter().map(value).collect();
            Tensor { dims, values }
        }
        "Concat" => {
            let mut dims = of[0].dims.clone();
            dims[1] = of.iter().map(|part| part.dims[1]).sum();
            Tensor::new(&dims, of.iter().flat_map(|part| part.values.clone()).collect())
        }
        other => panic!("{other}"),
    }
}

/// Numbers of an axis from one to another, which is not among them.
fn part(of: &Tensor, axis: usize, start: usize, end: usize) -> Tensor {
    let mut dims = of.dims.clone();
    dims[axis] = end.min(dims[axis]) - start;
    let value = |index: &Vec<usize>| {
        let mut from = index.clone();
        from[axis] += start;
        of.broadcast(&from)
    };
    let values = indices(&dims).iter().map(value).collect();
    Tensor { dims, values }
}

/// Numbers that lead others to places.
fn moved(node: &NodeProto, of: &[&Tensor]) -> Option<Tensor> {
    let x = of[0];
    let rank = x.dims.len();
    Some(match node.op_type() {
        "Pad" => {
            let pads: Vec<usize> = of[1].values.iter().map(|&pad| pad as usize).collect();
            let dims: Vec<usize> =
                (0..rank).map(|axis| pads[axis] + x.dims[axis] + pads[rank + axis]).collect();
            let value = |index: &Vec<usize>| {
                let from: Vec<usize> =
                    index.iter().zip(&pads).map(|(at, before)| at.wrapping_sub(*before)).collect();
                let is_inside = from.iter().zip(&x.dims).all(|(at, dim)| at < dim);
                if is_inside { x.broadcast(&from) } else { 0.0 }
            };
            let values = indices(&dims).iter().map(value).collect();
            Tensor { dims, values }
        }
        "Slice" => {
            let mut sliced = x.clone();
            for place in 0..of[1].values.len() {
                let at = |operand: usize| of[operand].values[place];
                let axis = of.get(3).map_or(place as f64, |_| at(3));
                let axis = if axis < 0.0 { rank - (-axis) as usize } else { axis as usize };
                let length = x.dims[axis] as f64;
                let [start, end] =
                    [at(1), at(2)].map(|at| if at < 0.0 { at + length } else { at.min(length) } as usize);
                sliced = part(&sliced, axis, start, end);
            }
            sliced
        }
        "Resize" | "Upsample" => {
            let factors: Vec<f64> = match of.last().unwrap() {
                sizes if node.input.len() == 4 => {
                    sizes.values.iter().zip(&x.dims).map(|(a, b)| a / *b as f64).collect()
                }
                scales => scales.values.clone(),
            };
            let dims: Vec<usize> =
                x.dims.iter().zip(&factors).map(|(dim, factor)| dim * *factor as usize).collect();
            let mode = attribute(node, "coordinate_transformation_mode").and_then(|found| found.s.clone());
            let value = |index: &Vec<usize>| {
                let from = index.iter().zip(&factors).map(|(&at, factor)| match mode.as_deref() {
                    Some(b"half_pixel") => ((at as f64 + 0.5) / factor - 0.5).round() as usize,
                    _ => (at as f64 / factor).floor() as usize,
                });
                x.broadcast(&from.collect::<Vec<usize>>())
            };
            let values = indices(&dims).iter().map(value).collect();
            Tensor { dims, values }
        }
        _ => return None,
    })
}

fn product(one: &Tensor, other: &Tensor, is_transposed: bool) -> Tensor {
    let inner = one.dims[1];
    let columns = other.dims[usize::from(!is_transposed)];
    let at = |row: usize, column: usize| {
        if is_transposed { other.values[column * inner + row] } else { other.values[row * columns + column] }
    };
    let values = (0..columns).map(|column| (0..inner).map(|row| one.values[row] * at(row, column)).sum());
    Tensor::new(&[1, columns], values.collect())
}

/// How a window slides along two axes or one.
struct Sliding {
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    before: Vec<usize>,
    positions: Vec<usize>,
}

impl Sliding {
    fn of(node: &NodeProto, over: &[usize], kernel: &[usize]) -> Self {
        let ones = vec![1; over.len()];
        let (stride, dilation) = (integers(node, "strides", &ones), integers(node, "dilations", &ones));
        let pads = integers(node, "pads", &vec![0; 2 * over.len()]);
        let auto = attribute(node, "auto_pad").and_then(|found| found.s.clone()).unwrap_or_default();
        let (mut before, mut positions) = (Vec::new(), Vec::new());
        for (axis, &length) in over.iter().enumerate() {
            let span = dilation[axis] * (kernel[axis] - 1) + 1;
            if auto.starts_with(b"SAME") {
                let count = length.div_ceil(stride[axis]);
                let missing = ((count - 1) * stride[axis] + span).saturating_sub(length);
                before.push(if auto == b"SAME_UPPER" { missing / 2 } else { missing.div_ceil(2) });
                positions.push(count);
            } else {
                before.push(pads[axis]);
                positions.push((length + pads[axis] + pads[over.len() + axis] - span) / stride[axis] + 1);
            }
        }
        Self { kernel: kernel.to_vec(), stride, dilation, before, positions }
    }

    /// Where an element of a window at a position is; beyond the axis where it is none of its numbers.
    fn place(&self, axis: usize, position: usize, element: usize) -> usize {
        (position * self.stride[axis] + element * self.dilation[axis]).wrapping_sub(self.before[axis])
    }
}

/// Positions and numbers of windows, padding as `outside`.
fn windows(node: &NodeProto, of: &Tensor, outside: f64, f: impl Fn(&[f64]) -> f64) -> Tensor {
    let sliding = Sliding::of(node, &of.dims[2..], &integers(node, "kernel_shape", &[]));
    let dims = [&of.dims[..2], &sliding.positions].concat();
    let value = |index: &Vec<usize>| {
        let seen: Vec<f64> = indices(&sliding.kernel)
            .iter()
            .map(|offset| {
                let places = (0..offset.len()).map(|axis| sliding.place(axis, index[2 + axis], offset[axis]));
                let at: Vec<usize> = [0, index[1]].into_iter().chain(places).collect();
                let is_inside = at.iter().zip(&of.dims).all(|(at, dim)| at < dim);
                if is_inside { of.broadcast(&at) } else { outside }
            })
            .collect();
        f(&seen)
    };
    let values = indices(&dims).iter().map(value).collect();
    Tensor { dims, values }
}

fn conv(node: &NodeProto, of: &[&Tensor]) -> Tensor {
    let (x, w) = (of[0], of[1]);
    let sliding = Sliding::of(node, &x.dims[2..], &w.dims[2..]);
    let groups = integer(node, "group", 1) as usize;
    let dims = [&[1, w.dims[0]], &sliding.positions[..]].concat();
    let value = |index: &Vec<usize>| {
        let group = index[1] / (w.dims[0] / groups);
        let mut sum = of.get(2).map_or(0.0, |bias| bias.values[index[1]]);
        for offset in indices(&w.dims[1..]) {
            let places =
                (0..offset.len() - 1).map(|axis| sliding.place(axis, index[2 + axis], offset[1 + axis]));
            let from: Vec<usize> = [0, group * w.dims[1] + offset[0]].into_iter().chain(places).collect();
            if from.iter().zip(&x.dims).all(|(from, dim)| from < dim) {
                let at: Vec<usize> = std::iter::once(index[1]).chain(offset).collect();
                sum += x.broadcast(&from) * w.broadcast(&at);
            }
        }
        sum
    };
    let values = indices(&dims).iter().map(value).collect();
    Tensor { dims, values }
}
