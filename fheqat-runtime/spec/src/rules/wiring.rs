//! Fields read earlier ones, as many as they take, and all but the last are read.

use crate::{
    Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: false, option: None };

/// A wire that is missing, or one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring<'a> {
    /// A field that no later field reads.
    Unread {
        /// The field.
        field: &'a str,
    },
    /// Another number of operands than the layer takes.
    Operands {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// How many it reads.
        reads: usize,
        /// The two nearest quantizers before it, for a layer that takes two or more.
        nearest: Option<[&'a str; 2]>,
    },
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Wiring<'a>> {
    if !asked.net.is_wired(asked.index) {
        return Some(operands(asked));
    }
    if asked.is_last() || asked.is_read {
        return None;
    }
    Some(Wiring::Unread { field: asked.field.name })
}

const fn operands<'a>(asked: &Asked<'a, '_>) -> Wiring<'a> {
    let mut nearest = ["a", "b"];
    let mut earlier = 0;
    while earlier < asked.index {
        if asked.net.fields[earlier].layer.rounds() {
            nearest = [nearest[1], asked.net.fields[earlier].name];
        }
        earlier += 1;
    }
    Wiring::Operands {
        field: asked.field.name,
        kind: asked.layer.kind,
        reads: asked.field.from.len(),
        nearest: if asked.layer.operands.are_several() { Some(nearest) } else { None },
    }
}

impl<'a> Wiring<'a> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new();
        match *self {
            Self::Unread { field } => text
                .text("no field reads ")
                .code(field)
                .note()
                .text("only the last field is the output")
                .help()
                .text("remove it, or wire it: `#[layer(from = ")
                .text(field)
                .text(")]` on the field that reads it"),
            Self::Operands { field, kind, reads, nearest: None } => text
                .code(field)
                .text(" (")
                .code(kind)
                .text(") takes one operand, but reads ")
                .number(reads as i128)
                .help()
                .text("combine them in an `Add` or a `Concat` before it, and read that one"),
            Self::Operands { field, kind, reads, nearest: Some([first, second]) } => text
                .code(field)
                .text(" (")
                .code(kind)
                .text(") takes two or more operands, but reads ")
                .number(reads as i128)
                .help()
                .text("name them: `#[layer(from = [")
                .text(first)
                .text(", ")
                .text(second)
                .text("])]`"),
        }
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        match self {
            Self::Unread { .. } => Blame::Field,
            Self::Operands { .. } => Blame::Operands,
        }
    }

    pub(crate) const fn cause(&self) -> Cause {
        match self {
            Self::Unread { .. } => Cause::LaterWire,
            Self::Operands { .. } => Cause::Itself,
        }
    }
}
