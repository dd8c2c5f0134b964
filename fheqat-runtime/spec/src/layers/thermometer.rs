//! `Thermometer<K>`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Known, Range, Sums,
    numbers::{Numbers, Readable, structure, words},
};

/// Encodes the network's input, on the client: each feature becomes `K` bits `feature > threshold`, or one a category. The bits of
/// a channel are channels one after the other, so `[c, ...]` becomes `[c * K, ...]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Thermometer<N: Numbers = Readable> {
    /// How many bits each feature has.
    pub bits: N::Of<i64>,
    /// Where the thresholds lie.
    pub thresholds: Thresholds,
}

structure!(Thermometer { bits: number, thresholds: part });

/// How the thresholds of a channel are chosen on the training samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thresholds {
    /// [`Thresholds::Quantiles`] where the input has one dimension, [`Thresholds::Uniform`] where it has more.
    ByShape,
    /// As many samples lie between any two.
    Quantiles,
    /// Equal steps between the least value and the largest.
    Uniform,
}

words!(Thresholds { ByShape, Quantiles, Uniform });

/// The levels of a bit.
pub const BIT: Range = Range::new(0, 1);

impl Thermometer {
    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: "Thermometer",
            operands: Operands::One,
            takes: Takes::Features,
            shapes: Shapes::Any,
            keeps_shape: false,
            gives: Gives::Encoded { bits: self.bits },
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    /// In which scale its levels are is the business of the network.
    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let shape = match operand.shape {
            Known::Now(shape) => {
                let channels = match (shape.channels(), self.bits) {
                    (Known::Now(channels), Known::Now(bits)) => Known::Now(channels.saturating_mul(bits)),
                    (Known::Later, _) | (_, Known::Later) => Known::Later,
                };
                Known::Now(shape.with_channels(channels))
            }
            Known::Later => Known::Later,
        };
        Fact { shape, range: Known::Now(BIT), form: Known::Later }
    }
}

impl<N: Numbers> Thermometer<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands("")
    }
}
