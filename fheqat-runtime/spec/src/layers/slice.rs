//! `Slice<START, END>`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Sums,
    numbers::{Numbers, Readable, structure},
};

/// A part of an axis: `START` and what follows, without `END`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<N: Numbers = Readable> {
    /// Where it starts.
    pub start: N::Of<i64>,
    /// Where it ends: the first number behind it.
    pub end: N::Of<i64>,
    /// The axis; the channels are axis 0.
    pub axis: N::Of<i64>,
}

structure!(Slice { start: number, end: number, axis: number });

impl Slice {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Slice",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Part(*self),
            keeps_shape: false,
            gives: Gives::Levels,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let shape = match (operand.shape, self.axis) {
            (Known::Now(shape), Known::Now(axis)) if axis < shape.rank() as i64 => {
                let length = match (self.start, self.end) {
                    (Known::Now(start), Known::Now(end)) if start < end => Known::Now(end - start),
                    _ => Known::Later,
                };
                Known::Now(shape.with(axis as usize, length))
            }
            _ => Known::Later,
        };
        Fact { shape, range: operand.range, form: operand.levels() }
    }
}

impl<N: Numbers> Slice<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
