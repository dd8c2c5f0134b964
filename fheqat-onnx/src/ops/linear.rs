//! Weighted sums, their biases and normalisations, and sums of levels.

use std::rc::Rc;

use fheqat_runtime::{
    quant::transition::Channel,
    spec::{Bias, Conv, Known, Layer, Linear, Source, WeightScale},
};

use crate::{
    expr::{Expr, Kind},
    node::Node,
    plan::{Learned, number},
    quantization::{Quantized, Scales, weight_bits},
    sliding::Sliding,
    walk::{Value, Walk},
};

/// Quantized weights at a place of a node.
fn weights<'a>(walk: &Walk<'a>, node: Node<'a>, place: usize) -> Result<Rc<Quantized>, String> {
    match walk.required(node, place)? {
        Value::Weights(weights) => Ok(weights),
        Value::Constant(_) => Err(
            "multiplies by float weights: quantize them to 2 to 8 bits, or train the network with fheqat from its float weights"
                .to_owned(),
        ),
        _ => Err("multiplies two tensors of the network: one has to be weights".to_owned()),
    }
}

/// Numbers for each output, of a constant or of an integer bias; one for all counts for each.
fn bias_of(value: &Value, outputs: usize, what: &str) -> Result<Vec<f32>, String> {
    let values = match value {
        Value::Constant(tensor) => tensor.to_floats(),
        Value::Weights(quantized) => quantized.to_floats(),
        _ => return Err(format!("has a {what} that is no constant")),
    };
    match values.len() {
        1 => Ok(vec![values[0]; outputs]),
        len if len == outputs => Ok(values),
        len => Err(format!("has a {what} of {len} numbers for {outputs} outputs")),
    }
    .and_then(|values| match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("has a {what} of {value}")),
        None => Ok(values),
    })
}

/// A bias whose last axis counts outputs: one along any other is one for each sample.
fn of_outputs(value: &Value, outputs: usize) -> Result<Vec<f32>, String> {
    let dims = match value {
        Value::Constant(tensor) => &tensor.dims[..],
        Value::Weights(quantized) => &quantized.dims[..],
        _ => &[],
    };
    if let Some((_, others)) = dims.split_last()
        && others.iter().any(|&dim| dim != 1)
    {
        return Err(format!("has a bias of shape {dims:?} for {outputs} outputs"));
    }
    bias_of(value, outputs, "bias")
}

/// Rows of weights `[out, in]`, and what the laws have to know of them.
struct Rows {
    outputs: usize,
    described: Linear,
    learned: Learned,
}

/// Weights whose first axis counts outputs.
fn rows(weights: &Quantized, bias: Option<Vec<f32>>, inputs: usize) -> Result<Rows, String> {
    let outputs = weights.dims.first().copied().unwrap_or_default();
    if outputs == 0 || weights.integers.is_empty() {
        return Err("has no weights".to_owned());
    }
    let (scales, weight_scale) = match &weights.scales {
        Scales::All(scale) => (vec![*scale], WeightScale::PerTensor),
        Scales::Each { axis: 0, scales } => (scales.clone(), WeightScale::PerChannel),
        Scales::Each { axis, .. } => {
            return Err(format!(
                "has a weight scale for each index of axis {axis}: one for all, or one for each output, is read"
            ));
        }
    };
    let (bits, weight_range) = weight_bits(weights.range)?;
    let integers: Option<Vec<i32>> =
        weights.integers.iter().map(|&integer| i32::try_from(integer).ok()).collect();
    let described = Linear {
        inputs: number(inputs),
        outputs: number(outputs),
        weight_bits: Known::Now(bits),
        weight_range,
        weight_scale,
        max_nonzero: None,
        max_l1: None,
        acc_bits: None,
        bias: if bias.is_some() { Bias::Free } else { Bias::None },
        tolerance: None,
    };
    let integers = integers.ok_or("has weights beyond 32 bits")?;
    Ok(Rows { outputs, described, learned: Learned::Weights { integers, scales, bias } })
}

fn name<'a>(walk: &mut Walk<'a>, node: Node<'a>, place: usize) -> String {
    // A quantizer between weights and node hides the name of the weights.
    let tensor = node.0.input.get(place).map(String::as_str);
    walk.builder.names.field(node.name(), node.op(), tensor)
}

/// # Errors
/// When the weights are none of ours, or the window is.
pub(super) fn conv<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let (of, weights) = (walk.wire(node, 0)?, weights(walk, node, 1)?);
    let axes = weights.dims.len().saturating_sub(2);
    if !(1..=2).contains(&axes) || of.shape().len() != axes + 1 {
        return Err(format!(
            "has weights of shape {:?} for samples of shape {:?}: convolutions along one or two axes are read",
            weights.dims,
            of.shape()
        ));
    }
    let sliding = Sliding::of(node, &of.shape()[1..], Some(&weights.dims[2..]))?;
    let groups = usize::try_from(node.integer("group", 1)).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or("has no groups")?;
    let (outputs, channels) = (weights.dims[0], of.shape()[0]);
    if weights.dims[1].checked_mul(groups) != Some(channels) || outputs % groups != 0 {
        return Err(format!(
            "has {groups} groups of weights {:?}, but reads {channels} channels",
            weights.dims
        ));
    }
    let bias = walk.operand(node, 2).map(|bias| bias_of(&bias, outputs, "bias")).transpose()?;
    let rows = rows(&weights, bias, channels)?;
    let shape = sliding.slide(rows.outputs, &of.shape()[1..])?;
    let from = walk.builder.settle(&of)?;
    let name = name(walk, node, 1);
    let layer =
        Layer::Conv(Conv { filters: rows.described, window: sliding.window(), groups: number(groups) });
    walk.builder.sums(name, &layer, vec![from], rows.learned, shape).map(Value::Wire)
}

/// # Errors
/// When the weights are none of ours, or something is multiplied beside them.
pub(super) fn gemm<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("transA", 0, 0)?;
    for factor in ["alpha", "beta"] {
        let found = node.float(factor, 1.0);
        if found.to_bits() != 1.0f32.to_bits() {
            return Err(format!("has `{factor}` of {found}, but only 1 is read"));
        }
    }
    let of = walk.wire(node, 0)?;
    let mut weights = weights(walk, node, 1)?;
    if node.integer("transB", 0) == 0 {
        weights = turned(&weights)?;
    }
    let bias = match walk.operand(node, 2) {
        Some(bias) => Some(of_outputs(&bias, weights.dims.first().copied().unwrap_or_default())?),
        None => None,
    };
    dense(walk, node, &of, &weights, bias)
}

/// # Errors
/// When the weights are none of ours.
pub(super) fn matmul<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    if matches!(walk.required(node, 0)?, Value::Weights(_)) {
        return Err("multiplies weights by samples: the samples have to come first".to_owned());
    }
    let (of, weights) = (walk.wire(node, 0)?, weights(walk, node, 1)?);
    dense(walk, node, &of, &*turned(&weights)?, None)
}

fn turned(weights: &Quantized) -> Result<Rc<Quantized>, String> {
    let turned = if weights.dims.len() == 2 { weights.transposed(&[1, 0]) } else { None };
    turned
        .map(Rc::new)
        .ok_or_else(|| format!("has weights of shape {:?}, but [in, out] is read", weights.dims))
}

/// A dense layer of weights `[out, in]`.
fn dense<'a>(
    walk: &mut Walk<'a>,
    node: Node<'a>,
    of: &Expr,
    weights: &Quantized,
    bias: Option<Vec<f32>>,
) -> Result<Value, String> {
    let &[outputs, inputs] = &weights.dims[..] else {
        return Err(format!("has weights of shape {:?}, but a matrix is read", weights.dims));
    };
    if of.shape() != [inputs] {
        return Err(format!(
            "has weights for {inputs} features, but reads samples of shape {:?}: flatten them first",
            of.shape()
        ));
    }
    let rows = rows(weights, bias, inputs)?;
    let from = walk.builder.settle(of)?;
    let name = name(walk, node, 1);
    let layer = Layer::Linear(rows.described);
    walk.builder.sums(name, &layer, vec![from], rows.learned, vec![outputs]).map(Value::Wire)
}

/// A bias, another constant, or a sum of levels.
///
/// # Errors
/// When it adds a constant to anything but what a layer gives, or shapes differ.
pub(super) fn add<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let operands = [walk.required(node, 0)?, walk.required(node, 1)?];
    match operands {
        [Value::Wire(one), Value::Wire(other)] => {
            if one.shape() != other.shape() {
                return Err(format!("adds samples of the shapes {:?} and {:?}", one.shape(), other.shape()));
            }
            walk.builder.add(node.name(), &[one, other]).map(Value::Wire)
        }
        [Value::Wire(sums), constant] => biased(walk, node, &sums, &constant, 0),
        [constant, Value::Wire(sums)] => biased(walk, node, &sums, &constant, 1),
        _ => Err("adds constants: fold them before the export".to_owned()),
    }
}

fn biased<'a>(
    walk: &mut Walk<'a>,
    node: Node<'a>,
    sums: &Expr,
    constant: &Value,
    place: usize,
) -> Result<Value, String> {
    let is_alone = walk.readers(&node.0.input[place]) == 1;
    let values = channels(sums, constant)?;
    if let (Kind::Field(index), true) = (sums.kind(), is_alone) {
        let field = &mut walk.builder.fields[*index];
        if let Layer::Linear(described) | Layer::Conv(Conv { filters: described, .. }) = &mut field.layer
            && let Learned::Weights { bias: bias @ None, .. } = &mut field.learned
        {
            *bias = Some(values);
            described.bias = Bias::Free;
            return Ok(Value::Wire(sums.clone()));
        }
    }
    mapped(walk, node, sums, vec![1.0; values.len()], values)
}

/// The numbers of a constant for each channel.
fn channels(of: &Expr, constant: &Value) -> Result<Vec<f32>, String> {
    let dims = match constant {
        Value::Constant(tensor) => &tensor.dims,
        Value::Weights(quantized) => &quantized.dims,
        _ => return Err("reads no constant where one is expected".to_owned()),
    };
    // Along the axis of channels, which has `rank - 1` axes behind it.
    let shape = of.shape();
    let channels = shape.first().copied().unwrap_or_default();
    let is_for_channels = dims.iter().product::<usize>() == 1
        || dims.len().checked_sub(shape.len()).is_some_and(|channel| {
            dims.iter().enumerate().all(|(axis, &dim)| dim == if axis == channel { channels } else { 1 })
        });
    if !is_for_channels {
        return Err(format!(
            "has a constant of shape {dims:?} for samples of shape {shape:?}: one number for all, or one for each channel, is read"
        ));
    }
    bias_of(constant, channels, "constant")
}

/// Each channel times a factor, and a constant more: a normalisation by a mean of zero and a deviation of one, which runs without
/// being compiled.
fn mapped<'a>(
    walk: &mut Walk<'a>,
    node: Node<'a>,
    of: &Expr,
    gamma: Vec<f32>,
    beta: Vec<f32>,
) -> Result<Value, String> {
    let Some(from @ Source::Field(_)) = of.source() else {
        return Err(
            "adds a constant to, or multiplies by one, what is no sum: it is read behind a layer, in front of functions, views and quantizers; else fold it into the weights or the scales before the export"
                .to_owned(),
        );
    };
    let (mean, variance) = (vec![0.0; gamma.len()], vec![1.0 - Channel::EPSILON; gamma.len()]);
    let learned = Learned::Norm { gamma, beta, mean, variance };
    let name = walk.builder.names.field(node.name(), node.op(), None);
    walk.builder.sums(name, &Layer::BatchNorm, vec![from], learned, of.shape().to_vec()).map(Value::Wire)
}

/// `x` times a function of `x`, or a constant.
///
/// # Errors
/// When it is any other product.
pub(super) fn mul<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    match [walk.required(node, 0)?, walk.required(node, 1)?] {
        [Value::Wire(one), Value::Wire(other)] => super::curves::product(&one, &other).unwrap_or_else(|| {
            Err("multiplies two tensors of the network: `x * Sigmoid(x)` and the like are read alone"
                .to_owned())
        }),
        [Value::Wire(of), constant] | [constant, Value::Wire(of)] => {
            let gamma = channels(&of, &constant)?;
            let beta = vec![0.0; gamma.len()];
            mapped(walk, node, &of, gamma, beta)
        }
        _ => Err("multiplies constants: fold them before the export".to_owned()),
    }
}

/// # Errors
/// When it trains, or reads no sums of channels.
pub(super) fn batch_norm<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("training_mode", 0, 0)?;
    let of = walk.wire(node, 0)?;
    let Some(from) = of.source() else {
        return Err(
            "normalises what a function or a view gives: it is read behind a layer with weights, in front of functions, views and quantizers"
                .to_owned(),
        );
    };
    let channels = of.shape().first().copied().unwrap_or_default();
    let part = |place: usize| {
        let values = walk.tensor(node, place)?.to_floats();
        if values.len() != channels || values.iter().any(|value| !value.is_finite()) {
            return Err(format!(
                "has {} numbers at operand {place} for {channels} channels, or one that is infinite",
                values.len()
            ));
        }
        Ok(values)
    };
    let (gamma, beta, mean, mut variance) = (part(1)?, part(2)?, part(3)?, part(4)?);
    let epsilon = f64::from(node.float("epsilon", Channel::EPSILON));
    // Ours is fixed, so the variance takes the difference.
    let more = epsilon - f64::from(Channel::EPSILON);
    for variance in &mut variance {
        let sum = f64::from(*variance) + epsilon;
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(format!(
                "has a variance of {variance}, which with its epsilon of {epsilon} is no positive number"
            ));
        }
        if more != 0.0 {
            *variance = (f64::from(*variance) + more) as f32;
        }
    }
    let name = walk.builder.names.field(node.name(), node.op(), node.0.input.get(1).map(String::as_str));
    let shape = of.shape().to_vec();
    let learned = Learned::Norm { gamma, beta, mean, variance };
    walk.builder.sums(name, &Layer::BatchNorm, vec![from], learned, shape).map(Value::Wire)
}

/// The most features that are standardised.
const MOST_FEATURES: usize = 1 << 13;

/// The input less its mean, or divided by its deviation.
///
/// # Errors
/// When it reads anything but the input, or is divided by no positive number.
pub(super) fn standardize<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    const ONE: u32 = 1.0f32.to_bits();
    let elsewhere = || {
        "is read in front of the quantizer of the input alone, first `Sub`, then `Div`, each of a constant: fold it into the weights or the scales before the export".to_owned()
    };
    let Ok(of) = walk.wire(node, 0) else { return Err(elsewhere()) };
    let count: usize = of.shape().iter().product();
    if count > MOST_FEATURES {
        return Err(format!("standardises {count} features, but at most {MOST_FEATURES} are"));
    }
    let (mean, deviation): (Rc<[u32]>, Rc<[u32]>) = match of.kind() {
        Kind::Input => (vec![0; count].into(), vec![ONE; count].into()),
        Kind::Standardized { mean, deviation } => (Rc::clone(mean), Rc::clone(deviation)),
        _ => return Err(elsewhere()),
    };
    if deviation.iter().any(|bits| *bits != ONE) || (node.op() == "Sub" && mean.iter().any(|bits| *bits != 0))
    {
        return Err(elsewhere());
    }
    let tensor = walk.tensor(node, 1).map_err(|_| elsewhere())?;
    let dims: Vec<usize> = std::iter::once(1).chain(of.shape().iter().copied()).collect();
    let values = broadcast(&tensor.to_floats(), &tensor.dims, &dims).ok_or_else(|| {
        format!("has a constant of shape {:?} for samples of shape {:?}", tensor.dims, of.shape())
    })?;
    if values.iter().any(|value| !value.is_finite() || (node.op() == "Div" && *value <= 0.0)) {
        return Err("moves by a number that is infinite, or divides by one that is not positive".to_owned());
    }
    let bits: Rc<[u32]> = values.iter().map(|value| value.to_bits()).collect();
    let (mean, deviation) = if node.op() == "Sub" { (bits, deviation) } else { (mean, bits) };
    Expr::new(Kind::Standardized { mean, deviation }, of.shape().to_vec()).map(Value::Wire)
}

/// Numbers of a shape for each place of a larger one, from the ends of both.
fn broadcast(values: &[f32], from: &[usize], to: &[usize]) -> Option<Vec<f32>> {
    let offset = to.len().checked_sub(from.len())?;
    if from.iter().zip(&to[offset..]).any(|(&from, &to)| from != 1 && from != to) || values.is_empty() {
        return None;
    }
    let count: usize = to.iter().product();
    let value = |mut place: usize| {
        let (mut at, mut stride) = (0, 1);
        for (axis, &dim) in to.iter().enumerate().rev() {
            let index = place % dim;
            place /= dim;
            if let Some(&length) = axis.checked_sub(offset).and_then(|axis| from.get(axis)) {
                at += if length == 1 { 0 } else { index * stride };
                stride *= length;
            }
        }
        values[at]
    };
    Some((0..count).map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalisation_without_a_spread_is_its_factor() {
        for gamma in [0.7f32, -1.3, 1.0 / 3.0, 0.0] {
            let channel = Channel { gamma, beta: 0.2, mean: 0.0, variance: 1.0 - Channel::EPSILON };
            assert_eq!(channel.factor().to_bits(), gamma.to_bits());
        }
    }
}
