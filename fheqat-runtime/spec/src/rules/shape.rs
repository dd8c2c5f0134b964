//! Each layer's operands fit it, and no tensor holds more numbers than it may.

use crate::{
    Axes, Known, Shape, Text, Window,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::{Groups, Operands, Outputs, Shapes},
    limits::MAX_ELEMENTS,
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: true, suspects_wires: false, option: None };

/// A shape that does not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Misfit<'a> {
    /// The field.
    pub field: &'a str,
    /// Its layer.
    pub kind: &'static str,
    /// Why.
    pub why: Why<'a>,
}

/// Why a shape does not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why<'a> {
    /// The operand's shape is not the one the layer takes.
    Width {
        /// Features it takes.
        takes: i64,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// Nothing says which shape the input has.
    NoInputShape {
        /// The shape it takes, where it has a window.
        takes: Option<Shape>,
    },
    /// A layer with a window reads a tensor with more axes than the window, or fewer.
    Rank {
        /// The shape it takes.
        takes: Shape,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// A convolution reads another number of channels.
    Channels {
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
        /// Length of the window.
        kernel: i64,
        /// Padding on each side.
        padding: i64,
    },
    /// A window larger than what it slides over.
    Window {
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
    /// Operands whose shapes do not go together.
    Differ {
        /// What is done with them.
        operands: Operands,
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
        /// Its axes.
        axes: Axes,
    },
    /// Another number of axes than the operand has.
    AxisCount {
        /// Its axes.
        axes: Axes,
        /// What it reads.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// A tensor of more numbers than there may be.
    TooLarge {
        /// Its shape.
        shape: Shape,
        /// Whose it is.
        of: Large,
    },
}

/// Which tensor is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Large {
    /// The network's input.
    Input,
    /// What a layer gives that has so many outputs.
    Outputs(Outputs),
    /// What a layer joins.
    Joined,
    /// What another layer gives.
    Other,
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Misfit<'a>> {
    let why = match too_large(asked) {
        None if asked.layer.operands.are_several() => differ(asked),
        None => misfit(asked),
        why => why,
    };
    match why {
        Some(why) => Some(Misfit { field: asked.field.name, kind: asked.layer.kind, why }),
        None => None,
    }
}

/// The input is asked about at the first field that reads it.
const fn too_large<'a>(asked: &Asked<'a, '_>) -> Option<Why<'a>> {
    if let Known::Now(shape) = asked.gives.shape
        && is_too_large(&shape)
    {
        let of = match (asked.layer.outputs, asked.layer.operands) {
            (Some(outputs), _) => Large::Outputs(outputs),
            (None, Operands::Joined) => Large::Joined,
            (None, Operands::One | Operands::Added) => Large::Other,
        };
        return Some(Why::TooLarge { shape, of });
    }
    match asked.survey.input {
        Known::Now(shape) if is_too_large(&shape) && asked.is_first_reader() => {
            Some(Why::TooLarge { shape, of: Large::Input })
        }
        Known::Now(_) | Known::Later => None,
    }
}

const fn is_too_large(shape: &Shape) -> bool {
    match shape.elements() {
        Known::Now(elements) => elements > MAX_ELEMENTS,
        Known::Later => false,
    }
}

/// Each operand is compared with those before it, until one differs or nothing more is known.
const fn differ<'a>(asked: &Asked<'a, '_>) -> Option<Why<'a>> {
    let Known::Now(mut has) = asked.operand(0).shape else {
        return None;
    };
    let mut position = 1;
    while position < asked.field.from.len() {
        let Known::Now(gives) = asked.operand(position).shape else {
            return None;
        };
        let operands = asked.layer.operands;
        has = match operands.shape(&has, &gives) {
            Some(together) => together,
            None => {
                let (first, producer) = (asked.producer(0), asked.producer(position));
                return Some(Why::Differ { operands, first, has, producer, gives });
            }
        };
        position += 1;
    }
    None
}

const fn misfit<'a>(asked: &Asked<'a, '_>) -> Option<Why<'a>> {
    match &asked.layer.shapes {
        Shapes::Any | Shapes::Known => no_input_shape(asked, None),
        Shapes::Features(features) => width(asked, *features),
        Shapes::Image { axes, channels, window, groups } => {
            let takes = Shape::image(*channels, *axes);
            if let Some(why) = no_input_shape(asked, Some(takes)) {
                return Some(why);
            }
            if let Some(why) = image(asked, takes) {
                return Some(why);
            }
            if let Some(groups) = groups
                && let Some(why) = uneven(groups)
            {
                return Some(why);
            }
            match window {
                Some(window) => narrow(asked, window),
                None => None,
            }
        }
        Shapes::Elements(shape) => elements(asked, shape),
        Shapes::Order(axes) => order(asked, axes),
    }
}

/// Nothing says which shape the input has, and this field is the first to miss it.
const fn no_input_shape<'a>(asked: &Asked<'a, '_>, takes: Option<Shape>) -> Option<Why<'a>> {
    if asked.misses_input_shape() { Some(Why::NoInputShape { takes }) } else { None }
}

const fn width<'a>(asked: &Asked<'a, '_>, takes: Known<i64>) -> Option<Why<'a>> {
    let (Known::Now(takes), Known::Now(gives)) = (takes, asked.operand(0).shape) else {
        return None;
    };
    let fits = match gives.dims() {
        [Known::Now(width)] => *width == takes,
        [Known::Later] => true,
        _ => false,
    };
    if fits { None } else { Some(Why::Width { takes, producer: asked.producer(0), gives }) }
}

/// As many axes, and as many channels.
const fn image<'a>(asked: &Asked<'a, '_>, takes: Shape) -> Option<Why<'a>> {
    let Known::Now(shape) = asked.operand(0).shape else {
        return None;
    };
    let producer = asked.producer(0);
    if shape.rank() != takes.rank() {
        return Some(Why::Rank { takes, producer, gives: shape });
    }
    match (takes.channels(), shape.channels()) {
        (Known::Now(takes), Known::Now(gives)) if takes != gives => {
            Some(Why::Channels { takes, producer, gives, shape })
        }
        _ => None,
    }
}

const fn uneven<'a>(groups: &Groups) -> Option<Why<'a>> {
    let (Known::Now(groups), Known::Now(inputs), Known::Now(outputs)) =
        (groups.groups, groups.inputs, groups.outputs)
    else {
        return None;
    };
    if inputs % groups == 0 && outputs % groups == 0 {
        return None;
    }
    let (mut common, mut rest) = (inputs, outputs);
    while rest > 0 {
        (common, rest) = (rest, common % rest);
    }
    Some(Why::Groups { groups, inputs, outputs, nearest: largest_divisor(common, groups) })
}

/// The largest divisor of `number` that is at most `most`, found in as many steps as the square root of `number`.
const fn largest_divisor(number: i64, most: i64) -> i64 {
    let mut largest = 1;
    let mut small = 1;
    while small * small <= number {
        if number % small == 0 {
            let pair = [small, number / small];
            let mut which = 0;
            while which < pair.len() {
                if pair[which] <= most && pair[which] > largest {
                    largest = pair[which];
                }
                which += 1;
            }
        }
        small += 1;
    }
    largest
}

/// A window that has something to see at each position.
const fn narrow<'a>(asked: &Asked<'a, '_>, window: &Window) -> Option<Why<'a>> {
    let (Known::Now(kernel), Known::Now(padding)) = (window.kernel, window.padding) else {
        return None;
    };
    if padding >= kernel {
        return Some(Why::OnlyPadding { kernel, padding });
    }
    let Known::Now(gives) = asked.operand(0).shape else {
        return None;
    };
    let mut axis = 1;
    while axis < gives.rank() {
        if let Known::Now(length) = gives.dims()[axis]
            && length + 2 * padding < kernel
        {
            return Some(Why::Window { kernel, padding, producer: asked.producer(0), gives, length });
        }
        axis += 1;
    }
    None
}

const fn elements<'a>(asked: &Asked<'a, '_>, shape: &Shape) -> Option<Why<'a>> {
    let Known::Now(gives) = asked.operand(0).shape else {
        return no_input_shape(asked, None);
    };
    match (shape.elements(), gives.elements()) {
        (Known::Now(takes), Known::Now(holds)) if holds != takes => {
            Some(Why::Elements { shape: *shape, takes, producer: asked.producer(0), gives, holds })
        }
        _ => None,
    }
}

const fn order<'a>(asked: &Asked<'a, '_>, axes: &Axes) -> Option<Why<'a>> {
    if !axes.is_permutation() {
        return Some(Why::Permutation { axes: *axes });
    }
    let Known::Now(gives) = asked.operand(0).shape else {
        return no_input_shape(asked, None);
    };
    match axes.apply(&gives) {
        Some(_) => None,
        None => Some(Why::AxisCount { axes: *axes, producer: asked.producer(0), gives }),
    }
}

impl<'a> Misfit<'a> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new().code(self.field);
        match self.why {
            Why::Width { takes, producer, gives } => self.width(text, takes, producer, &gives),
            Why::NoInputShape { takes } => self.no_input_shape(text, takes),
            Why::Rank { takes, producer, gives } => self.rank(text, &takes, producer, &gives),
            Why::Channels { takes, producer, gives, shape } => text
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
                .text(self.kind)
                .text("<")
                .number(gives as i128)
                .text(", _, _>` here, or make the layer before it give ")
                .number(takes as i128)
                .text(" channels"),
            Why::Groups { groups, inputs, outputs, nearest } => text
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
            Why::OnlyPadding { kernel, padding } => text
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
            Why::Window { kernel, padding, producer, gives, length } => {
                let text = text.text(" has a window of ").number(kernel as i128);
                let text = text.text(", but ").code(producer).text(" gives ").shape(&gives);
                room(text, kernel, padding, length)
            }
            Why::Differ { operands, first, has, producer, gives } => {
                differing(text, operands, (first, &has), (producer, &gives))
            }
            Why::Elements { shape, takes, producer, gives, holds } => {
                other_count(text.text(" makes "), (&shape, takes), producer, (&gives, holds))
            }
            Why::Permutation { axes } => {
                let text = text.text(": `axes = ").axes(&axes).text("` is no order of axes");
                name_axes(text, axes.get().len())
            }
            Why::AxisCount { axes, producer, gives } => {
                let text = text.text(" orders ").number(axes.get().len() as i128);
                let text = text.text(" axes, but ").code(producer).text(" gives ").shape(&gives);
                name_axes(text, gives.rank())
            }
            Why::TooLarge { shape, of } => self.too_large(&shape, of),
        }
    }

    const fn width(&self, text: Text, takes: i64, producer: &str, gives: &Shape) -> Text {
        let text = text
            .text(" takes [")
            .number(takes as i128)
            .text("], but ")
            .code(producer)
            .text(" gives ")
            .shape(gives);
        match gives.dims() {
            [Known::Now(width)] if *width != takes => text
                .help()
                .text("write `")
                .text(self.kind)
                .text("<")
                .number(*width as i128)
                .text(", _>` here, or make the layer before it give ")
                .number(takes as i128),
            [_] => text,
            _ => {
                let text = text
                    .note()
                    .code(self.kind)
                    .text(" takes one dimension")
                    .help()
                    .text("insert a field before it: `flatten: Flatten,`");
                match gives.elements() {
                    Known::Now(width) if width != takes => text
                        .help()
                        .text("and write `")
                        .text(self.kind)
                        .text("<")
                        .number(width as i128)
                        .text(", _>` here"),
                    Known::Now(_) | Known::Later => text,
                }
            }
        }
    }

    const fn no_input_shape(&self, text: Text, takes: Option<Shape>) -> Text {
        let text = match &takes {
            Some(takes) => axis_names(text.text(" takes "), takes)
                .text(", but `quant_net` does not say what shape the input has"),
            None => text
                .text(" (")
                .code(self.kind)
                .text(") needs the shape of the input, which `quant_net` does not say"),
        };
        let text = text
            .note()
            .text("a first `QuantLinear` tells the shape by itself, ")
            .layer(self.kind)
            .text(" does not")
            .help()
            .text("add it to `quant_net`: `input = ");
        match &takes {
            Some(takes) => axis_names(text, takes),
            None => text.text("[1, 8, 8]"),
        }
        .text("`")
    }

    const fn rank(&self, text: Text, takes: &Shape, producer: &str, gives: &Shape) -> Text {
        let text = axis_names(text.text(" takes "), takes)
            .text(", but ")
            .code(producer)
            .text(" gives ")
            .shape(gives)
            .note()
            .code(self.kind)
            .text(if takes.rank() == 2 {
                " takes channels and a length"
            } else {
                " takes channels, a height and a width"
            })
            .help();
        match (self.kind.as_bytes(), gives.rank()) {
            ([.., b'1', b'd'], 3) => text.text("write `QuantConv2d` here, which takes them"),
            _ => axis_names(text.text("give the input that shape: `input = "), takes)
                .text("`, and nothing that flattens it before ")
                .code(self.field),
        }
    }

    const fn too_large(&self, shape: &Shape, of: Large) -> Text {
        let text = match of {
            Large::Input => Text::new().text("`input` is "),
            Large::Outputs(_) | Large::Joined | Large::Other => Text::new().code(self.field).text(" gives "),
        };
        let text = text.shape(shape).text(", but a tensor holds at most ").number(MAX_ELEMENTS as i128);
        let text =
            text.text(" numbers").note().text("each is a ciphertext of its own when the network runs").help();
        let most = match shape.without_channels() {
            Known::Now(others) if others <= MAX_ELEMENTS => MAX_ELEMENTS / others,
            Known::Now(_) | Known::Later => 0,
        };
        match of {
            Large::Input if most > 0 => text
                .text("the most with these other dimensions: `input = ")
                .shape(&shape.with_channels(Known::Now(most)))
                .text("`"),
            Large::Input => text.text("give a smaller shape: `input = [1, 8, 8]`"),
            Large::Outputs(outputs) => {
                let most = match outputs.step {
                    Known::Now(step) => most / step * step,
                    Known::Later => most,
                };
                if most == 0 {
                    return text.text("move its window farther: `#[layer(stride = 2)]`");
                }
                let text = text.text("use fewer ").text(outputs.word).text(": `").text(self.field).text(": ");
                text.text(self.kind).text("<_, ").number(most as i128).text(outputs.rest).text(",`")
            }
            Large::Joined => text.text("join fewer tensors, or smaller ones"),
            Large::Other => text.text("make it smaller: put an `AvgPool2d<2>` and a quantizer before it"),
        }
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        match self.why {
            Why::Differ { producer, .. } => Blame::Operand(producer),
            Why::TooLarge { of: Large::Input, .. } => Blame::Option("input"),
            _ => Blame::Layer,
        }
    }

    pub(crate) const fn cause(&self) -> Cause {
        match self.why {
            Why::NoInputShape { .. } => Cause::Option("input"),
            _ => Cause::Itself,
        }
    }
}

/// A shape whose open axes have their names.
const fn axis_names(text: Text, shape: &Shape) -> Text {
    let text = match shape.channels() {
        Known::Now(channels) => text.text("[").number(channels as i128),
        Known::Later => text.text("[channels"),
    };
    text.text(if shape.rank() == 2 { ", length]" } else { ", height, width]" })
}

const fn room(text: Text, kernel: i64, padding: i64, length: i64) -> Text {
    let room = (length + 2 * padding) as i128;
    let needed = (kernel - length + 1) / 2;
    text.note()
        .text("with a padding of ")
        .number(padding as i128)
        .text(" an axis of ")
        .number(length as i128)
        .text(" has room for ")
        .number(room)
        .help()
        .text("use a window of at most ")
        .number(room)
        .text(", or pad: `#[layer(padding = ")
        .number(needed as i128)
        .text(")]`")
}

const fn differing(text: Text, operands: Operands, here: (&str, &Shape), there: (&str, &Shape)) -> Text {
    let ((first, has), (producer, gives)) = (here, there);
    let [does, differ, rule, ends] = match operands {
        Operands::Added => {
            [" adds ", "), whose shapes differ", "an `Add` takes tensors of one shape", " give the shape of "]
        }
        Operands::One | Operands::Joined => [
            " joins ",
            "), which differ behind axis 0",
            "a `Concat` joins along axis 0, and takes tensors that agree in all other axes",
            " agree with ",
        ],
    };
    let text = text.text(does).shape(has).text(" (").code(first).text(") and ").shape(gives);
    let text = text.text(" (").code(producer).text(differ).note().text(rule);
    text.help().text("make ").code(producer).text(ends).code(first)
}

const fn other_count(text: Text, here: (&Shape, i64), producer: &str, there: (&Shape, i64)) -> Text {
    let ((shape, takes), (gives, holds)) = (here, there);
    let text = text.shape(shape).text(" of ").code(producer).text(", which gives ").shape(gives);
    text.note()
        .shape(shape)
        .text(" holds ")
        .number(takes as i128)
        .text(" numbers, ")
        .shape(gives)
        .text(" holds ")
        .number(holds as i128)
        .help()
        .text("give a shape of as many: `#[layer(shape = [")
        .number(holds as i128)
        .text("])]`")
}

const fn name_axes(text: Text, rank: usize) -> Text {
    let text = text.help().text("name each of 0..=").number(rank as i128 - 1);
    let mut text = text.text(" once: `#[layer(axes = [");
    let mut axis = rank;
    while axis > 0 {
        axis -= 1;
        text = text.number(axis as i128).text(if axis > 0 { ", " } else { "" });
    }
    text.text("])]` reverses them")
}
