//! Dimensions that a graph computes, as `x.view(x.shape[0], -1)` in `PyTorch` does.

use crate::{
    node::Node,
    tensor::Numbers,
    walk::{Value, Walk},
};

/// The most dimensions that are followed.
const MOST: usize = 16;

/// The dimensions of a tensor; that of the batch is not known.
///
/// # Errors
/// When it reads a constant, or a part of the dimensions.
pub(super) fn shape<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("start", 0, 0)?;
    if node.has("end") {
        return Err("reads a part of a shape: read it whole".to_owned());
    }
    let of = walk.wire(node, 0)?;
    let dims = of.shape().iter().map(|&dim| i64::try_from(dim).ok());
    Ok(Value::Lengths(std::iter::once(None).chain(dims).collect()))
}

/// Numbers at a place that are dimensions or constants.
pub(super) fn at<'a>(walk: &Walk<'a>, node: Node<'a>, place: usize) -> Result<Vec<Option<i64>>, String> {
    if let Value::Lengths(lengths) = walk.required(node, place)? {
        return Ok(lengths);
    }
    match &walk.tensor(node, place)?.numbers {
        Numbers::Integers(values, _) if values.len() <= MOST => {
            Ok(values.iter().map(|&value| Some(value)).collect())
        }
        _ => Err(format!("has an operand {place} that is no shape")),
    }
}

/// # Errors
/// When it gathers anything but dimensions.
pub(super) fn gather<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    node.only("axis", 0, 0)?;
    let Value::Lengths(lengths) = walk.required(node, 0)? else {
        return Err("picks numbers of a tensor: dimensions of a shape are read alone".to_owned());
    };
    let places = at(walk, node, 1)?;
    let pick = |place: &Option<i64>| {
        let place = (*place)?;
        let place = if place < 0 { place + lengths.len() as i64 } else { place };
        lengths.get(usize::try_from(place).ok()?).copied()
    };
    let picked: Option<Vec<Option<i64>>> = places.iter().map(pick).collect();
    picked.map(Value::Lengths).ok_or_else(|| "picks dimensions that are not there".to_owned())
}

/// Scalars and lists of dimensions are one here.
///
/// # Errors
/// When it reads anything but dimensions.
pub(super) fn same<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    match walk.required(node, 0)? {
        Value::Lengths(lengths) => Ok(Value::Lengths(lengths)),
        _ => {
            Err("changes the axes of a tensor: dimensions of a shape are read alone, so use `Reshape`"
                .to_owned())
        }
    }
}

/// # Errors
/// When one is no dimension.
pub(super) fn concat<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let mut joined = Vec::new();
    for place in 0..node.0.input.len() {
        joined.extend(at(walk, node, place)?);
        if joined.len() > MOST {
            return Err(format!("joins more than {MOST} dimensions"));
        }
    }
    Ok(Value::Lengths(joined))
}
