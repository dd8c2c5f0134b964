//! What can be wrong with a network, and how each message reads.
//!
//! What is wrong with both sides and their values; `note`: the arithmetic; `help`: the exact text to type.

use crate::{
    Axes, Field, Range, Shape, Source, Text,
    limits::{ACC_BITS, Limit, MAX_BOOTSTRAPS, MAX_TOLERANCE},
};

/// The laws a field can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// The first layer that touches the input is a `QuantIdentity`.
    Input,
    /// Every layer but a quantizer takes quantized tensors, never a raw accumulator.
    Quantized,
    /// The operands of `Add` and `Concat` share one scale.
    Scale,
    /// Each layer's input shape fits.
    Shape,
    /// The worst case of every accumulator over all inputs fits `acc_bits`.
    Overflow,
    /// A layer reads as many fields as it takes, every field but the last is read, and the last is the output.
    Wiring,
    /// One sample needs at most `max_bootstraps` bootstraps. Asked of the last field, about the whole network.
    Bootstraps,
    /// A tolerance stands on the field that reads a sum, or on the output.
    Tolerance,
}

impl Law {
    /// Every law, in the order they are asked.
    pub const ALL: [Self; 8] = [
        Self::Input,
        Self::Quantized,
        Self::Scale,
        Self::Shape,
        Self::Overflow,
        Self::Wiring,
        Self::Bootstraps,
        Self::Tolerance,
    ];

    /// Position in [`Law::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it needs numbers. The others are decided by the macro alone, whatever a path names.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Shape | Self::Overflow | Self::Bootstraps)
    }
}

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Issue<'a> {
    /// An option's number is outside its limits.
    OutOfRange {
        /// The option and its limits.
        limit: Limit,
        /// What the user gave.
        value: i128,
    },
    /// A fixed scale that is not a positive, finite `f32`.
    Scale,
    /// A tolerance that is no standard deviation, or too large a one.
    ToleranceRange,
    /// A tolerance where the client rounds.
    ExactInput {
        /// The field.
        field: &'a str,
        /// A quantizer that runs encrypted, where there is one.
        quantizer: Option<&'a str>,
    },
    /// A tolerance on sums that a quantizer reads.
    ExactSum {
        /// The field.
        field: &'a str,
        /// The quantizer.
        quantizer: &'a str,
    },
    /// A layer that reads the unquantized input.
    PlainInput {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
    },
    /// A layer that needs levels reads a raw accumulator.
    RawOperand {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The field it reads.
        producer: &'a str,
        /// That field's layer.
        producer_kind: &'static str,
        /// What that layer gives.
        gives: &'static str,
        /// What that field outputs, where it is known.
        range: Option<Range>,
        /// Every operand, where the field cannot read one that is put before it without saying so.
        wires: Option<Wires<'a>>,
    },
    /// The operand's shape is not the one the layer takes.
    Width {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// Features it takes.
        takes: i64,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// Nothing says which shape the input has.
    NoInputShape {
        /// The first field that has to know it.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The shape it takes, where it has a window.
        takes: Option<Shape>,
    },
    /// A layer with a window reads a tensor with more axes than the window, or fewer.
    Rank {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The shape it takes.
        takes: Shape,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// A convolution reads another number of channels.
    Channels {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// Channels it takes.
        takes: i64,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Channels of what it reads.
        gives: i64,
        /// Shape of what it reads.
        shape: Shape,
    },
    /// Channels that do not fall into so many equal groups.
    Groups {
        /// The field.
        field: &'a str,
        /// Groups asked for.
        groups: i64,
        /// Channels in.
        inputs: i64,
        /// Channels out.
        outputs: i64,
        /// The largest number of groups below it that fits.
        nearest: i64,
    },
    /// Padding so wide that a window at the border sees nothing else.
    OnlyPadding {
        /// The field.
        field: &'a str,
        /// Length of the window.
        kernel: i64,
        /// Padding on each side.
        padding: i64,
    },
    /// A window larger than what it slides over.
    Window {
        /// The field.
        field: &'a str,
        /// Length of the window.
        kernel: i64,
        /// Padding on each side.
        padding: i64,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
        /// The axis that is too short.
        length: i64,
    },
    /// A pool's accumulator wider than `acc_bits`.
    PoolOverflow {
        /// The field.
        field: &'a str,
        /// Bits the worst case needs.
        needs: u32,
        /// Bits allowed.
        acc_bits: i64,
        /// Levels that a window sums.
        elements: i64,
        /// The most that fit.
        fitting: i64,
        /// Their range.
        inputs: Range,
        /// The field whose levels those are, or `input`.
        producer: &'a str,
        /// The worst case.
        sum: Range,
    },
    /// An accumulator wider than `acc_bits`.
    Overflow {
        /// The field.
        field: &'a str,
        /// Bits the worst case needs.
        needs: u32,
        /// Bits allowed.
        acc_bits: i64,
        /// Non-zero weights of a neuron.
        terms: i64,
        /// Integers a weight may be.
        weights: Range,
        /// What the weights multiply.
        inputs: Range,
        /// The field whose levels those are, or `input`.
        producer: &'a str,
        /// The worst case.
        sum: Range,
        /// `max_l1`, where the user gave one.
        max_l1: Option<i64>,
        /// Largest `max_nonzero` that fits.
        fitting_nonzero: Option<i64>,
        /// Largest `max_l1` that fits.
        fitting_l1: Option<i64>,
    },
    /// A field that no later field reads.
    Unread {
        /// The field.
        field: &'a str,
    },
    /// Another number of operands than the layer takes.
    Operands {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// How many it reads.
        reads: usize,
        /// The two nearest quantizers before it, for a layer that takes two or more.
        nearest: Option<[&'a str; 2]>,
    },
    /// Operands of two scales.
    Scales {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The quantizers of two operands, in the order of the operands.
        quantizers: [&'a str; 2],
        /// The earlier one, which can share its scale.
        owner: &'a str,
        /// The later one.
        other: &'a str,
        /// Whether the user fixed the scale of the later one.
        is_fixed: bool,
    },
    /// `scale_from` names a field that gives no levels.
    NoScale {
        /// The field.
        field: &'a str,
        /// The field it names.
        owner: &'a str,
        /// That field's layer.
        owner_kind: &'static str,
    },
    /// Operands whose shapes do not go together.
    Shapes {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The first operand.
        first: &'a str,
        /// Its shape, and that of all operands between.
        has: Shape,
        /// The operand that does not fit.
        producer: &'a str,
        /// Its shape.
        gives: Shape,
    },
    /// A shape that holds another number of elements.
    Elements {
        /// The field.
        field: &'a str,
        /// The shape it makes.
        shape: Shape,
        /// How many numbers that holds.
        takes: i64,
        /// What it reads.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
        /// How many numbers that holds.
        holds: i64,
    },
    /// Axes that are not each there once.
    Permutation {
        /// The field.
        field: &'a str,
        /// Its axes.
        axes: Axes,
    },
    /// Another number of axes than the operand has.
    AxisCount {
        /// The field.
        field: &'a str,
        /// Its axes.
        axes: Axes,
        /// What it reads.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// A sum of tensors wider than `acc_bits`.
    SumOverflow {
        /// The field.
        field: &'a str,
        /// Bits the worst case needs.
        needs: u32,
        /// Bits allowed.
        acc_bits: i64,
        /// How many tensors it adds.
        operands: usize,
        /// The worst case.
        sum: Range,
    },
    /// More bootstraps than `max_bootstraps`.
    Bootstraps {
        /// The network.
        net: &'a str,
        /// How many one sample needs at most.
        needs: i64,
        /// How many it may need.
        most: i64,
        /// Fields that need any.
        count: usize,
        /// Those that need most, in falling order.
        dearest: [Option<Bootstraps<'a>>; Bootstraps::LISTED],
        /// How many the first of them may need beside the others; below one where that is not enough.
        fitting: i64,
        /// A layer that gives so few.
        fewer: Option<Fewer<'a>>,
    },
}

/// What one field needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstraps<'a> {
    /// The field.
    pub field: &'a str,
    /// How many bootstraps it takes.
    pub own: i64,
}

impl Bootstraps<'_> {
    /// How many fields a message lists.
    pub const LISTED: usize = 3;
}

/// A layer with weights that has fewer outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fewer<'a> {
    /// The field.
    pub field: &'a str,
    /// Its layer.
    pub kind: &'static str,
    /// The most outputs that fit.
    pub outputs: i64,
}

/// The operands of a field by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wires<'a> {
    /// The fields of the network.
    pub fields: &'a [Field<'a>],
    /// What the field reads.
    pub from: &'a [Source],
}

impl Issue<'_> {
    /// The message.
    #[must_use]
    pub const fn render(&self) -> Text {
        let text = Text::new();
        match *self {
            Self::OutOfRange { limit, value } => text.out_of_range(limit, value),
            Self::Scale => text
                .text("`scale` must be a positive, finite number that an `f32` can hold")
                .help()
                .text("give the step between two levels: `scale = 0.25`, or leave it out to train it"),
            Self::ToleranceRange => text
                .text("`tolerance` must be in 0..=")
                .number(MAX_TOLERANCE as i128)
                .note()
                .text("it is the standard deviation of noise, in steps of the activation")
                .help()
                .text("give what training may get used to: `tolerance = 0.2`, or leave it out to run exactly"),
            Self::ExactInput { field, quantizer } => {
                let text = text
                    .code(field)
                    .text(" takes no `tolerance`: the client rounds the features, before anything is encrypted")
                    .help();
                match quantizer {
                    Some(quantizer) => text.text("put it where sums are read encrypted: `#[layer(tolerance = ...)]` on ").code(quantizer),
                    None => text.text("leave it out"),
                }
            }
            Self::ExactSum { field, quantizer } => text
                .code(field)
                .text(" takes no `tolerance`: ")
                .code(quantizer)
                .text(" reads its sums, and the noise in them counts in steps of ")
                .code(quantizer)
                .help()
                .text("put it there: `#[layer(tolerance = ...)]` on ")
                .code(quantizer),
            Self::PlainInput { field, kind } => text
                .code(field)
                .text(" (")
                .code(kind)
                .text(") reads the network's input, which nothing has quantized")
                .note()
                .text("an encrypted input holds integers, so the first layer that touches it is a `QuantIdentity`")
                .help()
                .text("insert a field before it: `quant_inp: QuantIdentity,`"),
            Self::RawOperand { .. } => text.raw_operand(self),
            Self::Width { field, kind, takes, producer, gives } => text
                .code(field)
                .text(" takes [")
                .number(takes as i128)
                .text("], but ")
                .code(producer)
                .text(" gives ")
                .shape(&gives)
                .width_help(kind, takes, &gives),
            Self::NoInputShape { .. } | Self::Rank { .. } | Self::Channels { .. } => text.image(self),
            Self::Groups { .. } | Self::OnlyPadding { .. } | Self::Window { .. } => text.window(self),
            Self::PoolOverflow { .. } => text.pool_overflow(self),
            Self::Overflow { .. } => text.overflow(self).overflow_help(self),
            Self::Unread { field } => text
                .text("no field reads ")
                .code(field)
                .note()
                .text("only the last field is the output")
                .help()
                .text("remove it, or wire it: `#[layer(from = ")
                .text(field)
                .text(")]` on the field that reads it"),
            Self::Operands { field, kind, reads, nearest } => text.operands(field, kind, reads, nearest),
            Self::Scales { .. } => text.scales(self),
            Self::NoScale { .. } => text.no_scale(self),
            Self::Shapes { .. } => text.shapes(self),
            Self::Elements { .. } => text.elements(self),
            Self::Permutation { .. } | Self::AxisCount { .. } => text.order(self),
            Self::SumOverflow { .. } => text.sum_overflow(self),
            Self::Bootstraps { .. } => text.bootstraps(self).bootstraps_help(self),
        }
    }

    /// Stops const evaluation with the message.
    #[track_caller]
    pub(crate) const fn stop(&self) -> ! {
        let text = self.render();
        panic!("{}", text.as_str())
    }
}

const fn is_same(here: &str, there: &str) -> bool {
    let (here, there) = (here.as_bytes(), there.as_bytes());
    let mut index = 0;
    while index < here.len() && index < there.len() && here[index] == there[index] {
        index += 1;
    }
    index == here.len() && index == there.len()
}

impl Text {
    const fn out_of_range(self, limit: Limit, value: i128) -> Self {
        let (least, most) = (limit.least as i128, limit.most as i128);
        self.code(limit.name)
            .text(if value == i128::MAX { " is at least " } else { " is " })
            .number(value)
            .text(", but must be in ")
            .number(least)
            .text("..=")
            .number(most)
            .help()
            .text("the nearest allowed is ")
            .number(if value < least { least } else { most })
    }

    const fn raw_operand(self, issue: &Issue<'_>) -> Self {
        let Issue::RawOperand { field, kind, producer, producer_kind, gives, range, wires } = *issue else {
            return self;
        };
        let mut text = self
            .code(field)
            .text(" needs a quantized input, but ")
            .code(producer)
            .text(" produces a raw accumulator")
            .note()
            .code(kind)
            .text(" reads quantized levels; ")
            .article(producer_kind)
            .code(producer_kind)
            .text(" gives ")
            .text(gives);
        if let Some(range) = range {
            text = text.text(", here in ").range(range);
        }
        text = text.help().text("insert a field before it: `");
        let Some(wires) = wires else {
            return text
                .text("quant_")
                .text(producer)
                .text(": QuantIdentity,` or `relu_")
                .text(producer)
                .text(": QuantReLU,`");
        };
        text.text("#[layer(from = ")
            .text(producer)
            .text(")] quant_")
            .text(producer)
            .text(": QuantIdentity,`")
            .help()
            .text("and read it: `#[layer(from = ")
            .rewired(&wires, producer)
            .text(")]`")
    }

    /// The operands, with a quantizer in place of `producer`.
    const fn rewired(mut self, wires: &Wires<'_>, producer: &str) -> Self {
        let is_list = wires.from.len() > 1;
        self = self.text(if is_list { "[" } else { "" });
        let mut operand = 0;
        while operand < wires.from.len() {
            let name = match wires.from[operand] {
                Source::Field(index) => wires.fields[index].name,
                Source::Input | Source::Broken => "input",
            };
            self = self
                .text(if operand > 0 { ", " } else { "" })
                .text(if is_same(name, producer) { "quant_" } else { "" })
                .text(name);
            operand += 1;
        }
        self.text(if is_list { "]" } else { "" })
    }

    const fn operands(
        self,
        field: &str,
        kind: &'static str,
        reads: usize,
        nearest: Option<[&str; 2]>,
    ) -> Self {
        let text = self.code(field).text(" (").code(kind).text(") takes ");
        let Some([first, second]) = nearest else {
            return text
                .text("one operand, but reads ")
                .number(reads as i128)
                .help()
                .text("combine them in an `Add` or a `Concat` before it, and read that one");
        };
        text.text("two or more operands, but reads ")
            .number(reads as i128)
            .help()
            .text("name them: `#[layer(from = [")
            .text(first)
            .text(", ")
            .text(second)
            .text("])]`")
    }

    const fn scales(self, issue: &Issue<'_>) -> Self {
        let Issue::Scales { field, kind, quantizers: [first, second], owner, other, is_fixed } = *issue
        else {
            return self;
        };
        self.code(field)
            .text(match kind.as_bytes() {
                b"Add" => " adds",
                _ => " joins",
            })
            .text(" two different scales: ")
            .code(first)
            .text(" and ")
            .code(second)
            .text(" are quantized independently")
            .help()
            .text("put `#[layer(scale_from = ")
            .text(owner)
            .text(")]` on ")
            .code(other)
            .text(if is_fixed { " in place of its `scale`" } else { "" })
    }

    const fn shapes(self, issue: &Issue<'_>) -> Self {
        let Issue::Shapes { field, kind, first, has, producer, gives } = *issue else {
            return self;
        };
        let is_sum = matches!(kind.as_bytes(), b"Add");
        self.code(field)
            .text(if is_sum { " adds " } else { " joins " })
            .shape(&has)
            .text(" (")
            .code(first)
            .text(") and ")
            .shape(&gives)
            .text(" (")
            .code(producer)
            .text(if is_sum { "), whose shapes differ" } else { "), which differ behind axis 0" })
            .note()
            .text(if is_sum {
                "an `Add` takes tensors of one shape"
            } else {
                "a `Concat` joins along axis 0, and takes tensors that agree in all other axes"
            })
            .help()
            .text("make ")
            .code(producer)
            .text(if is_sum { " give the shape of " } else { " agree with " })
            .code(first)
    }

    const fn no_scale(self, issue: &Issue<'_>) -> Self {
        let Issue::NoScale { field, owner, owner_kind } = *issue else { return self };
        self.code(field)
            .text(" takes its scale from ")
            .code(owner)
            .text(", which has none")
            .note()
            .text("a ")
            .code(owner_kind)
            .text(" gives a raw accumulator; only quantized levels have a scale to share")
            .help()
            .text("name an earlier `QuantIdentity` or `QuantReLU`")
    }

    const fn elements(self, issue: &Issue<'_>) -> Self {
        let Issue::Elements { field, shape, takes, producer, gives, holds } = *issue else { return self };
        self.code(field)
            .text(" makes ")
            .shape(&shape)
            .text(" of ")
            .code(producer)
            .text(", which gives ")
            .shape(&gives)
            .note()
            .shape(&shape)
            .text(" holds ")
            .number(takes as i128)
            .text(" numbers, ")
            .shape(&gives)
            .text(" holds ")
            .number(holds as i128)
            .help()
            .text("give a shape of as many: `#[layer(shape = [")
            .number(holds as i128)
            .text("])]`")
    }

    const fn order(self, issue: &Issue<'_>) -> Self {
        let (text, rank) = match *issue {
            Issue::Permutation { field, axes } => {
                let text = self.code(field).text(": `axes = ").axes(&axes).text("` is no order of axes");
                (text, axes.get().len())
            }
            Issue::AxisCount { field, axes, producer, gives } => {
                let text = self.code(field).text(" orders ").number(axes.get().len() as i128);
                (text.text(" axes, but ").code(producer).text(" gives ").shape(&gives), gives.rank())
            }
            _ => return self,
        };
        let (first, last) = (text.help().text("name each of 0..="), rank as i128 - 1);
        first.number(last).text(" once: `#[layer(axes = [").reversed(rank).text("])]` reverses them")
    }

    const fn reversed(mut self, rank: usize) -> Self {
        let mut axis = rank;
        while axis > 0 {
            axis -= 1;
            self = self.number(axis as i128).text(if axis > 0 { ", " } else { "" });
        }
        self
    }

    const fn sum_overflow(self, issue: &Issue<'_>) -> Self {
        let Issue::SumOverflow { field, needs, acc_bits, operands, sum } = *issue else { return self };
        let text = self
            .code(field)
            .text(": the accumulator needs ")
            .number(needs as i128)
            .text(" bits, but `acc_bits` is ")
            .number(acc_bits as i128)
            .note()
            .text("its ")
            .number(operands as i128)
            .text(" operands sum to ")
            .range(sum)
            .help()
            .text("add fewer tensors, or quantize them to fewer `bits`");
        if needs as i64 <= ACC_BITS.most {
            return text.help().text("or allow it: `#[layer(acc_bits = ").number(needs as i128).text(")]`");
        }
        text
    }

    const fn bootstraps(self, issue: &Issue<'_>) -> Self {
        let Issue::Bootstraps { net, needs, most, count, dearest, .. } = *issue else { return self };
        let mut text = self
            .code(net)
            .text(" may need ")
            .number(needs as i128)
            .text(" bootstraps, but `max_bootstraps` is ")
            .number(most as i128)
            .note()
            .text("a quantizer needs one for each number it gives: ");
        let (mut listed, mut rest) = (0, needs);
        while listed < dearest.len() {
            if let Some(Bootstraps { field, own }) = dearest[listed] {
                text = text.text(if listed > 0 { ", " } else { "" }).code(field).text(" ");
                text = text.number(own as i128);
                rest -= own;
            }
            listed += 1;
        }
        if count <= listed {
            return text;
        }
        let others = count - listed;
        text = text.text(", ").number(others as i128).text(if others > 1 { " others " } else { " other " });
        text.number(rest as i128)
    }

    const fn bootstraps_help(self, issue: &Issue<'_>) -> Self {
        let Issue::Bootstraps { needs, most, count, dearest: [Some(dearest), ..], fitting, fewer, .. } =
            *issue
        else {
            return self;
        };
        let mut text = self;
        if needs <= MAX_BOOTSTRAPS.most {
            text = text.help().text("allow them: `max_bootstraps = ").number(needs as i128).text("`");
        }
        let text = text.help().text("or ");
        match fewer {
            Some(Fewer { field, kind, outputs }) => text
                .text(if is_same(kind, "QuantLinear") {
                    "use fewer neurons: `"
                } else {
                    "use fewer filters: `"
                })
                .text(field)
                .text(": ")
                .text(kind)
                .text("<_, ")
                .number(outputs as i128)
                .text(if is_same(kind, "QuantLinear") { ">,`" } else { ", _>,`" }),
            None if fitting > 0 => text
                .text("let ")
                .code(dearest.field)
                .text(" give at most ")
                .number(fitting as i128)
                .text(" numbers: pool, or use fewer neurons or filters, before it"),
            None if most < count as i64 => {
                text.text("keep at most ").number(most as i128).text(" of these quantizers")
            }
            None => text.text("pool, or use fewer neurons or filters, before several of them"),
        }
    }

    const fn width_help(self, kind: &'static str, takes: i64, gives: &Shape) -> Self {
        match gives.dims() {
            [crate::Known::Now(width)] if *width != takes => self
                .help()
                .text("write `")
                .text(kind)
                .text("<")
                .number(*width as i128)
                .text(", _>` here, or make the layer before it give ")
                .number(takes as i128),
            [_] => self,
            _ => {
                let text = self
                    .note()
                    .code(kind)
                    .text(" takes one dimension")
                    .help()
                    .text("insert a field before it: `flatten: Flatten,`");
                match gives.elements() {
                    crate::Known::Now(width) if width != takes => text
                        .help()
                        .text("and write `")
                        .text(kind)
                        .text("<")
                        .number(width as i128)
                        .text(", _>` here"),
                    _ => text,
                }
            }
        }
    }

    /// `a` or `an`, as the layer's name sounds.
    const fn article(self, kind: &str) -> Self {
        match kind.as_bytes() {
            [b'A', ..] => self.text("an "),
            _ => self.text("a "),
        }
    }

    const fn image(self, issue: &Issue<'_>) -> Self {
        match *issue {
            Issue::NoInputShape { field, kind, takes } => {
                let text = self.code(field);
                let text = match &takes {
                    Some(takes) => text
                        .text(" takes ")
                        .axis_names(takes)
                        .text(", but `quant_net` does not say what shape the input has"),
                    None => text
                        .text(" (")
                        .code(kind)
                        .text(") needs the shape of the input, which `quant_net` does not say"),
                };
                let text = text
                    .note()
                    .text("a first `QuantLinear` tells the shape by itself, ")
                    .article(kind)
                    .code(kind)
                    .text(" does not")
                    .help()
                    .text("add it to `quant_net`: `input = ");
                match &takes {
                    Some(takes) => text.axis_names(takes),
                    None => text.text("[1, 8, 8]"),
                }
                .text("`")
            }
            Issue::Rank { field, kind, takes, producer, gives } => {
                let text = self
                    .code(field)
                    .text(" takes ")
                    .axis_names(&takes)
                    .text(", but ")
                    .code(producer)
                    .text(" gives ")
                    .shape(&gives)
                    .note()
                    .code(kind)
                    .text(if takes.rank() == 2 {
                        " takes channels and a length"
                    } else {
                        " takes channels, a height and a width"
                    });
                match (kind.as_bytes(), gives.rank()) {
                    ([.., b'1', b'd'], 3) => text.help().text("write `QuantConv2d` here, which takes them"),
                    _ => text
                        .help()
                        .text("give the input that shape: `input = ")
                        .axis_names(&takes)
                        .text("`, and nothing that flattens it before ")
                        .code(field),
                }
            }
            Issue::Channels { field, kind, takes, producer, gives, shape } => self
                .code(field)
                .text(" takes ")
                .number(takes as i128)
                .text(" channels, but ")
                .code(producer)
                .text(" gives ")
                .number(gives as i128)
                .text(": ")
                .shape(&shape)
                .help()
                .text("write `")
                .text(kind)
                .text("<")
                .number(gives as i128)
                .text(", _, _>` here, or make the layer before it give ")
                .number(takes as i128)
                .text(" channels"),
            _ => self,
        }
    }

    /// A shape whose open axes have their names.
    const fn axis_names(self, shape: &Shape) -> Self {
        let text = match shape.dims()[0] {
            crate::Known::Now(channels) => self.text("[").number(channels as i128),
            crate::Known::Later => self.text("[channels"),
        };
        text.text(if shape.rank() == 2 { ", length]" } else { ", height, width]" })
    }

    const fn window(self, issue: &Issue<'_>) -> Self {
        match *issue {
            Issue::Groups { field, groups, inputs, outputs, nearest } => self
                .code(field)
                .text(" has ")
                .number(groups as i128)
                .text(" groups, which do not divide ")
                .number(inputs as i128)
                .text(" channels in and ")
                .number(outputs as i128)
                .text(" out")
                .help()
                .text("the nearest that divides both: `#[layer(groups = ")
                .number(nearest as i128)
                .text(")]`"),
            Issue::OnlyPadding { field, kernel, padding } => self
                .code(field)
                .text(" has a padding of ")
                .number(padding as i128)
                .text(", but a window of ")
                .number(kernel as i128)
                .note()
                .text("at the border the window would see nothing but zeros")
                .help()
                .text("the most is `#[layer(padding = ")
                .number(kernel as i128 - 1)
                .text(")]`"),
            Issue::Window { field, kernel, padding, producer, gives, length } => {
                let room = length + 2 * padding;
                let needed = (kernel - length + 1) / 2;
                let text = self
                    .code(field)
                    .text(" has a window of ")
                    .number(kernel as i128)
                    .text(", but ")
                    .code(producer)
                    .text(" gives ")
                    .shape(&gives);
                let text = text
                    .note()
                    .text("with a padding of ")
                    .number(padding as i128)
                    .text(" an axis of ")
                    .number(length as i128)
                    .text(" has room for ")
                    .number(room as i128);
                text.help()
                    .text("use a window of at most ")
                    .number(room as i128)
                    .text(", or pad: `#[layer(padding = ")
                    .number(needed as i128)
                    .text(")]`")
            }
            _ => self,
        }
    }

    const fn pool_overflow(self, issue: &Issue<'_>) -> Self {
        let Issue::PoolOverflow { field, needs, acc_bits, elements, fitting, inputs, producer, sum } = *issue
        else {
            return self;
        };
        let text = self
            .code(field)
            .text(": the accumulator needs ")
            .number(needs as i128)
            .text(" bits, but `acc_bits` is ")
            .number(acc_bits as i128)
            .note()
            .number(elements as i128)
            .text(" levels in ")
            .range(inputs)
            .text(" (")
            .code(producer)
            .text(") sum to ")
            .range(sum)
            .help()
            .text("sum at most ")
            .number(fitting as i128)
            .text(" levels at once, or give ")
            .code(producer)
            .text(" fewer `bits`");
        if needs as i64 > ACC_BITS.most {
            return text;
        }
        text.help().text("or allow it: `#[layer(acc_bits = ").number(needs as i128).text(")]`")
    }

    const fn overflow(self, issue: &Issue<'_>) -> Self {
        let Issue::Overflow { field, needs, acc_bits, terms, weights, inputs, producer, sum, max_l1, .. } =
            *issue
        else {
            return self;
        };
        let mut text = self
            .code(field)
            .text(": the accumulator needs ")
            .number(needs as i128)
            .text(" bits, but `acc_bits` is ")
            .number(acc_bits as i128)
            .note()
            .number(terms as i128)
            .text(" weights in ")
            .range(weights);
        if let Some(budget) = max_l1 {
            text = text.text(" of absolute sum ").number(budget as i128);
        }
        text.text(" times inputs in ").range(inputs).text(" (").code(producer).text(") sum to ").range(sum)
    }

    const fn overflow_help(self, issue: &Issue<'_>) -> Self {
        let Issue::Overflow { needs, fitting_nonzero, fitting_l1, .. } = *issue else {
            return self;
        };
        let mut text = self;
        if let Some(most) = fitting_nonzero {
            text = text
                .help()
                .text("keep fewer weights per output: `#[layer(max_nonzero = ")
                .number(most as i128)
                .text(")]`");
        }
        let mut or = if fitting_nonzero.is_some() { "or " } else { "" };
        if let Some(most) = fitting_l1 {
            text = text.help().text(or).text("bound their sum: `#[layer(max_l1 = ");
            text = text.number(most as i128).text(")]`");
            or = "or ";
        }
        if needs as i64 <= ACC_BITS.most {
            text = text.help().text(or).text("allow it: `#[layer(acc_bits = ");
            return text.number(needs as i128).text(")]`");
        }
        if fitting_nonzero.is_none() && fitting_l1.is_none() {
            return text.help().text("even one weight is too much: use fewer `bits`");
        }
        text
    }
}

impl core::fmt::Display for Issue<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.render().as_str())
    }
}

impl core::error::Error for Issue<'_> {}
