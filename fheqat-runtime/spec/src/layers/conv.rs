//! `QuantConv1d<IN, OUT, K>` and `QuantConv2d<IN, OUT, K>`.

use super::{
    linear::Linear,
    properties::{Gives, Groups, Operands, Outputs, Properties, Shapes, Takes},
    shown::{Formula, Shown, Terms},
};
use crate::{
    Fact, Form, Known, Sums, Window,
    numbers::{Numbers, Readable, structure},
};

/// A bank of filters that slides over channels, `[inputs, length]` or `[inputs, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv<N: Numbers = Readable> {
    /// Channels in and out, and what holds for the weights of each filter.
    pub filters: Linear<N>,
    /// What a filter sees at once.
    pub window: Window<N>,
    /// Parts that the channels fall into; a filter reads the channels of its own part.
    pub groups: N::Of<i64>,
}

structure!(Conv { filters: part, window: part, groups: number });

impl Conv {
    /// The type as the user writes it, without its numbers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.window.axes == 1 { "QuantConv1d" } else { "QuantConv2d" }
    }

    /// One filter as a row of a dense layer: `IN / groups * K^axes` inputs.
    #[must_use]
    pub const fn row(&self) -> Linear {
        let inputs = match (self.filters.inputs, self.groups, self.window.elements()) {
            (Known::Now(inputs), Known::Now(groups), Known::Now(elements)) if inputs % groups == 0 => {
                Known::Now(inputs / groups * elements)
            }
            _ => Known::Later,
        };
        Linear { inputs, ..self.filters }
    }

    pub(crate) const fn properties(&self) -> Properties {
        let Linear { inputs, outputs, tolerance, .. } = self.filters;
        Properties {
            kind: self.kind(),
            operands: Operands::One,
            takes: Takes::Levels,
            shapes: Shapes::Image {
                axes: self.window.axes,
                channels: inputs,
                window: Some(self.window),
                groups: Some(Groups { groups: self.groups, inputs, outputs }),
            },
            keeps_shape: false,
            gives: Gives::Sums,
            sums: Sums::Products(self.row().products()),
            tables: Known::Now(0),
            outputs: Some(Outputs { word: "filters", step: self.groups, rest: ", _>" }),
            tolerance,
        }
    }

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        Fact {
            shape: Known::Now(self.window.slide(self.filters.outputs, operand.shape)),
            range: self.row().products().accumulator(operand.range),
            form: Known::Now(Form::Raw),
        }
    }
}

impl<N: Numbers> Conv<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        let Linear { inputs, outputs, max_nonzero, tolerance, .. } = &self.filters;
        let side = Some((&self.window.kernel, self.window.axes));
        let terms = Terms { first: inputs, over: Some(&self.groups), side };
        Shown {
            range: Formula::Products {
                terms: max_nonzero.as_ref().map_or(terms, Terms::of),
                weights: &self.filters,
            },
            tolerance: tolerance.as_ref(),
            ..Shown::operands("")
        }
        .with_channels(outputs)
    }
}
