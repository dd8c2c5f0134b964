//! Levels that are added, joined or counted in another's steps have one scale.

use super::Verdict;
use crate::{Field, Form, Issue, Known, Layer, Net, Quantizer, Scale, Source};

pub(super) const fn no_scale<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    field: &Field<'a>,
    quantizer: &Quantizer,
) -> Option<Issue<'a>> {
    let Scale::From(Source::Field(owner)) = quantizer.scale else {
        return None;
    };
    match before[owner].fact.form {
        Known::Now(Form::Raw) => Some(Issue::NoScale {
            field: field.name,
            owner: net.fields[owner].name,
            owner_kind: net.fields[owner].layer.kind(),
        }),
        _ => None,
    }
}

pub(super) const fn two_scales<'a>(net: &Net<'a>, field: &Field<'a>, here: usize, there: usize) -> Issue<'a> {
    let (earlier, later) = if here < there { (here, there) } else { (there, here) };
    Issue::Scales {
        field: field.name,
        kind: field.layer.kind(),
        quantizers: [net.fields[here].name, net.fields[there].name],
        owner: net.fields[earlier].name,
        other: net.fields[later].name,
        is_fixed: matches!(
            net.fields[later].layer,
            Layer::Quantizer(Quantizer { scale: Scale::Fixed(_), .. })
        ),
    }
}
