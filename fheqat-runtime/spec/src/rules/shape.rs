//! Each layer's operands fit it.

use crate::{Conv, Fact, Field, Issue, Known, Layer, Net, Shape, Window};

/// Nothing says which shape the input has, and the field at `index` is the first to miss it.
pub(super) const fn no_input_shape<'a>(
    net: &Net<'a>,
    index: usize,
    takes: Option<Shape>,
) -> Option<Issue<'a>> {
    match net.misses_input_shape() {
        Some(first) if first == index => {
            let field = &net.fields[index];
            Some(Issue::NoInputShape { field: field.name, kind: field.layer.kind(), takes })
        }
        _ => None,
    }
}

pub(super) const fn width<'a>(
    field: &Field<'a>,
    takes: Known<i64>,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    let (Known::Now(takes), Known::Now(gives)) = (takes, operand.shape) else {
        return None;
    };
    let fits = match gives.dims() {
        [Known::Now(width)] => *width == takes,
        [Known::Later] => true,
        _ => false,
    };
    if fits {
        return None;
    }
    Some(Issue::Width { field: field.name, kind: field.layer.kind(), takes, producer, gives })
}

/// The shape a layer with a window takes, where `axes` of it may be anything.
pub(super) const fn image(axes: usize, channels: Known<i64>) -> Shape {
    Shape::new([channels, Known::Later, Known::Later].split_at(axes + 1).0)
}

pub(super) const fn rank<'a>(
    field: &Field<'a>,
    axes: usize,
    channels: Known<i64>,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    match operand.shape {
        Known::Now(gives) if gives.rank() != axes + 1 => Some(Issue::Rank {
            field: field.name,
            kind: field.layer.kind(),
            takes: image(axes, channels),
            producer,
            gives,
        }),
        _ => None,
    }
}

pub(super) const fn channels<'a>(
    field: &Field<'a>,
    takes: Known<i64>,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    let (Known::Now(takes), Known::Now(shape)) = (takes, operand.shape) else {
        return None;
    };
    match shape.dims()[0] {
        Known::Now(gives) if gives != takes => Some(Issue::Channels {
            field: field.name,
            kind: field.layer.kind(),
            takes,
            producer,
            gives,
            shape,
        }),
        _ => None,
    }
}

pub(super) const fn groups<'a>(field: &Field<'a>, conv: &Conv) -> Option<Issue<'a>> {
    let (Known::Now(groups), Known::Now(inputs), Known::Now(outputs)) =
        (conv.groups, conv.filters.inputs, conv.filters.outputs)
    else {
        return None;
    };
    if inputs % groups == 0 && outputs % groups == 0 {
        return None;
    }
    let (mut fitting, mut rest) = (inputs, outputs);
    while rest > 0 {
        (fitting, rest) = (rest, fitting % rest);
    }
    // Of the common divisors, which divide the largest, the largest below what was asked for.
    let mut nearest = if groups < fitting { groups } else { fitting };
    while fitting % nearest != 0 {
        nearest -= 1;
    }
    Some(Issue::Groups { field: field.name, groups, inputs, outputs, nearest })
}

pub(super) const fn window<'a>(
    field: &Field<'a>,
    window: &Window,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    let (Known::Now(kernel), Known::Now(padding)) = (window.kernel, window.padding) else {
        return None;
    };
    if padding >= kernel {
        return Some(Issue::OnlyPadding { field: field.name, kernel, padding });
    }
    let Known::Now(gives) = operand.shape else {
        return None;
    };
    let mut axis = 1;
    while axis < gives.rank() {
        if let Known::Now(length) = gives.dims()[axis]
            && length + 2 * padding < kernel
        {
            return Some(Issue::Window { field: field.name, kernel, padding, producer, gives, length });
        }
        axis += 1;
    }
    None
}

/// The shape so far with one more operand; `None` where it does not fit.
pub(super) const fn together(field: &Field<'_>, has: &Shape, gives: &Shape) -> Option<Shape> {
    match field.layer {
        Layer::Concat => has.join(gives),
        _ => has.unify(gives),
    }
}
