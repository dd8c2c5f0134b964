//! `AvgPool2d<K>` and `GlobalAvgPool2d`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::{Formula, Shown, Terms},
};
use crate::{
    Fact, Form, Known, Shape, Sums, Window,
    numbers::{Numbers, Readable, structure},
    sums::Levels,
};

/// Sums of windows, channel by channel. The quantizer behind them divides and rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool<N: Numbers = Readable> {
    /// What is summed; `None` for the whole channel.
    pub window: Option<Window<N>>,
    /// Widest accumulator allowed, where the user says; see [`MAX_TABLE_BITS`](crate::limits::MAX_TABLE_BITS).
    pub acc_bits: Option<N::Of<i64>>,
}

structure!(Pool { window: part, acc_bits: bound });

impl Pool {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.window.is_some() { "AvgPool2d" } else { "GlobalAvgPool2d" }
    }

    /// How many numbers of a tensor of `shape` a sum has.
    #[must_use]
    pub const fn elements(&self, shape: Known<Shape>) -> Known<i64> {
        Levels { window: self.window, acc_bits: self.acc_bits }.elements(shape)
    }

    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: self.kind(),
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Image { axes: 2, channels: Known::Later, window: self.window, groups: None },
            keeps_shape: false,
            gives: Gives::Sums,
            sums: Sums::Levels(Levels { window: self.window, acc_bits: self.acc_bits }),
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let channels = match operand.shape {
            Known::Now(shape) => shape.channels(),
            Known::Later => Known::Later,
        };
        let range = match (operand.range, self.elements(operand.shape)) {
            (Known::Now(inputs), Known::Now(elements)) => Known::Now(inputs.sum(elements)),
            (Known::Later, _) | (_, Known::Later) => Known::Later,
        };
        let shape = match self.window {
            Some(window) => window.slide(channels, operand.shape),
            None => Shape::flat(channels),
        };
        Fact { shape: Known::Now(shape), range, form: Known::Now(Form::Raw) }
    }
}

impl<N: Numbers> Pool<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        let Some(Window { kernel, axes, .. }) = &self.window else {
            return Shown::operands(", ");
        };
        let terms = Terms { first: kernel, over: None, side: Some((kernel, axes - 1)) };
        Shown { range: Formula::Sum(terms), ..Shown::operands("") }
    }
}
