//! `Pad`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Padding, Range, Sums,
    numbers::{Numbers, Readable, structure},
};

/// Zero levels around each channel: before and behind a sequence, on four sides of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad<N: Numbers = Readable> {
    /// How many.
    pub padding: Padding<N>,
}

structure!(Pad { padding: part });

impl Pad {
    pub(crate) const fn properties(&self) -> Properties {
        let axes = match self.padding {
            Padding::Sides(sides) => Some(sides.axes()),
            Padding::Equal(_) | Padding::Same => None,
        };
        Properties {
            kind: "Pad",
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Channels { axes },
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
                    let length = match (shape.dims()[axis], self.padding.around(axis - 1)) {
                        (Known::Now(length), Known::Now([before, behind])) => {
                            Known::Now(length.saturating_add(before + behind))
                        }
                        (Known::Later, _) | (_, Known::Later) => Known::Later,
                    };
                    shape = shape.with(axis, length);
                    axis += 1;
                }
                Known::Now(shape)
            }
            Known::Later => Known::Later,
        };
        let range = match operand.range {
            Known::Now(range) => Known::Now(range.cover(Range::new(0, 0))),
            Known::Later => Known::Later,
        };
        Fact { shape, range, form: operand.levels() }
    }
}

impl<N: Numbers> Pad<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
