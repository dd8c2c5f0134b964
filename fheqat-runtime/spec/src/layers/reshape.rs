//! `Reshape`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Shape, Sums,
    numbers::{Numbers, Readable, structure},
};

/// The same numbers, in the order of rows, in another shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape<N: Numbers = Readable> {
    /// The shape it gives.
    pub shape: Shape<N>,
}

structure!(Reshape { shape: part });

impl Reshape {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Reshape",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Elements(self.shape),
            keeps_shape: false,
            gives: Gives::Levels,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        Fact { shape: Known::Now(self.shape), range: operand.range, form: operand.levels() }
    }
}

impl<N: Numbers> Reshape<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        let mut shown = Shown::operands(", ");
        for (place, dim) in shown.dims.iter_mut().zip(self.shape.dims()) {
            *place = Some(dim);
        }
        shown
    }
}
