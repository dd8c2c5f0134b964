//! A tolerance stands where noise comes in.

use crate::{Issue, Layer, Net};

/// A tolerance stands where noise comes in. Sums that nothing may read are another law's business.
pub(super) const fn misplaced_tolerance<'a>(net: &Net<'a>, index: usize) -> Option<Issue<'a>> {
    let field = &net.fields[index];
    if field.layer.tolerance().is_none() || net.may_be_off(index) {
        return None;
    }
    if let Layer::Quantizer(_) = field.layer {
        return Some(Issue::ExactInput { field: field.name, quantizer: encrypted_quantizer(net) });
    }
    match net.quantizer_of(index) {
        Some(quantizer) => Some(Issue::ExactSum { field: field.name, quantizer: net.fields[quantizer].name }),
        None => None,
    }
}

/// The first quantizer that noise may reach.
const fn encrypted_quantizer<'a>(net: &Net<'a>) -> Option<&'a str> {
    let mut index = 0;
    while index < net.fields.len() {
        if matches!(net.fields[index].layer, Layer::Quantizer(_)) && net.may_be_off(index) {
            return Some(net.fields[index].name);
        }
        index += 1;
    }
    None
}
