//! Fields read earlier ones, as many as they take, and all but the last are read.

use crate::{Issue, Layer, Net};

pub(super) const fn operands<'a>(net: &Net<'a>, index: usize) -> Issue<'a> {
    let field = &net.fields[index];
    let mut nearest = ["a", "b"];
    let mut earlier = 0;
    while earlier < index {
        if matches!(net.fields[earlier].layer, Layer::Quantizer(_)) {
            nearest = [nearest[1], net.fields[earlier].name];
        }
        earlier += 1;
    }
    Issue::Operands {
        field: field.name,
        kind: field.layer.kind(),
        reads: field.from.len(),
        nearest: if field.layer.is_joint() { Some(nearest) } else { None },
    }
}

pub(super) const fn unread<'a>(net: &Net<'a>, index: usize) -> Option<Issue<'a>> {
    if index + 1 == net.fields.len() || net.is_read(index) {
        return None;
    }
    Some(Issue::Unread { field: net.fields[index].name })
}
