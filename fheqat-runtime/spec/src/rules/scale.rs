//! Levels that are added, joined or counted in another's steps have one scale.

use crate::{
    Form, Known, Source, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::{Gives, Operands},
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: false, option: None };

/// A scale that is none, or two where there must be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scales<'a> {
    /// Operands of two scales.
    Differ {
        /// The field.
        field: &'a str,
        /// What it does with them.
        operands: Operands,
        /// The quantizers of two operands, in the order of the operands.
        quantizers: [&'a str; 2],
        /// The earlier one, which can share its scale.
        owner: &'a str,
        /// The later one.
        other: &'a str,
        /// What keeps the later one from sharing the earlier one's as it is.
        own: OwnScale,
    },
    /// `scale_from` names a field that gives no levels.
    None {
        /// The field.
        field: &'a str,
        /// The field it names.
        owner: &'a str,
        /// That field's layer.
        owner_kind: &'static str,
    },
}

/// Where the scale of the later of two quantizers comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnScale {
    /// It is calibrated.
    Calibrated,
    /// The user fixed it.
    Fixed,
    /// Its levels are bits, whose scale is 1.
    Bits,
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Scales<'a>> {
    if asked.layer.operands.are_several() {
        return differ(asked);
    }
    let Gives::Rounded { scale_from: Some(Source::Field(owner)), .. } = asked.layer.gives else {
        return None;
    };
    match asked.facts[owner].form {
        Known::Now(Form::Raw) => Some(Scales::None {
            field: asked.field.name,
            owner: asked.net.fields[owner].name,
            owner_kind: asked.net.fields[owner].layer.kind(),
        }),
        Known::Now(Form::Plain | Form::Quantized { .. }) | Known::Later => None,
    }
}

/// Where one operand has no scale, another law has said so, or nothing is known.
const fn differ<'a>(asked: &Asked<'a, '_>) -> Option<Scales<'a>> {
    let Known::Now(Form::Quantized { scale: here }) = asked.operand(0).form else {
        return None;
    };
    let mut position = 1;
    while position < asked.field.from.len() {
        let Known::Now(Form::Quantized { scale: there }) = asked.operand(position).form else {
            return None;
        };
        if here != there {
            let (earlier, later) = if here < there { (here, there) } else { (there, here) };
            let fields = asked.net.fields;
            return Some(Scales::Differ {
                field: asked.field.name,
                operands: asked.layer.operands,
                quantizers: [fields[here].name, fields[there].name],
                owner: fields[earlier].name,
                other: fields[later].name,
                own: match fields[later].layer.properties().gives {
                    Gives::Rounded { is_fixed: true, .. } => OwnScale::Fixed,
                    Gives::Encoded { .. } => OwnScale::Bits,
                    _ => OwnScale::Calibrated,
                },
            });
        }
        position += 1;
    }
    None
}

impl<'a> Scales<'a> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new();
        match *self {
            Self::Differ { field, operands, quantizers: [first, second], owner, other, own } => {
                let text = text
                    .code(field)
                    .text(match operands {
                        Operands::Added => " adds",
                        Operands::One | Operands::Joined => " joins",
                    })
                    .text(" two different scales: ")
                    .code(first)
                    .text(" and ")
                    .code(second)
                    .text(" are quantized independently")
                    .help();
                let (text, owner, other) = match own {
                    OwnScale::Calibrated | OwnScale::Fixed => (text, owner, other),
                    OwnScale::Bits => {
                        let text = text.text("bits have the scale 1: move ").code(other).text(" before ");
                        (text.code(owner).text(", and "), other, owner)
                    }
                };
                text.text("put `#[layer(scale_from = ").text(owner).text(")]` on ").code(other).text(
                    match own {
                        OwnScale::Fixed => " in place of its `scale`",
                        OwnScale::Calibrated | OwnScale::Bits => "",
                    },
                )
            }
            Self::None { field, owner, owner_kind } => text
                .code(field)
                .text(" takes its scale from ")
                .code(owner)
                .text(", which has none")
                .note()
                .layer(owner_kind)
                .text(" gives a raw accumulator; only quantized levels have a scale to share")
                .help()
                .text(
                    "name an earlier quantizer: a `QuantIdentity`, `QuantReLU`, `QuantAct` or `Thermometer`",
                ),
        }
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        Blame::Layer
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}
