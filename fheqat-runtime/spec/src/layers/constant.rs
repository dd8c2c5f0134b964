//! `Mul` and `ConstantAdd`.

use super::{
    properties::{Gives, Operands, Properties, Shapes, Takes},
    shown::Shown,
};
use crate::{
    Fact, Form, Known, Sums,
    numbers::{Numbers, Readable, structure, words},
};

/// Each channel times a constant, or a constant more. The integers stay as they are: the table behind them holds the constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant<N: Numbers = Readable> {
    /// What is done with the constants.
    pub does: Does,
    /// What each of them is where no weights are loaded.
    pub value: N::Of<f64>,
}

structure!(Constant { does: part, value: number });

/// What is done with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// `Mul`: values are multiplied by it.
    Multiply,
    /// `ConstantAdd`: it is added to values.
    Add,
}

words!(Does { Multiply, Add });

impl Does {
    /// The constant that changes nothing.
    #[must_use]
    pub const fn neutral(self) -> f64 {
        match self {
            Self::Multiply => 1.0,
            Self::Add => 0.0,
        }
    }
}

impl Constant {
    /// The type as the user writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.does {
            Does::Multiply => "Mul",
            Does::Add => "ConstantAdd",
        }
    }

    pub(crate) const fn properties(&self) -> Properties {
        Properties {
            kind: self.kind(),
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

    pub(crate) const fn fact(&self, operand: &Fact) -> Fact {
        let form = match operand.form {
            Known::Now(Form::Raw | Form::Quantized { .. }) => Known::Now(Form::Raw),
            Known::Now(Form::Plain) | Known::Later => Known::Later,
        };
        Fact { form, ..*operand }
    }
}

impl<N: Numbers> Constant<N> {
    pub(crate) fn shown(&self) -> Shown<'_, N> {
        Shown::operands(", ")
    }
}
