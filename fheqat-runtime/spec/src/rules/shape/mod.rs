//! Each layer's operands fit it, and no tensor holds more numbers than it may.

mod message;

use crate::{
    Axes, Known, Shape, Slice, Window,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::{Gives, Groups, Operands, Outputs, Shapes},
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
    /// What is to tell the shape of the input takes no multiple of the bits that each feature has.
    Bits {
        /// Features it takes.
        takes: i64,
        /// The encoder it reads.
        encoder: &'a str,
        /// Bits of each feature.
        bits: i64,
    },
    /// Nothing says which shape the input has.
    NoInputShape {
        /// The shape it takes, where it has a window.
        takes: Option<Shape>,
        /// The shape that the input would have then.
        input: Option<Shape>,
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
    /// A layer that takes channels and axes behind them reads something else, or has sides for another number of axes.
    Axes {
        /// How many axes it takes; `None` for one or two.
        axes: Option<usize>,
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
        /// The distance between two numbers that it sees.
        dilation: i64,
        /// The widest padding of a side.
        padding: i64,
    },
    /// A dilation so wide that a window steps over all that it slides over.
    StepsOver {
        /// Length of the window.
        kernel: i64,
        /// The distance between two numbers that it sees.
        dilation: i64,
        /// What it reads: a field, or `input`.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
        /// The axis that is too short.
        length: i64,
    },
    /// A window larger than what it slides over.
    Window {
        /// Length of the window.
        kernel: i64,
        /// The distance between two numbers that it sees.
        dilation: i64,
        /// Padding before and behind.
        around: [i64; 2],
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
    /// A part that holds nothing.
    Empty {
        /// Where it starts.
        start: i64,
        /// Where it ends.
        end: i64,
    },
    /// A part of an axis that the operand does not have.
    NoAxis {
        /// The axis.
        axis: i64,
        /// What it reads.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
    },
    /// A part that ends behind its axis.
    Outside {
        /// Where it ends.
        end: i64,
        /// The axis.
        axis: i64,
        /// What it reads.
        producer: &'a str,
        /// Shape of what it reads.
        gives: Shape,
        /// How long the axis is.
        length: i64,
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
    /// What an encoder gives that has so many bits a feature.
    Encoded(Known<i64>),
    /// What a layer joins.
    Joined,
    /// What a window gives.
    Window,
    /// What is put around channels, or repeats their numbers.
    Spread,
    /// What the user gave the shape of.
    Given,
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
        let of = match (asked.layer.outputs, asked.layer.operands, &asked.layer.shapes) {
            (Some(outputs), ..) => Large::Outputs(outputs),
            (None, Operands::One, _) if let Gives::Encoded { bits } = asked.layer.gives => {
                Large::Encoded(bits)
            }
            (None, Operands::Joined, _) => Large::Joined,
            (None, _, Shapes::Image { .. }) => Large::Window,
            (None, _, Shapes::Channels { .. }) => Large::Spread,
            (
                None,
                _,
                Shapes::Any
                | Shapes::Known
                | Shapes::Features(_)
                | Shapes::Elements(_)
                | Shapes::Order(_)
                | Shapes::Part(_),
            ) => Large::Given,
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
        let Some(together) = operands.shape(&has, &gives) else {
            let (first, producer) = (asked.producer(0), asked.producer(position));
            return Some(Why::Differ { operands, first, has, producer, gives });
        };
        has = together;
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
        Shapes::Channels { axes } => channels(asked, *axes),
        Shapes::Elements(shape) => elements(asked, shape),
        Shapes::Order(axes) => order(asked, axes),
        Shapes::Part(slice) => part(asked, slice),
    }
}

/// Nothing says which shape the input has, and this field is the first to miss it.
const fn no_input_shape<'a>(asked: &Asked<'a, '_>, takes: Option<Shape>) -> Option<Why<'a>> {
    if !asked.misses_input_shape() {
        return None;
    }
    let input = match (takes, asked.net.bits_of_input(asked.index)) {
        (Some(takes), Some(bits)) => Some(takes.with_channels(match (takes.channels(), bits) {
            (Known::Now(channels), Known::Now(bits)) if channels % bits == 0 => Known::Now(channels / bits),
            _ => Known::Later,
        })),
        (takes, _) => takes,
    };
    Some(Why::NoInputShape { takes, input })
}

const fn width<'a>(asked: &Asked<'a, '_>, takes: Known<i64>) -> Option<Why<'a>> {
    let (Known::Now(takes), Known::Now(gives)) = (takes, asked.operand(0).shape) else {
        return None;
    };
    if let Some((encoder, bits)) = asked.net.uneven_bits(asked.index) {
        return Some(Why::Bits { takes, encoder: asked.net.fields[encoder].name, bits });
    }
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

/// Channels, and as many axes behind them.
const fn channels<'a>(asked: &Asked<'a, '_>, axes: Option<usize>) -> Option<Why<'a>> {
    let most = match axes {
        Some(axes) => axes,
        None => 2,
    };
    if let Some(why) = no_input_shape(asked, Some(Shape::image(Known::Later, most))) {
        return Some(why);
    }
    let Known::Now(gives) = asked.operand(0).shape else {
        return None;
    };
    let fits = match axes {
        Some(axes) => gives.rank() == axes + 1,
        None => gives.rank() == 2 || gives.rank() == 3,
    };
    if fits { None } else { Some(Why::Axes { axes, producer: asked.producer(0), gives }) }
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
    let (Known::Now(kernel), Known::Now(dilation), Known::Now(span)) =
        (window.kernel, window.dilation, window.span())
    else {
        return None;
    };
    let mut axis = 0;
    while axis < window.axes {
        if let Known::Now([before, behind]) = window.padding.around(axis) {
            let padding = if before > behind { before } else { behind };
            if padding >= span {
                return Some(Why::OnlyPadding { kernel, dilation, padding });
            }
        }
        axis += 1;
    }
    let Known::Now(gives) = asked.operand(0).shape else {
        return None;
    };
    let producer = asked.producer(0);
    let mut axis = 0;
    while axis + 1 < gives.rank() {
        let length = gives.dims()[axis + 1];
        if let (Known::Now(length), Known::Now([before, behind])) = (length, window.around(axis, length)) {
            if before + length + behind < span {
                let around = [before, behind];
                return Some(Why::Window { kernel, dilation, around, producer, gives, length });
            }
            if window.is_blind(axis, length) {
                return Some(Why::StepsOver { kernel, dilation, producer, gives, length });
            }
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

const fn part<'a>(asked: &Asked<'a, '_>, slice: &Slice) -> Option<Why<'a>> {
    if let (Known::Now(start), Known::Now(end)) = (slice.start, slice.end)
        && start >= end
    {
        return Some(Why::Empty { start, end });
    }
    let Known::Now(gives) = asked.operand(0).shape else {
        return no_input_shape(asked, None);
    };
    let (Known::Now(axis), producer) = (slice.axis, asked.producer(0)) else {
        return None;
    };
    if axis >= gives.rank() as i64 {
        return Some(Why::NoAxis { axis, producer, gives });
    }
    match (slice.end, gives.dims()[axis as usize]) {
        (Known::Now(end), Known::Now(length)) if end > length => {
            Some(Why::Outside { end, axis, producer, gives, length })
        }
        _ => None,
    }
}

impl<'a> Misfit<'a> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_largest_divisor_is_the_nearest(number in 1..5000i64, most in 1..5000i64) {
            let searched = (1..=most.min(number)).rev().find(|divisor| number % divisor == 0);
            prop_assert_eq!(Some(largest_divisor(number, most)), searched);
        }
    }
}
