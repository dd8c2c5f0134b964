//! The first layer that touches the input is a `QuantIdentity`.

use crate::{Fact, Field, Form, Issue, Known, Quantizer, Transfer};

pub(super) const fn plain_input<'a>(
    field: &Field<'a>,
    quantizer: &Quantizer,
    operand: &Fact,
) -> Option<Issue<'a>> {
    match (operand.form, quantizer.transfer) {
        (Known::Now(Form::Plain), Transfer::ReLU | Transfer::Function { .. }) => {
            Some(Issue::PlainInput { field: field.name, kind: quantizer.kind() })
        }
        _ => None,
    }
}

pub(super) const fn unquantized_start<'a>(field: &Field<'a>, operand: &Fact) -> Option<Issue<'a>> {
    match operand.form {
        Known::Now(Form::Plain) => Some(Issue::PlainInput { field: field.name, kind: field.layer.kind() }),
        _ => None,
    }
}
