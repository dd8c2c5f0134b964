//! How a misfit reads.

use super::{Large, Misfit, Why};
use crate::{Known, Shape, Text, layers::properties::Operands, limits::MAX_ELEMENTS};

impl Misfit<'_> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new().code(self.field);
        match self.why {
            Why::Width { takes, producer, gives } => self.width(text, takes, producer, &gives),
            Why::Bits { takes, encoder, bits } => self.bits(text, takes, encoder, bits),
            Why::NoInputShape { takes, input } => self.no_input_shape(text, takes, input),
            Why::Rank { takes, producer, gives } => self.rank(text, &takes, producer, &gives),
            Why::Axes { axes, producer, gives } => self.axes(text, axes, producer, &gives),
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
            Why::OnlyPadding { .. } | Why::StepsOver { .. } | Why::Window { .. } => self.window(text),
            Why::Differ { operands, first, has, producer, gives } => {
                differing(text, operands, (first, &has), (producer, &gives))
            }
            Why::Elements { shape, takes, producer, gives, holds } => {
                other_count(text.text(" makes "), (&shape, takes), producer, (&gives, holds))
            }
            Why::Permutation { axes } => {
                let text = text.text(": `axes = ").axes(&axes).text("` is not a permutation of the axes");
                name_axes(text, axes.get().len())
            }
            Why::AxisCount { axes, producer, gives } => {
                let text = text.text(" orders ").number(axes.get().len() as i128);
                let text = text.text(" axes, but ").code(producer).text(" gives ").shape(&gives);
                name_axes(text, gives.rank())
            }
            Why::Empty { .. } | Why::NoAxis { .. } | Why::Outside { .. } => self.part(text),
            Why::TooLarge { shape, of } => self.too_large(&shape, of),
        }
    }

    /// A window that sees nothing, or does not fit.
    const fn window(&self, text: Text) -> Text {
        match self.why {
            Why::OnlyPadding { kernel, dilation, padding } => text
                .text(" has a padding of ")
                .number(padding as i128)
                .text(", but")
                .window(kernel, dilation)
                .note()
                .text("at the border the window would see nothing but zeros")
                .help()
                .text("the most is `#[layer(padding = ")
                .number((kernel as i128 - 1) * dilation as i128)
                .text(")]`"),
            Why::StepsOver { kernel, dilation, producer, gives, length } => text
                .text(" has")
                .window(kernel, dilation)
                .text(", but ")
                .code(producer)
                .text(" gives ")
                .shape(&gives)
                .note()
                .text("somewhere the window would see nothing but zeros, on both sides of the axis of ")
                .number(length as i128)
                .help()
                .text("the dilation that is always right: `#[layer(dilation = ")
                .number(length as i128)
                .text(")]`, or less"),
            Why::Window { kernel, dilation, around, producer, gives, length } => {
                let text = text.text(" has").window(kernel, dilation);
                let text = text.text(", but ").code(producer).text(" gives ").shape(&gives);
                room(text, [kernel, dilation], around, length)
            }
            _ => text,
        }
    }

    /// A part that is none.
    const fn part(&self, text: Text) -> Text {
        match self.why {
            Why::Empty { start, end } => text
                .text(" takes nothing from ")
                .number(start as i128)
                .text(" to ")
                .number(end as i128)
                .help()
                .text("a part ends behind its start: `Slice<")
                .number(start as i128)
                .text(", ")
                .number(start as i128 + 1)
                .text(">` takes one"),
            Why::NoAxis { axis, producer, gives } => text
                .text(" takes a part of axis ")
                .number(axis as i128)
                .text(", but ")
                .code(producer)
                .text(" gives ")
                .shape(&gives)
                .help()
                .text("the axes are 0..=")
                .number(gives.rank() as i128 - 1)
                .text(", and axis 0 has the channels: `#[layer(axis = 0)]`"),
            Why::Outside { end, axis, producer, gives, length } => text
                .text(" takes a part of axis ")
                .number(axis as i128)
                .text(" to ")
                .number(end as i128)
                .text(", but ")
                .code(producer)
                .text(" gives ")
                .shape(&gives)
                .help()
                .text("the part ends at most at ")
                .number(length as i128)
                .text(": `Slice<_, ")
                .number(length as i128)
                .text(">`, unless `axis` names another axis"),
            _ => text,
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

    const fn bits(&self, text: Text, takes: i64, encoder: &str, bits: i64) -> Text {
        let features = if takes < bits { 1 } else { takes / bits };
        text.text(" takes [")
            .number(takes as i128)
            .text("], but ")
            .code(encoder)
            .text(" gives ")
            .number(bits as i128)
            .text(" bits for each feature")
            .note()
            .number(takes as i128)
            .text(" is no multiple of ")
            .number(bits as i128)
            .text(", so it does not tell how many features the input has")
            .help()
            .text("for ")
            .number(features as i128)
            .text(if features == 1 { " feature write `" } else { " features write `" })
            .text(self.kind)
            .text("<")
            .number((features * bits) as i128)
            .text(", _>`")
    }

    const fn no_input_shape(&self, text: Text, takes: Option<Shape>, input: Option<Shape>) -> Text {
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
        match &input {
            Some(input) => axis_names(text, input),
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

    const fn axes(&self, text: Text, axes: Option<usize>, producer: &str, gives: &Shape) -> Text {
        let text = match axes {
            Some(1) => text.text(" takes [channels, length]"),
            Some(_) => text.text(" takes [channels, height, width]"),
            None => text.text(" takes [channels, length] or [channels, height, width]"),
        };
        let text = text.text(", but ").code(producer).text(" gives ").shape(gives);
        match (axes, gives.rank()) {
            (Some(axes), 2 | 3) => text
                .note()
                .text("its `padding` has ")
                .number(2 * axes as i128)
                .text(" sides")
                .help()
                .text("write `padding = ")
                .text(if gives.rank() == 2 { "(left, right)`" } else { "(top, bottom, left, right)`" }),
            _ => text
                .help()
                .text("give what it reads that shape, and let nothing flatten it before ")
                .code(self.field),
        }
    }

    const fn too_large(&self, shape: &Shape, of: Large) -> Text {
        let text = match of {
            Large::Input => Text::new().text("`input` is "),
            Large::Outputs(_)
            | Large::Encoded(_)
            | Large::Joined
            | Large::Window
            | Large::Spread
            | Large::Given => Text::new().code(self.field).text(" gives "),
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
                    return text.text(FARTHER);
                }
                let text = text.text("use fewer ").text(outputs.word).text(": `").text(self.field).text(": ");
                text.text(self.kind).text("<_, ").number(most as i128).text(outputs.rest).text(",`")
            }
            Large::Encoded(bits) => {
                let most = match bits {
                    Known::Now(bits) if most > 0 => MAX_ELEMENTS / (shape.elements().or(1) / bits),
                    Known::Now(_) | Known::Later => 0,
                };
                if most == 0 {
                    return text.text("give the network fewer features");
                }
                let text = text.text("use fewer bits: `").text(self.field).text(": ").text(self.kind);
                text.text("<").number(most as i128).text(">,`")
            }
            Large::Joined => text.text("join fewer tensors, or smaller ones"),
            Large::Window => text.text(FARTHER),
            Large::Spread => text.text("give fewer numbers for each that it reads"),
            Large::Given => text.text("give it a shape of as many numbers as what it reads"),
        }
    }
}

const FARTHER: &str = "move its window farther: `#[layer(stride = 2)]`";

/// A shape whose open axes have their names.
const fn axis_names(text: Text, shape: &Shape) -> Text {
    let text = match shape.channels() {
        Known::Now(channels) => text.text("[").number(channels as i128),
        Known::Later => text.text("[channels"),
    };
    text.text(if shape.rank() == 2 { ", length]" } else { ", height, width]" })
}

const fn room(text: Text, [kernel, dilation]: [i64; 2], [before, behind]: [i64; 2], length: i64) -> Text {
    let room = before + length + behind;
    let span = (kernel - 1) * dilation + 1;
    let text = text.note().text("with a padding of ").number(before as i128);
    let text = if before == behind { text } else { text.text(" and ").number(behind as i128) };
    text.text(" an axis of ")
        .number(length as i128)
        .text(" has room for ")
        .number(room as i128)
        .help()
        .text("use a window of at most ")
        .number(((room - 1) / dilation + 1) as i128)
        .text(", or pad: `#[layer(padding = ")
        .number(((span - length + 1) / 2) as i128)
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
