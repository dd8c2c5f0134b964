//! The first layer that touches the input is a `QuantIdentity`, a `Thermometer` or one that the client runs; a `Thermometer` and a layer
//! of the client touch nothing else.

use crate::{
    Form, Known, Source, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::Takes,
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: true, option: None };

/// A layer that reads the input as it cannot, or what is not the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread<'a> {
    /// A layer that reads what nothing has quantized.
    Plain {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The field of the client that it reads; `None` for the network's input.
        producer: Option<&'a str>,
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
    /// A layer of the client that reads what is encrypted.
    Encrypted {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
        /// The layer that does the same encrypted.
        encrypted_kind: &'static str,
        /// What it reads.
        producer: &'a str,
    },
    /// A layer of the client that gives the output, so that nothing is encrypted.
    Output {
        /// The field.
        field: &'a str,
        /// Its layer.
        kind: &'static str,
    },
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Misread<'a>> {
    let (field, kind) = (asked.field.name, asked.layer.kind);
    let mut position = 0;
    while position < asked.field.from.len() {
        match (asked.layer.takes, asked.operand(position).form) {
            (Takes::Integers | Takes::Levels, Known::Now(Form::Plain)) => {
                let producer = match asked.field.from[position] {
                    Source::Field(_) => Some(asked.producer(position)),
                    Source::Input | Source::Broken => None,
                };
                return Some(Misread::Plain { field, kind, producer });
            }
            (Takes::Features, Known::Now(Form::Quantized { .. } | Form::Raw)) => {
                return Some(Misread::NoInput { field, kind, producer: asked.producer(position) });
            }
            (Takes::Plain { encrypted_kind }, Known::Now(Form::Quantized { .. } | Form::Raw)) => {
                let producer = asked.producer(position);
                return Some(Misread::Encrypted { field, kind, encrypted_kind, producer });
            }
            _ => position += 1,
        }
    }
    if asked.is_last() && asked.net.is_of_client(asked.index) {
        return Some(Misread::Output { field, kind });
    }
    None
}

impl<'a> Misread<'a> {
    pub(crate) const fn render(&self) -> Text {
        match *self {
            Self::Plain { field, kind, producer } => {
                let text = Text::new().code(field).text(" (").code(kind).text(") reads ");
                let text = match producer {
                    None => text.text("the network's input"),
                    Some(producer) => text.code(producer),
                };
                text.text(", which nothing has quantized")
                    .note()
                    .text("an encrypted input holds integers, so the first layer that touches it is a `QuantIdentity` or a `Thermometer<K>`")
                    .help()
                    .text("insert a field before it: `quant_inp: QuantIdentity,`")
            }
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
            Self::Encrypted { field, kind, encrypted_kind, producer } => Self::encrypted(field, kind, encrypted_kind, producer),
            Self::Output { field, kind } => Text::new()
                .code(field)
                .text(" (")
                .code(kind)
                .text(") is the output, but the client runs it, and nothing is encrypted")
                .help()
                .text("quantize what it gives, and let an encrypted layer read that: `quant_inp: QuantIdentity, fc: QuantLinear<IN, OUT>,`"),
        }
    }

    const fn encrypted(field: &str, kind: &str, encrypted_kind: &str, producer: &str) -> Text {
        let text = Text::new()
            .code(field)
            .text(" (")
            .code(kind)
            .text(") runs on the client, but reads ")
            .code(producer)
            .text(", which is encrypted")
            .note()
            .text("the client runs layers in float before it encodes and encrypts the features, and none behind")
            .help()
            .text("put it in front of the `QuantIdentity` or `Thermometer<K>` that encodes the features");
        if matches!(kind.as_bytes(), b"BatchNorm" | b"Flatten" | b"Reshape") {
            return text.help().text("or let it run encrypted: leave `client` out");
        }
        text.help().text("or let it run encrypted: write `").text(encrypted_kind).text("`, without `client`")
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        match *self {
            Self::Plain { producer: None, .. } => Blame::Operand("input"),
            Self::NoInput { producer, .. }
            | Self::Encrypted { producer, .. }
            | Self::Plain { producer: Some(producer), .. } => Blame::Operand(producer),
            Self::Output { .. } => Blame::Layer,
        }
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}
