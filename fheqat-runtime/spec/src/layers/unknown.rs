//! What stands for a layer that was refused.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::{Formula, Shown},
};
use crate::{Fact, Known, Sums, numbers::Numbers};

/// A layer of which nothing is known, so that every law about it and what reads it stays silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

impl Unknown {
    pub(crate) const fn properties(self) -> Properties {
        Properties {
            kind: "_",
            operands: Operands::One,
            takes: Takes::Anything,
            shapes: Shapes::Any,
            keeps_shape: false,
            gives: Gives::Unknown,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(self, _: &Fact) -> Fact {
        Fact::UNKNOWN
    }

    pub(crate) fn shown<N: Numbers>(&self) -> Shown<'_, N> {
        Shown { range: Formula::Unknown, ..Shown::operands("") }
    }
}
