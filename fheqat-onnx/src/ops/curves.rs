//! Functions of each number, which the quantizer behind them tabulates.

use crate::{
    expr::{Expr, Kind},
    node::Node,
    plan::Curve,
    walk::{Value, Walk},
};

/// The slope of `LeakyReLU` below zero.
const LEAK: f32 = 0.01;

/// # Errors
/// When it is a function of other numbers than ours.
pub(super) fn curve<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let curve = match node.op() {
        "Relu" => Curve::ReLU,
        "Sigmoid" => Curve::Sigmoid,
        "Tanh" => Curve::Tanh,
        _ => {
            let slope = node.float("alpha", LEAK);
            if slope.to_bits() != LEAK.to_bits() {
                return Err(format!("has a slope of {slope} below zero, but that of `LeakyReLU` is {LEAK}"));
            }
            Curve::LeakyReLU
        }
    };
    let of = walk.wire(node, 0)?;
    let shape = of.shape().to_vec();
    Expr::new(Kind::Curve(curve, of), shape).map(Value::Wire)
}
