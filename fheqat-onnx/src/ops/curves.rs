//! Functions of each number, which the quantizer behind them tabulates.

use crate::{
    expr::{Expr, Kind},
    node::Node,
    plan::Curve,
    ratio::Ratio,
    walk::{Value, Walk},
};

/// # Errors
/// When it is a function of other numbers than ours.
pub(super) fn curve<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let curve = match node.op() {
        "Relu" => Curve::ReLU,
        "Sigmoid" => Curve::Sigmoid,
        "Tanh" => Curve::Tanh,
        "Softplus" => Curve::Softplus,
        "Softsign" => Curve::Softsign,
        "HardSwish" => Curve::HardSwish,
        "Mish" => Curve::Mish,
        "LeakyRelu" => leaky(node.float("alpha", 0.01))?,
        "PRelu" => leaky(slope(walk, node)?)?,
        "Elu" => match ratio("alpha", node.float("alpha", 1.0))? {
            Ratio { numerator: 0, .. } => Curve::ReLU,
            alpha => Curve::Elu(alpha),
        },
        "Selu" => {
            exactly(node, "alpha", 1.673_263_2)?;
            exactly(node, "gamma", 1.050_701)?;
            Curve::Selu
        }
        "HardSigmoid" => {
            exactly(node, "beta", 0.5)?;
            match ratio("alpha", node.float("alpha", 0.2))? {
                Ratio { numerator: ..=0, .. } => {
                    return Err("has an `alpha` that is not above zero".to_owned());
                }
                alpha => Curve::HardSigmoid(alpha),
            }
        }
        "ThresholdedRelu" => match ratio("alpha", node.float("alpha", 1.0))? {
            Ratio { numerator: 0, .. } => Curve::ReLU,
            at => Curve::Threshold(at),
        },
        _ => match &*node.text("approximate", "none") {
            "none" => Curve::GeluErf,
            "tanh" => Curve::Gelu,
            other => {
                return Err(format!(
                    "has `approximate` of {}, but it is `none` or `tanh`",
                    crate::node::printable(other)
                ));
            }
        },
    };
    of(curve, walk.wire(node, 0)?)
}

fn of(curve: Curve, of: Expr) -> Result<Value, String> {
    let shape = of.shape().to_vec();
    Expr::new(Kind::Curve(curve, of), shape).map(Value::Wire)
}

fn leaky(slope: f32) -> Result<Curve, String> {
    Ok(match ratio("slope", slope)? {
        Ratio { numerator: 0, .. } => Curve::ReLU,
        slope => Curve::LeakyReLU(slope),
    })
}

/// The slope of a `PRelu`.
fn slope<'a>(walk: &Walk<'a>, node: Node<'a>) -> Result<f32, String> {
    let slopes = walk.tensor(node, 1)?.to_floats();
    let first = *slopes.first().ok_or("has no slope")?;
    match slopes.iter().find(|slope| slope.to_bits() != first.to_bits()) {
        Some(other) => Err(format!(
            "has a slope of {first} and one of {other}, but one for all channels is read: train it with `num_parameters=1`"
        )),
        None => Ok(first),
    }
}

fn ratio(what: &str, value: f32) -> Result<Ratio, String> {
    Ratio::of(value)
        .ok_or_else(|| format!("has `{what}` of {value}, which is no ratio of two integers of 63 bits"))
}

fn exactly(node: Node<'_>, name: &str, only: f32) -> Result<(), String> {
    let found = node.float(name, only);
    if found.to_bits() == only.to_bits() {
        return Ok(());
    }
    Err(format!("has `{name}` of {found}, but only {only} is read"))
}

/// A function that is written as a product: `x` times a function of `x`.
pub(super) fn product(one: &Expr, other: &Expr) -> Option<Result<Value, String>> {
    const SIXTH: Ratio = Ratio::reduced(1, 6);
    let by = |x: &Expr, factor: &Expr| {
        let Kind::Curve(curve, inner) = factor.kind() else { return None };
        match (curve, inner.kind()) {
            (Curve::Sigmoid, _) if inner == x => Some(Curve::SiLU),
            (Curve::HardSigmoid(SIXTH), _) if inner == x => Some(Curve::HardSwish),
            (Curve::Tanh, Kind::Curve(Curve::Softplus, inner)) if inner == x => Some(Curve::Mish),
            _ => None,
        }
    };
    let (curve, x) =
        by(one, other).map(|curve| (curve, one)).or_else(|| by(other, one).map(|curve| (curve, other)))?;
    Some(of(curve, x.clone()))
}
