//! Numbers in other places: views, joints, constants.

use std::rc::Rc;

use crate::{
    expr::{Expr, Kind, View},
    node::Node,
    proto::tensor_proto::DataType,
    tensor::{Numbers, Tensor},
    walk::{Value, Walk},
};

/// # Errors
/// When it joins samples.
pub(super) fn flatten<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("axis", 1, 1)?;
    let of = walk.wire(node, 0)?;
    let count = of.shape().iter().product();
    view(node, "Flatten", of, vec![count])
}

fn view(node: Node<'_>, op: &'static str, of: Expr, shape: Vec<usize>) -> Result<Value, String> {
    Expr::new(Kind::View(View::Reshape(node.name().to_owned(), op), of), shape).map(Value::Wire)
}

/// # Errors
/// When the shape is no constant, or joins samples.
pub(super) fn reshape<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("allowzero", 0, 0)?;
    let of = walk.wire(node, 0)?;
    // Where the number of samples is computed, it is that of the operand.
    let target = super::lengths::at(walk, node, 1)?;
    if target.iter().skip(1).any(Option::is_none) {
        return Err("moves the batch, which has to stay the first axis".to_owned());
    }
    let target: Vec<i64> = target.into_iter().map(Option::unwrap_or_default).collect();
    let count: usize = of.shape().iter().product();
    let found = of.shape();
    let Some((&batch, dims)) = target.split_first().filter(|(_, dims)| !dims.is_empty()) else {
        return Err(format!("gives the shape {target:?}, which has no batch"));
    };
    if batch < -1 {
        return Err(format!("gives the shape {target:?}, which cannot be"));
    }
    let mut shape = Vec::with_capacity(dims.len());
    let mut open = None;
    for (axis, &dim) in dims.iter().enumerate() {
        shape.push(match dim {
            0 => *found.get(axis).ok_or("has a zero for a dimension that is not there")?,
            -1 if open.is_none() && batch != -1 => {
                open = Some(axis);
                1
            }
            1.. => usize::try_from(dim).unwrap_or(usize::MAX),
            _ => return Err(format!("gives the shape {target:?}, which cannot be")),
        });
    }
    let known = shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim)).unwrap_or(usize::MAX);
    if let Some(axis) = open {
        shape[axis] = count / known.max(1);
    }
    if shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim)) != Some(count) {
        return Err(format!(
            "gives the shape {target:?} to samples of {count} numbers: each sample has to stay one"
        ));
    }
    let most = fheqat_runtime::spec::limits::MAX_RANK;
    if shape.len() > most {
        return Err(format!("gives samples of {} dimensions, but at most {most} are read", shape.len()));
    }
    view(node, "Reshape", of, shape)
}

/// # Errors
/// When it moves the batch.
pub(super) fn transpose<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let order = |rank: usize| -> Result<Vec<usize>, String> {
        match node.integers("perm") {
            None => Ok((0..rank).rev().collect()),
            Some(order) => {
                let order: Option<Vec<usize>> =
                    order.iter().map(|&axis| usize::try_from(axis).ok()).collect();
                order.ok_or_else(|| "has a negative axis".to_owned())
            }
        }
    };
    let cannot = || "has axes that its operand does not have".to_owned();
    match walk.required(node, 0)? {
        Value::Constant(tensor) => {
            let turned = tensor.transposed(&order(tensor.dims.len())?).ok_or_else(cannot)?;
            Ok(Value::Constant(Rc::new(turned)))
        }
        Value::Weights(weights) => {
            let turned = weights.transposed(&order(weights.dims.len())?).ok_or_else(cannot)?;
            Ok(Value::Weights(Rc::new(turned)))
        }
        _ => {
            let of = walk.wire(node, 0)?;
            let order = order(of.shape().len() + 1)?;
            let Some((0, order)) = order.split_first() else {
                return Err("moves the batch, which has to stay the first axis".to_owned());
            };
            let order: Option<Vec<usize>> = order.iter().map(|axis| axis.checked_sub(1)).collect();
            let order = order.ok_or_else(cannot)?;
            let shape = crate::tensor::permuted(of.shape(), &order).ok_or_else(cannot)?;
            let view = View::Transpose(node.name().to_owned(), order);
            Expr::new(Kind::View(view, of), shape).map(Value::Wire)
        }
    }
}

/// # Errors
/// When it joins along another axis than the first of samples, or shapes differ.
pub(super) fn concat<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let parts: Vec<Expr> =
        (0..node.0.input.len()).map(|place| walk.wire(node, place)).collect::<Result<_, _>>()?;
    let first = parts.first().ok_or("joins nothing")?;
    let rank = i64::try_from(first.shape().len()).unwrap_or_default();
    if !matches!(node.integer("axis", 0), axis if axis == 1 || axis == -rank) {
        return Err("joins along another axis than the channels, axis 1".to_owned());
    }
    let rest = |expr: &Expr| expr.shape().get(1..).unwrap_or_default().to_vec();
    if let Some(other) = parts.iter().find(|part| rest(part) != rest(first)) {
        return Err(format!("joins samples of the shapes {:?} and {:?}", first.shape(), other.shape()));
    }
    let [part] = &parts[..] else {
        let mut shape = first.shape().to_vec();
        shape[0] = parts.iter().map(|part| part.shape()[0]).sum();
        return Expr::new(Kind::Concat(node.name().to_owned(), parts), shape).map(Value::Wire);
    };
    Ok(Value::Wire(part.clone()))
}

/// # Errors
/// When it is no tensor of numbers.
pub(super) fn constant(node: Node<'_>) -> Result<Value, String> {
    let tensor = if let Some(proto) = node.tensor("value") {
        Tensor::read(proto)?
    } else if node.has("value_float") {
        Tensor::float(node.float("value_float", 0.0))
    } else if let Some(values) = node.floats("value_floats") {
        Tensor::floats(values.to_vec())
    } else if node.has("value_int") {
        Tensor { dims: Vec::new(), ..Tensor::integers(vec![node.integer("value_int", 0)]) }
    } else if let Some(values) = node.integers("value_ints") {
        Tensor::integers(values.to_vec())
    } else {
        return Err("holds no tensor of numbers".to_owned());
    };
    Ok(Value::Constant(Rc::new(tensor)))
}

/// # Errors
/// When it casts to anything but floats of 32 bits.
pub(super) fn cast<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let to = node.integer("to", 0);
    if to != DataType::Float as i64 {
        let name = i32::try_from(to).ok().and_then(|to| DataType::try_from(to).ok());
        let name = name.map_or("another type", |name| name.as_str_name());
        return Err(format!("casts to {name}, but the network's numbers are FLOAT"));
    }
    Ok(match walk.required(node, 0)? {
        Value::Constant(tensor) => {
            let numbers = Numbers::Floats(tensor.to_floats());
            Value::Constant(Rc::new(Tensor { dims: tensor.dims.clone(), numbers }))
        }
        Value::Integers(_) => return Err("casts integers: a `DequantizeLinear` has to read them".to_owned()),
        value => value,
    })
}
