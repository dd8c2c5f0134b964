//! `Quant`, `BipolarQuant` and `Trunc` of QONNX; `QuantizeLinear`, `Clip` and `DequantizeLinear`.

use std::rc::Rc;

use fheqat_runtime::spec::{Layer, Range, Source};

use crate::{
    build::Rounding,
    expr::{Expr, Kind},
    node::Node,
    proto::tensor_proto::DataType,
    quantization::{Quantization, Quantized, range},
    tensor::{Numbers, Tensor},
    walk::{Integers, Rounded, Value, Walk},
};

/// # Errors
/// When the range, the rounding or the zero point is another than ours.
pub(super) fn quant<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    check_rounding(node, "ROUND")?;
    let scale = walk.tensor(node, 1)?;
    check_zero(&*walk.tensor(node, 2)?)?;
    let bits = one(&*walk.tensor(node, 3)?, "width")?;
    let range = range(bits, node.integer("signed", 1) != 0, node.integer("narrow", 0) != 0)?;
    let quantization = Quantization { scale: (*scale).clone(), range, axis: None };
    match walk.required(node, 0)? {
        Value::Constant(constant) => Ok(Value::Weights(Rc::new(quantization.quantized(&constant)?))),
        Value::Wire(expr) => {
            let rounding = Rounding { node: node.name(), op: node.op(), step: quantization.step()?, range };
            walk.builder.round(&expr, None, &rounding).map(Value::Wire)
        }
        _ => Err("quantizes what is quantized already".to_owned()),
    }
}

/// # Errors
/// When it quantizes anything but weights.
pub(super) fn bipolar<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let scale = walk.tensor(node, 1)?;
    let Value::Constant(constant) = walk.required(node, 0)? else {
        return Err("gives activations of -1 and 1: type `Quant` of 2 bits, for levels have zero among them"
            .to_owned());
    };
    let quantization = Quantization { scale: (*scale).clone(), range: Range::new(-1, 1), axis: None };
    let scales = quantization.scales(&constant.dims)?;
    if constant.to_floats().iter().any(|value| value.is_nan()) {
        return Err("takes signs of numbers that are none".to_owned());
    }
    let sign = |&value: &f32| if value >= 0.0 { 1 } else { -1 };
    let integers = constant.to_floats().iter().map(sign).collect();
    let dims = constant.dims.clone();
    Ok(Value::Weights(Rc::new(Quantized { dims, integers, range: Range::new(-1, 1), scales })))
}

/// An average that is rounded: the quotient of two integers, as the quantizer behind a pool gives it.
///
/// # Errors
/// When it is no rounded quotient by a power of two of what it reads.
pub(super) fn trunc<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    check_rounding(node, "FLOOR")?;
    let scale = one(&*walk.tensor(node, 1)?, "scale")?;
    check_zero(&*walk.tensor(node, 2)?)?;
    let expr = walk.wire(node, 0)?;
    let (step, bits) = if node.0.input.len() > 5 {
        (one(&*walk.tensor(node, 4)?, "scale")?, one(&*walk.tensor(node, 5)?, "width")?)
    } else {
        let bits = [3, 4].map(|place| walk.tensor(node, place).and_then(|tensor| one(&tensor, "width")));
        let [before, after] = bits;
        let (before, after) = (before?, after?);
        (scale * (before - after).exp2(), after)
    };
    let range = range(bits, node.integer("signed", 1) != 0, node.integer("narrow", 0) != 0)?;
    let divisor = f64::from(step) / f64::from(scale);
    if !(divisor.is_finite() && divisor > 0.0) || (divisor.log2() - divisor.log2().round()).abs() > 1e-5 {
        return Err(format!("divides by {divisor}, but only powers of two are read"));
    }
    match unit(walk, &expr) {
        Some(unit) if (f64::from(scale) / unit - 1.0).abs() < 1e-5 => {}
        _ => {
            return Err(
                "has another scale than the sums that it reads: only the averages of levels are read, at the scale of one unit of their sum"
                    .to_owned(),
            );
        }
    }
    let rounding = Rounding { node: node.name(), op: node.op(), step, range };
    walk.builder.round(&expr, None, &rounding).map(Value::Wire)
}

/// What one unit of the sums of a pool, or of levels, stands for.
fn unit(walk: &Walk<'_>, expr: &Expr) -> Option<f64> {
    let Kind::Field(index) = expr.unshaped().kind() else { return None };
    let field = &walk.builder.fields[*index];
    match (&field.layer, field.from.first()) {
        (Layer::Pool(pool), Some(&Source::Field(from))) => {
            let over = crate::plan::shape(&walk.builder.fields[from].shape);
            let numbers = pool.elements(fheqat_runtime::spec::Known::Now(over)).get()?;
            Some(f64::from(walk.builder.step_of(Source::Field(from))?) / numbers as f64)
        }
        _ => walk.builder.step_of(Source::Field(*index)).map(f64::from),
    }
}

/// # Errors
/// When the zero point is none of ours.
pub(super) fn quantize<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("block_size", 0, 0)?;
    let scale = walk.tensor(node, 1)?;
    let range = match walk.operand(node, 2) {
        Some(_) => zero_point(&*walk.tensor(node, 2)?)?,
        None => of_type(node.integer("output_dtype", 0))?,
    };
    let of = match walk.required(node, 0)? {
        Value::Constant(tensor) => Rounded::Floats { tensor, axis: axis(node, &scale), scale },
        Value::Wire(expr) => {
            let quantization = Quantization { scale: (*scale).clone(), range, axis: None };
            Rounded::Wire { expr, step: quantization.step()?, node: node.name().to_owned() }
        }
        _ => return Err("quantizes what is quantized already".to_owned()),
    };
    Ok(Value::Integers(Rc::new(Integers { of, range })))
}

/// The range of the type that integers have where no zero point has one.
fn of_type(of_type: i64) -> Result<Range, String> {
    let known = i32::try_from(of_type).ok().and_then(|of_type| DataType::try_from(of_type).ok());
    match known {
        Some(DataType::Undefined | DataType::Uint8) => Ok(Range::new(0, 255)),
        Some(DataType::Int8) => Ok(Range::new(-128, 127)),
        Some(DataType::Uint16) => Ok(Range::new(0, 65_535)),
        Some(DataType::Int16) => Ok(Range::new(-(1 << 15), (1 << 15) - 1)),
        other => {
            let name = other.map_or("another type", |other| other.as_str_name());
            Err(format!("quantizes to {name}, but integers of 8 and 16 bits are read"))
        }
    }
}

/// The real range of integers.
///
/// # Errors
/// When it reads floats, or leaves no number.
pub(super) fn clip<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    if node.has("min") || node.has("max") {
        return Err("has its ends as attributes: export with operator set 13 or later".to_owned());
    }
    let integers = match walk.required(node, 0)? {
        Value::Integers(integers) => integers,
        Value::Constant(tensor) => as_integers(tensor)?,
        Value::Wire(of) => return held(walk, node, of),
        _ => return Err("clips what is quantized already".to_owned()),
    };
    let mut range = integers.range;
    for (place, is_least) in [(1, true), (2, false)] {
        if walk.operand(node, place).is_none() {
            continue;
        }
        let end = match &walk.tensor(node, place)?.numbers {
            Numbers::Integers(ends, _) if ends.len() == 1 => ends[0],
            _ => return Err("has an end that is no integer".to_owned()),
        };
        if is_least {
            range.lo = range.lo.max(end);
        } else {
            range.hi = range.hi.min(end);
        }
    }
    if range.lo > range.hi {
        return Err(format!("leaves no number in {}..={}", range.lo, range.hi));
    }
    Ok(Value::Integers(Rc::new(Integers { of: integers.of.clone(), range })))
}

/// Floats between two others, which the quantizer behind them rounds too.
fn held<'a>(walk: &Walk<'a>, node: Node<'a>, of: Expr) -> Result<Value, String> {
    let end = |place: usize, default: f32| match walk.operand(node, place) {
        Some(_) => one(&*walk.tensor(node, place)?, "end"),
        None => Ok(default),
    };
    let (least, most) = (end(1, f32::NEG_INFINITY)?, end(2, f32::INFINITY)?);
    if least.is_nan() || most.is_nan() || least > most {
        return Err(format!("leaves no number between {least} and {most}"));
    }
    let shape = of.shape().to_vec();
    Expr::new(Kind::Held { least: least.to_bits(), most: most.to_bits(), of }, shape).map(Value::Wire)
}

/// # Errors
/// When scale or zero point differ from those of the quantization.
pub(super) fn dequantize<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("block_size", 0, 0)?;
    let scale = walk.tensor(node, 1)?;
    if walk.operand(node, 2).is_some() {
        zero_point(&*walk.tensor(node, 2)?)?;
    }
    let integers = match walk.required(node, 0)? {
        Value::Integers(integers) => integers,
        Value::Constant(tensor) => as_integers(tensor)?,
        _ => return Err("reads no integers: a `QuantizeLinear` has to stand before it".to_owned()),
    };
    let range = integers.range;
    let axis = axis(node, &scale);
    let quantization = Quantization { scale: (*scale).clone(), range, axis };
    match &integers.of {
        Rounded::Wire { expr, step, node: name } => {
            if quantization.step()?.to_bits() != step.to_bits() {
                return Err(format!("has another scale than `{name}`, whose integers it reads"));
            }
            // The name of a quantizer is the same in both nodes but for the operation.
            let rounding = Rounding { node: name, op: "QuantizeLinear", step: *step, range };
            walk.builder.round(&expr.clone(), None, &rounding).map(Value::Wire)
        }
        Rounded::Constant(tensor) => {
            let scales = quantization.scales(&tensor.dims)?;
            let Numbers::Integers(values, _) = &tensor.numbers else {
                return Err("reads floats".to_owned());
            };
            let integers = values.iter().map(|&value| value.clamp(range.lo, range.hi)).collect();
            Ok(Value::Weights(Rc::new(Quantized { dims: tensor.dims.clone(), integers, range, scales })))
        }
        Rounded::Floats { tensor, scale: of_integers, axis: axis_of_integers } => {
            if **of_integers != *scale || *axis_of_integers != axis {
                return Err("has another scale than the integers that it reads".to_owned());
            }
            Ok(Value::Weights(Rc::new(quantization.quantized(tensor)?)))
        }
    }
}

/// The axis of several scales; the default is 1.
fn axis(node: Node<'_>, scale: &Tensor) -> Option<usize> {
    (scale.len() > 1).then(|| usize::try_from(node.integer("axis", 1)).unwrap_or(usize::MAX))
}

/// # Errors
/// When the constant is none of integers.
fn as_integers(tensor: Rc<Tensor>) -> Result<Rc<Integers>, String> {
    match tensor.numbers {
        Numbers::Integers(_, (lo, hi)) => {
            // Of 64 bits nothing is quantized; the wider range only has to be one.
            let range = Range::new(lo.max(i64::from(i32::MIN)), hi.min(i64::from(i32::MAX)));
            Ok(Rc::new(Integers { of: Rounded::Constant(tensor), range }))
        }
        Numbers::Floats(_) => Err("reads floats where integers are expected".to_owned()),
    }
}

/// The range of a zero point's type.
///
/// # Errors
/// When the zero point is not zero.
fn zero_point(zero: &Tensor) -> Result<Range, String> {
    check_zero(zero)?;
    match zero.numbers {
        Numbers::Integers(_, (lo, hi)) => {
            Ok(Range::new(lo.max(i64::from(i32::MIN)), hi.min(i64::from(i32::MAX))))
        }
        Numbers::Floats(_) => Err("has a zero point that is no integer".to_owned()),
    }
}

fn check_zero(zero: &Tensor) -> Result<(), String> {
    match zero.to_floats().iter().find(|zero| **zero != 0.0) {
        Some(zero) => Err(format!(
            "has a zero point of {zero}, but zero must be the level 0: export with symmetric quantizers"
        )),
        None => Ok(()),
    }
}

fn check_rounding(node: Node<'_>, default: &str) -> Result<(), String> {
    let found = node.text("rounding_mode", default);
    match found.to_ascii_uppercase().as_str() {
        "ROUND" | "HALF_EVEN" => Ok(()),
        _ => Err(format!(
            "rounds by `{}`, but levels are rounded half to even: export with `ROUND`",
            crate::node::printable(&found)
        )),
    }
}

fn one(tensor: &Tensor, what: &str) -> Result<f32, String> {
    match tensor.to_floats()[..] {
        [value] => Ok(value),
        _ => Err(format!("has a {what} of {} numbers, but one is expected", tensor.len())),
    }
}
