//! `MaxPool2d<K>`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Sums, Window,
    numbers::{Numbers, Readable, structure},
};

/// The largest level of each window, channel by channel: `max(a, b) = b + ReLU(a - b)`, a table for each level of a window but
/// the first. Padding never wins: positions outside the channel are left out of the window.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxPool<N: Numbers = Readable> {
    /// The window.
    pub window: Window<N>,
    /// Widest accumulator allowed, of the difference of two levels, where the user says.
    pub acc_bits: Option<N::Of<i64>>,
}

structure!(MaxPool { window: part, acc_bits: bound });

impl MaxPool {
    pub(crate) const fn properties(&self) -> Properties {
        let tables = match self.window.elements() {
            Known::Now(elements) => Known::Now(elements - 1),
            Known::Later => Known::Later,
        };
        Properties {
            kind: "MaxPool2d",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Image {
                axes: 2,
                channels: Known::Later,
                window: Some(self.window),
                groups: None,
            },
            keeps_shape: false,
            gives: Gives::Levels,
            sums: match tables {
                Known::Now(0) => Sums::None,
                Known::Now(_) | Known::Later => Sums::Differences { acc_bits: self.acc_bits },
            },
            tables,
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let channels = match operand.shape {
            Known::Now(shape) => shape.channels(),
            Known::Later => Known::Later,
        };
        let shape = Known::Now(self.window.slide(channels, operand.shape));
        Fact { shape, range: operand.range, form: operand.levels() }
    }
}

impl<N: Numbers> MaxPool<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
