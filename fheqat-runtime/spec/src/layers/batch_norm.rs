//! `BatchNorm`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{Fact, Form, Known, Sums, numbers::Numbers};

/// Each channel times a factor, plus an offset. The integers stay as they are: the table behind them holds both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNorm;

impl BatchNorm {
    pub(crate) const fn properties(self) -> Properties {
        Properties {
            kind: "BatchNorm",
            operands: Operands::One,
            takes: Takes::Integers,
            shapes: Shapes::Known,
            keeps_shape: true,
            gives: Gives::Normalized,
            sums: Sums::None,
            tables: Known::Now(0),
            outputs: None,
            tolerance: None,
        }
    }

    pub(crate) const fn fact(self, operand: &Fact) -> Fact {
        let form = match operand.form {
            Known::Now(Form::Raw | Form::Quantized { .. }) => Known::Now(Form::Raw),
            Known::Now(Form::Plain) | Known::Later => Known::Later,
        };
        Fact { form, ..*operand }
    }

    pub(crate) fn shown<N: Numbers>(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
