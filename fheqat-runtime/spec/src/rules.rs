//! The laws themselves: from a field and the facts about what it reads, to a fact about what it gives.

use crate::{
    Axes, Conv, Fact, Field, Form, Issue, Known, Law, Layer, Linear, Net, Pool, Quantizer, Range, Scale,
    Shape, Source, Transfer, Window,
    issue::{Bootstraps, Fewer, Wires},
    limits,
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
    if !net.is_wired(index) {
        return Verdict::UNKNOWN.add(Law::Wiring, Some(operands(net, index)));
    }
    let verdict = match field.layer {
        Layer::Quantizer(quantizer) => quantize(net, before, index, &quantizer),
        Layer::Linear(linear) => multiply(net, before, index, &linear),
        Layer::Add { acc_bits } => add(net, before, index, acc_bits),
        Layer::Concat => concat(net, before, index),
        Layer::Reshape(shape) => reshape(net, before, index, &shape),
        Layer::Transpose(axes) => transpose(net, before, index, &axes),
        Layer::Conv(conv) => convolve(net, before, index, &conv),
        Layer::Pool(pool) => sum_windows(net, before, index, &pool),
        Layer::Flatten => flatten(net, before, index),
        Layer::BatchNorm => normalize(net, before, index),
    };
    let bootstraps = too_many_bootstraps(net, before, index, &verdict.fact);
    verdict
        .add(Law::Wiring, unread(net, index))
        .add(Law::Bootstraps, bootstraps)
        .add(Law::Tolerance, misplaced_tolerance(net, index))
}

/// A tolerance stands where noise comes in. Sums that nothing may read are another law's business.
const fn misplaced_tolerance<'a>(net: &Net<'a>, index: usize) -> Option<Issue<'a>> {
    let field = &net.fields[index];
    if field.layer.tolerance().is_none() || net.may_be_off(index) {
        return None;
    }
    if let Layer::Quantizer(_) = field.layer {
        return Some(Issue::ExactInput { field: field.name, quantizer: encrypted_quantizer(net) });
    }
    match net.quantizer_of(index) {
        Some(quantizer) => Some(Issue::ExactSum { field: field.name, quantizer: net.fields[quantizer].name }),
        None => None,
    }
}

/// The first quantizer that noise may reach.
const fn encrypted_quantizer<'a>(net: &Net<'a>) -> Option<&'a str> {
    let mut index = 0;
    while index < net.fields.len() {
        if matches!(net.fields[index].layer, Layer::Quantizer(_)) && net.may_be_off(index) {
            return Some(net.fields[index].name);
        }
        index += 1;
    }
    None
}

const fn quantize<'a>(
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
const fn levels_of(fact: &Fact) -> Known<Form> {
    match fact.form {
        Known::Now(Form::Quantized { .. }) => fact.form,
        _ => Known::Later,
    }
}

const fn multiply<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize, linear: &Linear) -> Verdict<'a> {
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

const fn add<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize, acc_bits: Known<i64>) -> Verdict<'a> {
    let field = &net.fields[index];
    let joint = Joint::of(net, before, index);
    let fact = Fact { shape: joint.shape, range: joint.sum, form: Known::Now(Form::Raw) };
    joint.verdict(fact).add(Law::Overflow, joint.overflow(field, acc_bits))
}

const fn concat<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
    let joint = Joint::of(net, before, index);
    joint.verdict(Fact { shape: joint.shape, range: joint.cover, form: joint.form })
}

/// What is known of the operands of a layer that takes several: what they are together, and the first that does not fit.
#[derive(Clone, Copy)]
struct Joint<'a> {
    operands: usize,
    shape: Known<Shape>,
    sum: Known<Range>,
    cover: Known<Range>,
    form: Known<Form>,
    plain: Option<Issue<'a>>,
    raw: Option<Issue<'a>>,
    scales: Option<Issue<'a>>,
    shapes: Option<Issue<'a>>,
}

impl<'a> Joint<'a> {
    const fn of(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Self {
        let field = &net.fields[index];
        let first = operand(net, before, field, 0);
        let mut joint = Self {
            operands: field.from.len(),
            shape: first.shape,
            sum: first.range,
            cover: first.range,
            form: levels_of(&first),
            plain: unquantized_start(field, &first),
            raw: raw_operand(net, index, 0, &first),
            scales: None,
            shapes: None,
        };
        let mut position = 1;
        while position < field.from.len() {
            joint = joint.with(net, index, position, &operand(net, before, field, position));
            position += 1;
        }
        joint
    }

    const fn with(mut self, net: &Net<'a>, index: usize, position: usize, operand: &Fact) -> Self {
        let field = &net.fields[index];
        if self.plain.is_none() {
            self.plain = unquantized_start(field, operand);
        }
        if self.raw.is_none() {
            self.raw = raw_operand(net, index, position, operand);
        }
        self.form = match (self.form, levels_of(operand)) {
            (Known::Now(Form::Quantized { scale: here }), Known::Now(Form::Quantized { scale: there }))
                if here == there =>
            {
                self.form
            }
            (Known::Now(Form::Quantized { scale: here }), Known::Now(Form::Quantized { scale: there })) => {
                self.scales = Some(two_scales(net, field, here, there));
                Known::Later
            }
            _ => Known::Later,
        };
        (self.sum, self.cover) = match (self.sum, self.cover, operand.range) {
            (Known::Now(sum), Known::Now(cover), Known::Now(range)) => {
                (Known::Now(sum.plus(range)), Known::Now(cover.cover(range)))
            }
            _ => (Known::Later, Known::Later),
        };
        self.shape = match (self.shape, operand.shape) {
            (Known::Now(has), Known::Now(gives)) => {
                if let Some(shape) = together(field, &has, &gives) {
                    Known::Now(shape)
                } else {
                    self.shapes = Some(Issue::Shapes {
                        field: field.name,
                        kind: field.layer.kind(),
                        first: net.name_of(field.from[0]),
                        has,
                        producer: net.name_of(field.from[position]),
                        gives,
                    });
                    Known::Later
                }
            }
            _ => Known::Later,
        };
        self
    }

    const fn verdict(&self, fact: Fact) -> Verdict<'a> {
        Verdict::new(fact)
            .add(Law::Input, self.plain)
            .add(Law::Quantized, self.raw)
            .add(Law::Scale, self.scales)
            .add(Law::Shape, self.shapes)
    }

    const fn overflow(&self, field: &Field<'a>, acc_bits: Known<i64>) -> Option<Issue<'a>> {
        // A raw operand is another law's business.
        if self.raw.is_some() || self.plain.is_some() {
            return None;
        }
        match (self.sum, acc_bits) {
            (Known::Now(sum), Known::Now(acc_bits)) if sum.bits() as i64 > acc_bits => {
                Some(Issue::SumOverflow {
                    field: field.name,
                    needs: sum.bits(),
                    acc_bits,
                    operands: self.operands,
                    sum,
                })
            }
            _ => None,
        }
    }
}

/// The shape so far with one more operand; `None` where it does not fit.
const fn together(field: &Field<'_>, has: &Shape, gives: &Shape) -> Option<Shape> {
    match field.layer {
        Layer::Concat => has.join(gives),
        _ => has.unify(gives),
    }
}

const fn two_scales<'a>(net: &Net<'a>, field: &Field<'a>, here: usize, there: usize) -> Issue<'a> {
    let (earlier, later) = if here < there { (here, there) } else { (there, here) };
    Issue::Scales {
        field: field.name,
        kind: field.layer.kind(),
        quantizers: [net.fields[here].name, net.fields[there].name],
        owner: net.fields[earlier].name,
        other: net.fields[later].name,
        is_fixed: matches!(
            net.fields[later].layer,
            Layer::Quantizer(Quantizer { scale: Scale::Fixed(_), .. })
        ),
    }
}

const fn reshape<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize, shape: &Shape) -> Verdict<'a> {
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

const fn transpose<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize, axes: &Axes) -> Verdict<'a> {
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

const fn convolve<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize, conv: &Conv) -> Verdict<'a> {
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

const fn sum_windows<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize, pool: &Pool) -> Verdict<'a> {
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

const fn flatten<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
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
const fn normalize<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
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
        (Known::Now(Form::Plain), Transfer::ReLU | Transfer::Function { .. }) => {
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

const fn raw_operand<'a>(net: &Net<'a>, index: usize, position: usize, operand: &Fact) -> Option<Issue<'a>> {
    let field = &net.fields[index];
    match (operand.form, field.from[position]) {
        (Known::Now(Form::Raw), Source::Field(producer)) => Some(Issue::RawOperand {
            field: field.name,
            kind: field.layer.kind(),
            producer: net.fields[producer].name,
            producer_kind: net.fields[producer].layer.kind(),
            gives: match net.fields[producer].layer {
                Layer::Pool(_) | Layer::Add { .. } => "sums of levels",
                Layer::BatchNorm => "integers with a factor and an offset",
                _ => "sums of products",
            },
            range: operand.range.get(),
            wires: if field.layer.is_joint() || producer + 1 != index {
                Some(Wires { fields: net.fields, from: field.from })
            } else {
                None
            },
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

/// Nothing says which shape the input has, and the field at `index` is the first to miss it.
const fn no_input_shape<'a>(net: &Net<'a>, index: usize, takes: Option<Shape>) -> Option<Issue<'a>> {
    match net.misses_input_shape() {
        Some(first) if first == index => {
            let field = &net.fields[index];
            Some(Issue::NoInputShape { field: field.name, kind: field.layer.kind(), takes })
        }
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

const fn no_scale<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    field: &Field<'a>,
    quantizer: &Quantizer,
) -> Option<Issue<'a>> {
    let Scale::From(Source::Field(owner)) = quantizer.scale else {
        return None;
    };
    match before[owner].fact.form {
        Known::Now(Form::Raw) => Some(Issue::NoScale {
            field: field.name,
            owner: net.fields[owner].name,
            owner_kind: net.fields[owner].layer.kind(),
        }),
        _ => None,
    }
}

/// How many bootstraps one sample needs at most for a field of which `fact` is known: one for each number that a quantizer
/// gives, unless the client quantizes them.
#[must_use]
pub const fn bootstraps(field: &Field<'_>, fact: &Fact) -> Known<i64> {
    match (field.layer, fact.shape) {
        (Layer::Quantizer(_), _) if field.reads_plain_input() => Known::Now(0),
        (Layer::Quantizer(_), Known::Now(shape)) => shape.elements(),
        (Layer::Quantizer(_), Known::Later) => Known::Later,
        _ => Known::Now(0),
    }
}

/// Asked of the last field, when everything before it is known.
const fn too_many_bootstraps<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    last: &Fact,
) -> Option<Issue<'a>> {
    let Some(Known::Now(most)) = net.max_bootstraps else {
        return None;
    };
    if index + 1 != net.fields.len() {
        return None;
    }
    let mut needs: i64 = 0;
    let mut count = 0;
    let mut dearest: [Option<Bootstraps<'a>>; Bootstraps::LISTED] = [None; Bootstraps::LISTED];
    let mut dearest_at = index;
    let mut at = 0;
    while at <= index {
        let fact = if at == index { last } else { &before[at].fact };
        let (Known::Now(own), field) = (bootstraps(&net.fields[at], fact), &net.fields[at]) else {
            return None;
        };
        if own > 0 {
            if own > dearest_of(&dearest) {
                dearest_at = at;
            }
            needs = needs.saturating_add(own);
            count += 1;
            dearest = insert(dearest, Bootstraps { field: field.name, own });
        }
        at += 1;
    }
    if needs <= most {
        return None;
    }
    let fitting = most - (needs - dearest_of(&dearest));
    Some(Issue::Bootstraps {
        net: net.name,
        needs,
        most,
        count,
        dearest,
        fitting,
        fewer: fewer_outputs(net, before, dearest_at, fitting),
    })
}

const fn dearest_of(dearest: &[Option<Bootstraps<'_>>; Bootstraps::LISTED]) -> i64 {
    match &dearest[0] {
        Some(dearest) => dearest.own,
        None => 0,
    }
}

/// The list, which is sorted by what each needs, with one more.
const fn insert<'a>(
    mut list: [Option<Bootstraps<'a>>; Bootstraps::LISTED],
    mut new: Bootstraps<'a>,
) -> [Option<Bootstraps<'a>>; Bootstraps::LISTED] {
    let mut place = 0;
    while place < list.len() {
        match list[place] {
            None => {
                list[place] = Some(new);
                return list;
            }
            Some(old) if new.own > old.own => {
                list[place] = Some(new);
                new = old;
            }
            Some(_) => {}
        }
        place += 1;
    }
    list
}

/// The layer with weights that the quantizer at `index` reads, with so many outputs that the quantizer gives at most
/// `fitting` numbers.
const fn fewer_outputs<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    fitting: i64,
) -> Option<Fewer<'a>> {
    let mut at = index;
    loop {
        at = match net.fields[at].from {
            [Source::Field(from)] => *from,
            _ => return None,
        };
        let field = &net.fields[at];
        let outputs = match (field.layer, before[at].fact.shape) {
            (Layer::BatchNorm, _) => continue,
            (Layer::Linear(_), _) => fitting,
            (Layer::Conv(Conv { groups: Known::Now(groups), .. }), Known::Now(shape)) => {
                match shape.without_channels() {
                    Known::Now(positions) => fitting / positions / groups * groups,
                    Known::Later => return None,
                }
            }
            _ => return None,
        };
        if outputs < 1 {
            return None;
        }
        return Some(Fewer { field: field.name, kind: field.layer.kind(), outputs });
    }
}

const fn operands<'a>(net: &Net<'a>, index: usize) -> Issue<'a> {
    let field = &net.fields[index];
    let mut nearest = ["a", "b"];
    let mut earlier = 0;
    while earlier < index {
        if matches!(net.fields[earlier].layer, Layer::Quantizer(_)) {
            nearest = [nearest[1], net.fields[earlier].name];
        }
        earlier += 1;
    }
    Issue::Operands {
        field: field.name,
        kind: field.layer.kind(),
        reads: field.from.len(),
        nearest: if field.layer.is_joint() { Some(nearest) } else { None },
    }
}

const fn unread<'a>(net: &Net<'a>, index: usize) -> Option<Issue<'a>> {
    if index + 1 == net.fields.len() || net.is_read(index) {
        return None;
    }
    Some(Issue::Unread { field: net.fields[index].name })
}
