//! `Transpose`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Axes, Fact, Known, Sums,
    numbers::{Numbers, Readable, structure},
};

/// Axis `k` of the output is axis `axes[k]` of the operand.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose<N: Numbers = Readable> {
    /// The order.
    pub axes: Axes<N>,
}

structure!(Transpose { axes: part });

impl Transpose {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Transpose",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Order(self.axes),
            keeps_shape: false,
            gives: Gives::Levels,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let shape = match operand.shape {
            Known::Now(shape) => match self.axes.apply(&shape) {
                Some(shape) => Known::Now(shape),
                None => Known::Later,
            },
            Known::Later => Known::Later,
        };
        Fact { shape, range: operand.range, form: operand.levels() }
    }
}

impl<N: Numbers> Transpose<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
