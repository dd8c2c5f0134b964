//! `Flatten`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{Fact, Known, Shape, Sums, numbers::Numbers};

/// The same numbers, in the order of rows, in one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten;

impl Flatten {
    pub(crate) const fn properties(self) -> Properties {
        Properties {
            kind: "Flatten",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Known,
            keeps_shape: false,
            gives: Gives::Levels,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(self, operand: &Fact) -> Fact {
        let elements = match operand.shape {
            Known::Now(shape) => shape.elements(),
            Known::Later => Known::Later,
        };
        Fact {
            shape: Known::Now(Shape::flat(elements)),
            range: if operand.is_levels() { operand.range } else { Known::Later },
            form: operand.levels(),
        }
    }

    pub(crate) fn shown<N: Numbers>(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
