//! The laws themselves: from a field and the facts about what it reads, to a fact about what it gives.

use crate::{
    Conv, Fact, Field, Form, Issue, Known, Law, Layer, Linear, Net, Pool, Quantizer, Range, Shape, Source,
    Transfer, Window, limits,
};

/// What is known about a field's output, and each law the field breaks.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The output.
    pub fact: Fact,
    issues: [Option<Issue<'a>>; Law::ALL.len()],
}

impl<'a> Verdict<'a> {
    /// The verdict on a field that was refused before any law could be asked.
    pub const UNKNOWN: Self = Self::new(Fact::UNKNOWN);

    const fn new(fact: Fact) -> Self {
        Self { fact, issues: [None; Law::ALL.len()] }
    }

    const fn add(mut self, law: Law, issue: Option<Issue<'a>>) -> Self {
        self.issues[law.index()] = issue;
        self
    }

    /// How the field breaks `law`, if it does.
    #[must_use]
    pub const fn issue(&self, law: Law) -> Option<&Issue<'a>> {
        self.issues[law.index()].as_ref()
    }

    /// How the field breaks the laws, in their order.
    pub fn issues(&self) -> impl Iterator<Item = (Law, &Issue<'a>)> {
        Law::ALL.into_iter().filter_map(|law| Some((law, self.issue(law)?)))
    }

    /// Stops const evaluation with the message if the field breaks `law`.
    ///
    /// # Panics
    /// When it does: at compile time, that is the error the user reads.
    #[track_caller]
    pub const fn assert(&self, law: Law) {
        if let Some(issue) = self.issue(law) {
            issue.stop();
        }
    }
}

/// The verdict on every field. `N` is the number of fields.
///
/// # Panics
/// When `N` is not the number of fields.
#[must_use]
pub const fn judge_all<'a, const N: usize>(net: &Net<'a>) -> [Verdict<'a>; N] {
    assert!(net.fields.len() == N, "one verdict a field");
    let mut verdicts = [Verdict::UNKNOWN; N];
    let mut index = 0;
    while index < N {
        verdicts[index] = judge(net, &verdicts, index);
        index += 1;
    }
    verdicts
}

/// The verdict on the field at `index`, given the verdicts on the fields before it.
///
/// # Panics
/// When there is no such field.
#[must_use]
pub const fn judge<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
    let field = net.fields[index];
    let verdict = match field.layer {
        Layer::Quantizer(quantizer) => quantize(net, before, index, &field, &quantizer),
        Layer::Linear(linear) => multiply(net, before, &field, &linear),
        Layer::Conv(conv) => convolve(net, before, index, &field, &conv),
        Layer::Pool(pool) => sum_windows(net, before, index, &field, &pool),
        Layer::Flatten => flatten(net, before, &field),
    };
    verdict.add(Law::Wiring, unread(net, index))
}

const fn quantize<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    field: &Field<'a>,
    quantizer: &Quantizer,
) -> Verdict<'a> {
    let operand = operand(net, before, field, 0);
    let fact = Fact {
        shape: operand.shape,
        range: quantizer.levels(),
        form: Known::Now(Form::Quantized { scale: index }),
    };
    Verdict::new(fact).add(Law::Input, plain_input(field, quantizer, &operand))
}

const fn multiply<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    field: &Field<'a>,
    linear: &Linear,
) -> Verdict<'a> {
    let operand = operand(net, before, field, 0);
    let range = match operand.range {
        Known::Now(inputs) => linear.accumulator(inputs),
        Known::Later => Known::Later,
    };
    let fact = Fact { shape: Known::Now(Shape::flat(linear.outputs)), range, form: Known::Now(Form::Raw) };
    let producer = net.name_of(field.from[0]);
    Verdict::new(fact)
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Quantized, raw_operand(net, field, &operand))
        .add(Law::Shape, width(field, linear.inputs, producer, &operand))
        .add(Law::Overflow, overflow(field, linear, producer, &operand))
}

const fn convolve<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    field: &Field<'a>,
    conv: &Conv,
) -> Verdict<'a> {
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
        no_input_shape(net, index, field, conv.window.axes, conv.filters.inputs),
        rank(field, conv.window.axes, conv.filters.inputs, producer, &operand),
        channels(field, conv.filters.inputs, producer, &operand),
        groups(field, conv),
        window(field, &conv.window, producer, &operand),
    ]);
    Verdict::new(fact)
        .add(Law::Input, unquantized_start(field, &operand))
        .add(Law::Quantized, raw_operand(net, field, &operand))
        .add(Law::Shape, shape_issue)
        .add(Law::Overflow, overflow(field, &row, producer, &operand))
}

const fn sum_windows<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    field: &Field<'a>,
    pool: &Pool,
) -> Verdict<'a> {
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
        no_input_shape(net, index, field, POOL_AXES, Known::Later),
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
        .add(Law::Quantized, raw_operand(net, field, &operand))
        .add(Law::Shape, shape_issue)
        .add(Law::Overflow, pool_overflow(field, pool, elements, producer, &operand))
}

const POOL_AXES: usize = 2;

const fn flatten<'a>(net: &Net<'a>, before: &[Verdict<'a>], field: &Field<'a>) -> Verdict<'a> {
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
        .add(Law::Quantized, raw_operand(net, field, &operand))
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
const fn operand(net: &Net<'_>, before: &[Verdict<'_>], field: &Field<'_>, position: usize) -> Fact {
    match field.from[position] {
        Source::Input => {
            Fact { shape: net.input_shape(), range: Known::Later, form: Known::Now(Form::Plain) }
        }
        Source::Field(index) => before[index].fact,
        Source::Broken => Fact::UNKNOWN,
    }
}

const fn plain_input<'a>(field: &Field<'a>, quantizer: &Quantizer, operand: &Fact) -> Option<Issue<'a>> {
    match (operand.form, quantizer.transfer) {
        (Known::Now(Form::Plain), Transfer::ReLU) => {
            Some(Issue::PlainInput { field: field.name, kind: quantizer.kind() })
        }
        _ => None,
    }
}

const fn unquantized_start<'a>(field: &Field<'a>, operand: &Fact) -> Option<Issue<'a>> {
    match operand.form {
        Known::Now(Form::Plain) => Some(Issue::PlainInput { field: field.name, kind: field.layer.kind() }),
        _ => None,
    }
}

const fn raw_operand<'a>(net: &Net<'a>, field: &Field<'a>, operand: &Fact) -> Option<Issue<'a>> {
    match (operand.form, field.from[0]) {
        (Known::Now(Form::Raw), Source::Field(producer)) => Some(Issue::RawOperand {
            field: field.name,
            kind: field.layer.kind(),
            producer: net.fields[producer].name,
            producer_kind: net.fields[producer].layer.kind(),
            sums: match net.fields[producer].layer {
                Layer::Pool(_) => "levels",
                _ => "products",
            },
            range: operand.range.get(),
        }),
        _ => None,
    }
}

const fn width<'a>(
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

const fn no_input_shape<'a>(
    net: &Net<'a>,
    index: usize,
    field: &Field<'a>,
    axes: usize,
    channels: Known<i64>,
) -> Option<Issue<'a>> {
    match (net.input, net.first_shaped()) {
        (None, Some(first)) if first == index => Some(Issue::NoInputShape {
            field: field.name,
            kind: field.layer.kind(),
            takes: image(axes, channels),
        }),
        _ => None,
    }
}

/// The shape a layer with a window takes, where `axes` of it may be anything.
const fn image(axes: usize, channels: Known<i64>) -> Shape {
    Shape::new([channels, Known::Later, Known::Later].split_at(axes + 1).0)
}

const fn rank<'a>(
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

const fn channels<'a>(
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

const fn groups<'a>(field: &Field<'a>, conv: &Conv) -> Option<Issue<'a>> {
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

const fn window<'a>(
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

const fn pool_overflow<'a>(
    field: &Field<'a>,
    pool: &Pool,
    elements: Known<i64>,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    if !matches!(operand.form, Known::Now(Form::Quantized { .. })) {
        return None;
    }
    let (Known::Now(inputs), Known::Now(elements), Known::Now(acc_bits)) =
        (operand.range, elements, pool.acc_bits)
    else {
        return None;
    };
    let sum = inputs.sum(elements);
    if sum.bits() as i64 <= acc_bits {
        return None;
    }
    let (mut fitting, mut fails) = (0, elements);
    while fails - fitting > 1 {
        let middle = fitting + (fails - fitting) / 2;
        if inputs.sum(middle).bits() as i64 <= acc_bits {
            fitting = middle;
        } else {
            fails = middle;
        }
    }
    Some(Issue::PoolOverflow {
        field: field.name,
        needs: sum.bits(),
        acc_bits,
        elements,
        fitting,
        inputs,
        producer,
        sum,
    })
}

const fn overflow<'a>(
    field: &Field<'a>,
    linear: &Linear,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    // A raw operand is another law's business.
    if !matches!(operand.form, Known::Now(Form::Quantized { .. })) {
        return None;
    }
    let (Known::Now(inputs), Known::Now(weights), Known::Now(terms), Known::Now(acc_bits)) =
        (operand.range, linear.weights(), linear.terms(), linear.acc_bits)
    else {
        return None;
    };
    let Known::Now(sum) = linear.accumulator(inputs) else {
        return None;
    };
    if sum.bits() as i64 <= acc_bits {
        return None;
    }
    Some(Issue::Overflow {
        field: field.name,
        needs: sum.bits(),
        acc_bits,
        terms,
        weights,
        inputs,
        producer,
        sum,
        max_l1: match linear.max_l1 {
            Some(budget) => budget.get(),
            None => None,
        },
        fitting_nonzero: largest(linear, inputs, acc_bits, Bound::Nonzero),
        fitting_l1: largest(linear, inputs, acc_bits, Bound::L1),
    })
}

#[derive(Clone, Copy)]
enum Bound {
    Nonzero,
    L1,
}

/// The largest value of one bound whose accumulator fits, found by asking the law itself.
const fn largest(linear: &Linear, inputs: Range, acc_bits: i64, bound: Bound) -> Option<i64> {
    let (mut fits, mut fails) = (0, limits::DIMENSION.most + 1);
    while fails - fits > 1 {
        let middle = fits + (fails - fits) / 2;
        let mut bounded = *linear;
        match bound {
            Bound::Nonzero => bounded.max_nonzero = Some(Known::Now(middle)),
            Bound::L1 => bounded.max_l1 = Some(Known::Now(middle)),
        }
        match bounded.accumulator(inputs) {
            Known::Now(sum) if sum.bits() as i64 <= acc_bits => fits = middle,
            _ => fails = middle,
        }
    }
    if fits == 0 { None } else { Some(fits) }
}

const fn unread<'a>(net: &Net<'a>, index: usize) -> Option<Issue<'a>> {
    if index + 1 == net.fields.len() || net.is_read(index) {
        return None;
    }
    Some(Issue::Unread { field: net.fields[index].name })
}
