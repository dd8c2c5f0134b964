//! `Upsample<FACTOR>`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Sums,
    numbers::{Numbers, Readable, structure},
};

/// Each number of a channel as often as its factor along each axis: the nearest neighbour.
#[derive(Clone, Debug, PartialEq)]
pub struct Upsample<N: Numbers = Readable> {
    /// How often, along each axis.
    pub factor: N::Of<i64>,
}

structure!(Upsample { factor: number });

impl Upsample {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Upsample",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Channels { axes: None },
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
            Known::Now(mut shape) => {
                let mut axis = 1;
                while axis < shape.rank() {
                    let length = match (shape.dims()[axis], self.factor) {
                        (Known::Now(length), Known::Now(factor)) => Known::Now(length.saturating_mul(factor)),
                        (Known::Later, _) | (_, Known::Later) => Known::Later,
                    };
                    shape = shape.with(axis, length);
                    axis += 1;
                }
                Known::Now(shape)
            }
            Known::Later => Known::Later,
        };
        Fact { shape, range: operand.range, form: operand.levels() }
    }
}

impl<N: Numbers> Upsample<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
