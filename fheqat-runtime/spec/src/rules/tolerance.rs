//! `tolerance` is allowed only on a quantizer that runs encrypted, and on the layer with weights that gives the output.

use crate::{
    Net, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: false, option: None };

/// A tolerance where nothing is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced<'a> {
    /// Where the client rounds.
    ExactInput {
        /// The field.
        field: &'a str,
        /// A quantizer that runs encrypted, where there is one.
        quantizer: Option<&'a str>,
    },
    /// On sums that a quantizer reads.
    ExactSum {
        /// The field.
        field: &'a str,
        /// The quantizer.
        quantizer: &'a str,
    },
}

/// Sums that nothing may read are another law's business.
pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Misplaced<'a>> {
    let (net, field) = (asked.net, asked.field.name);
    if asked.layer.tolerance.is_none() || net.may_be_off(asked.index) {
        return None;
    }
    if asked.field.layer.rounds() {
        return Some(Misplaced::ExactInput { field, quantizer: encrypted_quantizer(net) });
    }
    match net.quantizer_of(asked.index) {
        Some(quantizer) => Some(Misplaced::ExactSum { field, quantizer: net.fields[quantizer].name }),
        None => None,
    }
}

/// The first quantizer that noise may reach.
const fn encrypted_quantizer<'a>(net: &Net<'a>) -> Option<&'a str> {
    let mut index = 0;
    while index < net.fields.len() {
        if net.fields[index].layer.rounds() && net.may_be_off(index) {
            return Some(net.fields[index].name);
        }
        index += 1;
    }
    None
}

impl<'a> Misplaced<'a> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new();
        match *self {
            Self::ExactInput { field, quantizer } => {
                let text = text
                    .code(field)
                    .text(
                        " takes no `tolerance`: the client rounds the features, before anything is encrypted",
                    )
                    .help();
                match quantizer {
                    Some(quantizer) => text
                        .text("put it where sums are read encrypted: `#[layer(tolerance = ...)]` on ")
                        .code(quantizer),
                    None => text.text("leave it out"),
                }
            }
            Self::ExactSum { field, quantizer } => text
                .code(field)
                .text(" takes no `tolerance`: ")
                .code(quantizer)
                .text(" reads its sums, and the noise in them counts in steps of ")
                .code(quantizer)
                .help()
                .text("put it there: `#[layer(tolerance = ...)]` on ")
                .code(quantizer),
        }
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        Blame::Option("tolerance")
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}
