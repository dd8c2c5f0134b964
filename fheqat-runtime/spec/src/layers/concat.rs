//! `Concat`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{Fact, Known, Range, Shape, Sums, numbers::Numbers};

/// Tensors of levels one after the other along axis 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat;

impl Concat {
    pub(crate) const fn properties(self) -> Properties {
        Properties {
            kind: "Concat",
            operands: Operands::Joined,
            takes: Takes::Levels,
            shapes: Shapes::Any,
            keeps_shape: false,
            gives: Gives::Levels,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(self, operand: &Fact) -> Fact {
        Fact { form: operand.levels(), ..*operand }
    }

    pub(crate) const fn shape(has: &Shape, more: &Shape) -> Option<Shape> {
        has.join(more)
    }

    pub(crate) const fn range(has: Range, more: Range) -> Range {
        has.cover(more)
    }

    pub(crate) fn shown<N: Numbers>(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
