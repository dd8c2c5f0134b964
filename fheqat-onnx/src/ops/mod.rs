//! Operations: what each makes of its operands.

mod curves;
mod lengths;
mod linear;
mod moves;
mod parts;
mod pools;
mod rounding;

use crate::{
    graph::Graph,
    node::Node,
    walk::{Value, Walk},
};

/// Where `Quant` and its like are defined.
const QONNX: [&str; 3] = ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"];
const STANDARD: [&str; 2] = ["", "ai.onnx"];

/// Walks along all nodes of a graph.
pub(crate) fn walk<'a>(graph: &'a Graph<'a>) -> Walk<'a> {
    let mut walk = Walk::new(graph);
    for &node in &graph.nodes {
        let given = if walk.is_clear(node) {
            apply(&mut walk, node).and_then(|values| walk.counted(values))
        } else {
            Ok(Vec::new())
        };
        walk.give(node, given);
    }
    walk
}

/// What a node gives, output by output.
///
/// # Errors
/// When the node has no counterpart, with the reason.
fn apply<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Vec<Value>, String> {
    node.check_attributes()?;
    if node.op() == "Split" && STANDARD.contains(&node.domain()) {
        return parts::split(walk, node);
    }
    first(walk, node).map(|value| vec![value])
}

fn first<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let is_standard = STANDARD.contains(&node.domain());
    if QONNX.contains(&node.domain()) || (node.domain().is_empty() && is_of_qonnx(node.op())) {
        return match node.op() {
            "Quant" | "IntQuant" => rounding::quant(walk, node),
            "BipolarQuant" => rounding::bipolar(walk, node),
            "Trunc" => rounding::trunc(walk, node),
            _ => Err(unknown(node)),
        };
    }
    match node.op() {
        _ if !is_standard => Err(unknown(node)),
        "QuantizeLinear" => rounding::quantize(walk, node),
        "Clip" => rounding::clip(walk, node),
        "DequantizeLinear" => rounding::dequantize(walk, node),
        "Conv" => linear::conv(walk, node),
        "Gemm" => linear::gemm(walk, node),
        "MatMul" => linear::matmul(walk, node),
        "Add" => linear::add(walk, node),
        "Sub" | "Div" => linear::standardize(walk, node),
        "BatchNormalization" => linear::batch_norm(walk, node),
        "Relu" | "Sigmoid" | "Tanh" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Softplus" | "Softsign"
        | "HardSigmoid" | "HardSwish" | "Mish" | "Gelu" | "ThresholdedRelu" => curves::curve(walk, node),
        "Mul" => linear::mul(walk, node),
        "AveragePool" => pools::average(walk, node),
        "GlobalAveragePool" => pools::global(walk, node),
        "MaxPool" => pools::max(walk, node),
        "Pad" => parts::pad(walk, node),
        "Slice" => parts::slice(walk, node),
        "Resize" | "Upsample" => parts::resize(walk, node),
        "Flatten" => moves::flatten(walk, node),
        "Reshape" => moves::reshape(walk, node),
        "Transpose" => moves::transpose(walk, node),
        "Concat" if walk.reads_lengths(node) => lengths::concat(walk, node),
        "Concat" => moves::concat(walk, node),
        "Shape" => lengths::shape(walk, node),
        "Gather" => lengths::gather(walk, node),
        "Unsqueeze" | "Squeeze" => lengths::same(walk, node),
        "Constant" => moves::constant(node),
        "Identity" => walk.required(node, 0),
        "Cast" => moves::cast(walk, node),
        _ => Err(unknown(node)),
    }
}

fn is_of_qonnx(op: &str) -> bool {
    matches!(op, "Quant" | "IntQuant" | "BipolarQuant" | "Trunc")
}

fn unknown(node: Node<'_>) -> String {
    let hint = match node.op() {
        "Softmax" | "LogSoftmax" => {
            ": leave it out, for clients compute probabilities from what the network gives"
        }
        "Dropout" => ": export the model in evaluation mode",
        _ => "",
    };
    let domain = crate::node::printable(node.domain());
    let of = if domain.is_empty() { String::new() } else { format!(" of `{domain}`") };
    format!("this operation{of} has no counterpart{hint}")
}
