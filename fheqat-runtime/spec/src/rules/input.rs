//! The first layer that touches the input is a `QuantIdentity`.

use crate::{
    Form, Known, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::Takes,
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: true, option: None };

/// A layer that reads the unquantized input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainInput<'a> {
    /// The field.
    pub field: &'a str,
    /// Its layer.
    pub kind: &'static str,
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<PlainInput<'a>> {
    match asked.layer.takes {
        Takes::Anything => return None,
        Takes::Integers | Takes::Levels => {}
    }
    let mut position = 0;
    while position < asked.field.from.len() {
        if let Known::Now(Form::Plain) = asked.operand(position).form {
            return Some(PlainInput { field: asked.field.name, kind: asked.layer.kind });
        }
        position += 1;
    }
    None
}

impl<'a> PlainInput<'a> {
    pub(crate) const fn render(&self) -> Text {
        Text::new()
            .code(self.field)
            .text(" (")
            .code(self.kind)
            .text(") reads the network's input, which nothing has quantized")
            .note()
            .text(
                "an encrypted input holds integers, so the first layer that touches it is a `QuantIdentity`",
            )
            .help()
            .text("insert a field before it: `quant_inp: QuantIdentity,`")
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        Blame::Operand("input")
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}
