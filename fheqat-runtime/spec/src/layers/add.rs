//! `Add`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Form, Known, Range, Shape, Sums,
    numbers::{Numbers, Readable, structure},
};

/// The sum of two or more tensors of levels, a raw accumulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add<N: Numbers = Readable> {
    /// Widest accumulator allowed, where the user says; see [`MAX_TABLE_BITS`](crate::limits::MAX_TABLE_BITS).
    pub acc_bits: Option<N::Of<i64>>,
}

structure!(Add { acc_bits: bound });

impl Add {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Add",
            operands: Operands::Added,
            takes: Takes::Levels,
            shapes: Shapes::Any,
            keeps_shape: true,
            gives: Gives::Sums,
            sums: Sums::Operands { acc_bits: self.acc_bits },
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        Fact { form: Known::Now(Form::Raw), ..*operand }
    }

    pub(crate) const fn shape(has: &Shape, more: &Shape) -> Option<Shape> {
        has.unify(more)
    }

    pub(crate) const fn range(has: Range, more: Range) -> Range {
        has.plus(more)
    }
}

impl<N: Numbers> Add<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(" + ")
    }
}
