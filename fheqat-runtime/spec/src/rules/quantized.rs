//! Every layer but a quantizer and `BatchNorm` takes levels.

use crate::{Fact, Form, Issue, Known, Layer, Net, Source, issue::Wires};

pub(super) const fn raw_operand<'a>(
    net: &Net<'a>,
    index: usize,
    position: usize,
    operand: &Fact,
) -> Option<Issue<'a>> {
    let field = &net.fields[index];
    match (operand.form, field.from[position]) {
        (Known::Now(Form::Raw), Source::Field(producer)) => Some(Issue::RawOperand {
            field: field.name,
            kind: field.layer.kind(),
            producer: net.fields[producer].name,
            producer_kind: net.fields[producer].layer.kind(),
            gives: match net.fields[producer].layer {
                Layer::Pool(_) | Layer::Add { .. } => "sums of levels",
                Layer::BatchNorm => "integers with a factor and an offset",
                _ => "sums of products",
            },
            range: operand.range.get(),
            wires: if field.layer.is_joint() || producer + 1 != index {
                Some(Wires { fields: net.fields, from: field.from })
            } else {
                None
            },
        }),
        _ => None,
    }
}
