//! `Dropout`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Sums,
    numbers::{Numbers, Readable, structure},
};

/// Sets levels to zero at random while a network trains, and grows the others to make up for it. Elsewhere it does nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout<N: Numbers = Readable> {
    /// The probability that a level is set to zero.
    pub p: N::Of<f64>,
}

structure!(Dropout { p: number });

impl Dropout {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Dropout",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Any,
            keeps_shape: true,
            gives: Gives::Levels,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        Fact { form: operand.levels(), ..*operand }
    }
}

impl<N: Numbers> Dropout<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
