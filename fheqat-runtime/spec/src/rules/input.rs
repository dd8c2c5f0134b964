//! The first layer that touches the input is a `QuantIdentity` or a `Thermometer`, and a `Thermometer` touches nothing else.

use crate::{
    Form, Known, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::Takes,
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: true, option: None };

/// A layer that reads the input as it cannot, or what is not the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread<'a> {
    /// A layer that reads the unquantized input.
    Plain {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
    },
    /// A layer that encodes the input, and reads something else.
    NoInput {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// What it reads.
        producer: &'a str,
    },
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Misread<'a>> {
    let (field, kind) = (asked.field.name, asked.layer.kind);
    let mut position = 0;
    while position < asked.field.from.len() {
        match (asked.layer.takes, asked.operand(position).form) {
            (Takes::Integers | Takes::Levels, Known::Now(Form::Plain)) => {
                return Some(Misread::Plain { field, kind });
            }
            (Takes::Features, Known::Now(Form::Quantized { .. } | Form::Raw)) => {
                return Some(Misread::NoInput { field, kind, producer: asked.producer(position) });
            }
            _ => position += 1,
        }
    }
    None
}

impl<'a> Misread<'a> {
    pub(crate) const fn render(&self) -> Text {
        match *self {
            Self::Plain { field, kind } => Text::new()
                .code(field)
                .text(" (")
                .code(kind)
                .text(") reads the network's input, which nothing has quantized")
                .note()
                .text("an encrypted input holds integers, so the first layer that touches it is a `QuantIdentity` or a `Thermometer<K>`")
                .help()
                .text("insert a field before it: `quant_inp: QuantIdentity,`"),
            Self::NoInput { field, kind, producer } => Text::new()
                .code(field)
                .text(" (")
                .code(kind)
                .text(") reads ")
                .code(producer)
                .text(", but encodes nothing but the network's input")
                .note()
                .text("the client encodes the features before it encrypts them")
                .help()
                .text("let it read the input: `#[layer(from = input)]`, or put it first")
                .help()
                .text("or quantize ")
                .code(producer)
                .text(" with a `QuantReLU` or a `QuantIdentity`"),
        }
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        match *self {
            Self::Plain { .. } => Blame::Operand("input"),
            Self::NoInput { producer, .. } => Blame::Operand(producer),
        }
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}
