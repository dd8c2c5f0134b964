//! The verdict on each kind of layer that takes one operand.

use super::{
    Verdict,
    input::{plain_input, unquantized_start},
    overflow::{overflow, pool_overflow},
    quantized::raw_operand,
    scale::no_scale,
    shape::{channels, groups, image, no_input_shape, rank, width, window},
};
use crate::{
    Axes, Conv, Fact, Field, Form, Issue, Known, Law, Linear, Net, Pool, Quantizer, Scale, Shape, Source,
};

pub(super) const fn quantize<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    quantizer: &Quantizer,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let fact = Fact {
        shape: operand.shape,
        range: quantizer.levels(),
        form: match quantizer.scale {
            Scale::Learned | Scale::Fixed(_) => Known::Now(Form::Quantized { scale: index }),
            Scale::From(Source::Field(owner)) => levels_of(&before[owner].fact),
            Scale::From(Source::Input | Source::Broken) => Known::Later,
        },
    };
    Verdict::new(fact)
        .add(Law::Input, plain_input(field, quantizer, &operand))
        .add(Law::Scale, no_scale(net, before, field, quantizer))
        .add(Law::Shape, no_input_shape(net, index, None))
}

/// The form of levels, and nothing about anything else.
pub(super) const fn levels_of(fact: &Fact) -> Known<Form> {
    match fact.form {
        Known::Now(Form::Quantized { .. }) => fact.form,
        _ => Known::Later,
    }
}

pub(super) const fn multiply<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    linear: &Linear,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let range = match operand.range {
        Known::Now(inputs) => linear.accumulator(inputs),
        Known::Later => Known::Later,
    };
    let fact = Fact { shape: Known::Now(Shape::flat(linear.outputs)), range, form: Known::Now(Form::Raw) };
    let producer = net.name_of(field.from[0]);
    Verdict::new(fact)
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Quantized, raw_operand(net, index, 0, &operand))
        .add(Law::Shape, width(field, linear.inputs, producer, &operand))
        .add(Law::Overflow, overflow(field, linear, producer, &operand))
}

pub(super) const fn reshape<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    shape: &Shape,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let issue = match (shape.elements(), operand.shape) {
        (Known::Now(takes), Known::Now(gives)) => match gives.elements() {
            Known::Now(holds) if holds != takes => Some(Issue::Elements {
                field: field.name,
                shape: *shape,
                takes,
                producer: net.name_of(field.from[0]),
                gives,
                holds,
            }),
            _ => None,
        },
        (_, Known::Later) => no_input_shape(net, index, None),
        _ => None,
    };
    rearranged(net, index, &operand, Known::Now(*shape)).add(Law::Shape, issue)
}

pub(super) const fn transpose<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    axes: &Axes,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let (shape, issue) = match operand.shape {
        _ if !axes.is_permutation() => {
            (Known::Later, Some(Issue::Permutation { field: field.name, axes: *axes }))
        }
        Known::Now(gives) => {
            if let Some(shape) = axes.apply(&gives) {
                (Known::Now(shape), None)
            } else {
                let producer = net.name_of(field.from[0]);
                (Known::Later, Some(Issue::AxisCount { field: field.name, axes: *axes, producer, gives }))
            }
        }
        Known::Later => (Known::Later, no_input_shape(net, index, None)),
    };
    rearranged(net, index, &operand, shape).add(Law::Shape, issue)
}

/// The verdict on a layer that gives its operand's levels in another shape.
const fn rearranged<'a>(net: &Net<'a>, index: usize, operand: &Fact, shape: Known<Shape>) -> Verdict<'a> {
    let field = &net.fields[index];
    Verdict::new(Fact { shape, range: operand.range, form: levels_of(operand) })
        .add(Law::Input, unquantized_start(field, operand))
        .add(Law::Quantized, raw_operand(net, index, 0, operand))
}

pub(super) const fn convolve<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    conv: &Conv,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let row = conv.row();
    let range = match operand.range {
        Known::Now(inputs) => row.accumulator(inputs),
        Known::Later => Known::Later,
    };
    let shape = conv.window.slide(conv.filters.outputs, operand.shape);
    let fact = Fact { shape: Known::Now(shape), range, form: Known::Now(Form::Raw) };
    let producer = net.name_of(field.from[0]);
    let shape_issue = first([
        no_input_shape(net, index, Some(image(conv.window.axes, conv.filters.inputs))),
        rank(field, conv.window.axes, conv.filters.inputs, producer, &operand),
        channels(field, conv.filters.inputs, producer, &operand),
        groups(field, conv),
        window(field, &conv.window, producer, &operand),
    ]);
    Verdict::new(fact)
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Quantized, raw_operand(net, index, 0, &operand))
        .add(Law::Shape, shape_issue)
        .add(Law::Overflow, overflow(field, &row, producer, &operand))
}

pub(super) const fn sum_windows<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    pool: &Pool,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let elements = pool.elements(operand.shape);
    let range = match (operand.range, elements) {
        (Known::Now(inputs), Known::Now(elements)) => Known::Now(inputs.sum(elements)),
        _ => Known::Later,
    };
    let channels = match operand.shape {
        Known::Now(shape) => shape.dims()[0],
        Known::Later => Known::Later,
    };
    let shape = match pool.window {
        Some(window) => window.slide(channels, operand.shape),
        None => Shape::flat(channels),
    };
    let fact = Fact { shape: Known::Now(shape), range, form: Known::Now(Form::Raw) };
    let producer = net.name_of(field.from[0]);
    let shape_issue = first([
        no_input_shape(net, index, Some(image(POOL_AXES, Known::Later))),
        rank(field, POOL_AXES, Known::Later, producer, &operand),
        match pool.window {
            Some(seen) => window(field, &seen, producer, &operand),
            None => None,
        },
        None,
        None,
    ]);
    Verdict::new(fact)
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Quantized, raw_operand(net, index, 0, &operand))
        .add(Law::Shape, shape_issue)
        .add(Law::Overflow, pool_overflow(field, pool, elements, producer, &operand))
}

const POOL_AXES: usize = 2;

pub(super) const fn flatten<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let elements = match operand.shape {
        Known::Now(shape) => shape.elements(),
        Known::Later => Known::Later,
    };
    let shape = Known::Now(Shape::flat(elements));
    let fact = match operand.form {
        Known::Now(Form::Quantized { .. }) => Fact { shape, ..operand },
        _ => Fact { shape, range: Known::Later, form: Known::Later },
    };
    Verdict::new(fact)
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Quantized, raw_operand(net, index, 0, &operand))
        .add(Law::Shape, no_input_shape(net, index, None))
}

/// The integers stay as they are: factor and offset are the business of the table behind them.
pub(super) const fn normalize<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
    let field = &net.fields[index];
    let operand = operand(net, before, field, 0);
    let form = match operand.form {
        Known::Now(Form::Raw | Form::Quantized { .. }) => Known::Now(Form::Raw),
        _ => Known::Later,
    };
    Verdict::new(Fact { form, ..operand })
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Shape, no_input_shape(net, index, None))
}

/// The first of some issues about one thing.
const fn first<const N: usize>(issues: [Option<Issue<'_>>; N]) -> Option<Issue<'_>> {
    let mut index = 0;
    while index < N {
        if issues[index].is_some() {
            return issues[index];
        }
        index += 1;
    }
    None
}

/// What a field's operand is known to be.
pub(super) const fn operand(
    net: &Net<'_>,
    before: &[Verdict<'_>],
    field: &Field<'_>,
    position: usize,
) -> Fact {
    match field.from[position] {
        Source::Input => {
            Fact { shape: net.input_shape(), range: Known::Later, form: Known::Now(Form::Plain) }
        }
        Source::Field(index) => before[index].fact,
        Source::Broken => Fact::UNKNOWN,
    }
}
