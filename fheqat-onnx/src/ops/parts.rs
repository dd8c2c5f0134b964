//! Parts of tensors, zeros around them, and repeated numbers.

use super::lengths;
use crate::{
    expr::{Expr, Kind, View},
    node::Node,
    walk::{Value, Walk},
};

/// Integers at a place, where there are any.
fn integers<'a>(
    walk: &Walk<'a>,
    node: Node<'a>,
    place: usize,
    name: &str,
) -> Result<Option<Vec<i64>>, String> {
    if let Some(values) = node.integers(name) {
        return Ok(Some(values.to_vec()));
    }
    if walk.operand(node, place).is_none() {
        return Ok(None);
    }
    let known: Option<Vec<i64>> = lengths::at(walk, node, place)?.into_iter().collect();
    known.map(Some).ok_or_else(|| format!("has a number of samples among `{name}`"))
}

/// An axis of samples, without the batch; `None` is the batch.
fn axis(axis: i64, rank: usize) -> Result<Option<usize>, String> {
    let all = i64::try_from(rank).unwrap_or(i64::MAX - 1) + 1;
    let found = if axis < 0 { axis + all } else { axis };
    match usize::try_from(found) {
        Ok(0) => Ok(None),
        Ok(found) if found <= rank => Ok(Some(found - 1)),
        _ => Err(format!("has axis {axis}, which its operand does not have")),
    }
}

/// # Errors
/// When it puts anything but zeros around the axes behind the channels.
pub(super) fn pad<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let mode = node.text("mode", "constant");
    if mode != "constant" {
        return Err(format!("pads by `{}`, but only zeros are read", crate::node::printable(&mode)));
    }
    let value = match walk.operand(node, 2) {
        Some(_) => walk.tensor(node, 2)?.to_floats(),
        None => vec![node.float("value", 0.0)],
    };
    if let Some(value) = value.iter().find(|value| **value != 0.0) {
        return Err(format!("puts {value} around its operand, but only zeros are read"));
    }
    let of = walk.wire(node, 0)?;
    let rank = of.shape().len();
    let pads = integers(walk, node, 1, "pads")?.ok_or("has no `pads`")?;
    let axes = match integers(walk, node, 3, "axes")? {
        Some(axes) => axes,
        None => (0..=rank as i64).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("has `pads` of {pads:?} for {} axes", axes.len()));
    }
    let most = fheqat_runtime::spec::limits::PADDING.most as usize;
    let mut sides = vec![[0; 2]; rank];
    let (before, behind) = pads.split_at(axes.len());
    for (&at, (&before, &behind)) in axes.iter().zip(before.iter().zip(behind)) {
        let pair = [before, behind].map(|pad| usize::try_from(pad).ok().filter(|&pad| pad <= most));
        match (axis(at, rank)?, pair) {
            (Some(at), [Some(before), Some(behind)]) => sides[at] = [before, behind],
            (None, [Some(0), Some(0)]) => {}
            _ => return Err(format!("has `pads` of {pads:?}: 0 to {most} for each side of samples is read")),
        }
    }
    let Some(([0, 0], sides)) = sides.split_first() else {
        return Err("puts zeros around channels".to_owned());
    };
    if sides.iter().flatten().all(|side| *side == 0) {
        return Ok(Value::Wire(of));
    }
    if sides.len() > 2 {
        return Err(format!("reads samples of shape {:?}: zeros are put around one or two axes", of.shape()));
    }
    let mut shape = of.shape().to_vec();
    for (length, [before, behind]) in shape[1..].iter_mut().zip(sides) {
        *length = length.saturating_add(before + behind);
    }
    let view = View::Pad(node.name().to_owned(), sides.to_vec());
    Expr::new(Kind::View(view, of), shape).map(Value::Wire)
}

fn sliced(node: Node<'_>, of: Expr, axis: usize, start: usize, end: usize) -> Result<Expr, String> {
    let mut shape = of.shape().to_vec();
    if (start, end) == (0, shape[axis]) {
        return Ok(of);
    }
    if start >= end {
        return Err(format!("leaves nothing of axis {}", axis + 1));
    }
    shape[axis] = end - start;
    let view = View::Slice { name: node.name().to_owned(), start, end, axis };
    Expr::new(Kind::View(view, of), shape)
}

/// # Errors
/// When it takes parts of the batch, or not every number between two.
pub(super) fn slice<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let mut of = walk.wire(node, 0)?;
    let rank = of.shape().len();
    let starts = integers(walk, node, 1, "starts")?.ok_or("has no `starts`")?;
    let ends = integers(walk, node, 2, "ends")?.ok_or("has no `ends`")?;
    let axes = match integers(walk, node, 3, "axes")? {
        Some(axes) => axes,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = integers(walk, node, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|len| *len != starts.len()) {
        return Err("has other numbers of `starts`, `ends`, `axes` and `steps`".to_owned());
    }
    if let Some(step) = steps.iter().find(|step| **step != 1) {
        return Err(format!("has a step of {step}, but only 1 is read"));
    }
    for (&at, (&start, &end)) in axes.iter().zip(starts.iter().zip(&ends)) {
        let Some(at) = axis(at, rank)? else {
            return Err("takes a part of the batch, which has to stay as it is".to_owned());
        };
        let length = i64::try_from(of.shape()[at]).unwrap_or(i64::MAX);
        let place = |place: i64| {
            let place = if place < 0 { place.saturating_add(length) } else { place };
            usize::try_from(place.clamp(0, length)).unwrap_or_default()
        };
        of = sliced(node, of, at, place(start), place(end))?;
    }
    Ok(Value::Wire(of))
}

/// # Errors
/// When the parts are not those of an axis of samples.
pub(super) fn split<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Vec<Value>, String> {
    let of = walk.wire(node, 0)?;
    let Some(at) = axis(node.integer("axis", 0), of.shape().len())? else {
        return Err("takes parts of the batch, which has to stay as it is".to_owned());
    };
    let (length, count) = (of.shape()[at], node.0.output.len().max(1));
    let each = length.div_ceil(count);
    let equal = |part: usize| each.min(length.saturating_sub(part * each));
    let lengths: Option<Vec<usize>> = match integers(walk, node, 1, "split")? {
        Some(lengths) => lengths.iter().map(|&part| usize::try_from(part).ok()).collect(),
        None => Some((0..count).map(equal).collect()),
    };
    let lengths: Vec<usize> = lengths.ok_or("has a part of a negative length")?;
    let all = lengths.iter().try_fold(0usize, |all, &part| all.checked_add(part));
    if lengths.len() != count || all != Some(length) {
        return Err(format!("splits {length} numbers into {lengths:?} for {count} outputs"));
    }
    let mut start = 0;
    let part = |length: usize| {
        start += length;
        sliced(node, of.clone(), at, start - length, start).map(Value::Wire)
    };
    lengths.into_iter().map(part).collect()
}

/// # Errors
/// When it does anything but repeat each number as often along each axis but the channels.
pub(super) fn resize<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let of = walk.wire(node, 0)?;
    // With two operands it is of a version that has one way.
    let is_of_old = node.op() == "Upsample" || node.0.input.len() == 2;
    let [mode, places, rounding] = [
        ("mode", "nearest"),
        ("coordinate_transformation_mode", "half_pixel"),
        ("nearest_mode", "round_prefer_floor"),
    ]
    .map(|(name, default)| node.text(name, default));
    let repeats = match (places.as_str(), rounding.as_str()) {
        _ if is_of_old => true,
        ("asymmetric", "floor") => true,
        ("half_pixel", rounding) => rounding.starts_with("round_prefer"),
        _ => false,
    };
    if mode != "nearest" || !repeats {
        let [mode, places, rounding] = [mode, places, rounding].map(|text| crate::node::printable(&text));
        return Err(format!(
            "resizes by `{mode}`, `{places}`, `{rounding}`, but only repeated numbers are read: `nearest`, `asymmetric`, `floor`"
        ));
    }
    if node.has("axes") || node.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return Err("resizes some axes alone: export it with a factor for each".to_owned());
    }
    let factors = factors(walk, node, of.shape(), if is_of_old { 1 } else { 2 })?;
    let most = fheqat_runtime::spec::limits::FACTOR.most as usize;
    let factor = match factors.split_first() {
        Some((1, [first, rest @ ..])) if rest.iter().all(|factor| factor == first) => *first,
        _ => {
            return Err(format!(
                "resizes samples by {factors:?}, but one factor for all axes behind the channels is read"
            ));
        }
    };
    if !(1..=most).contains(&factor) || factors.len() > 3 {
        return Err(format!("resizes samples by {factors:?}, but 1 to {most} along one or two axes is read"));
    }
    if factor == 1 {
        return Ok(Value::Wire(of));
    }
    let mut shape = of.shape().to_vec();
    for length in &mut shape[1..] {
        *length = length.saturating_mul(factor);
    }
    let op = if node.op() == "Upsample" { "Upsample" } else { "Resize" };
    let view = View::Upsample(node.name().to_owned(), op, factor);
    Expr::new(Kind::View(view, of), shape).map(Value::Wire)
}

/// Whole factors of each axis of samples, from `scales` or from the sizes behind them.
fn factors<'a>(walk: &Walk<'a>, node: Node<'a>, shape: &[usize], place: usize) -> Result<Vec<usize>, String> {
    let wrong = || "has no whole factors for each axis".to_owned();
    let scales = match (node.floats("scales"), walk.operand(node, place)) {
        (Some(scales), _) => scales.to_vec(),
        (None, Some(_)) => walk.tensor(node, place)?.to_floats(),
        (None, None) => Vec::new(),
    };
    if let Some((&batch, scales)) = scales.split_first() {
        let whole =
            |scale: &f32| (scale.fract() == 0.0 && (1.0..1e6).contains(scale)).then_some(*scale as usize);
        let factors: Option<Vec<usize>> = scales.iter().map(whole).collect();
        return factors
            .filter(|factors| batch.to_bits() == 1.0f32.to_bits() && factors.len() == shape.len())
            .ok_or_else(wrong);
    }
    let sizes = lengths::at(walk, node, place + 1)?;
    let sizes = sizes.get(1..).filter(|sizes| sizes.len() == shape.len()).ok_or_else(wrong)?;
    let factor = |(size, &length): (&Option<i64>, &usize)| {
        let size = usize::try_from((*size)?).ok()?;
        (length > 0 && size % length == 0).then(|| size / length)
    };
    sizes.iter().zip(shape).map(factor).collect::<Option<Vec<usize>>>().ok_or_else(wrong)
}
