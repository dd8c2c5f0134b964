//! Every layer but a quantizer, `BatchNorm`, `Mul` and `ConstantAdd` takes levels.

use crate::{
    Field, Form, Known, Range, Source, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    layers::properties::{Gives, Takes},
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: false, suspects_wires: true, option: None };

/// A layer that needs levels reads a raw accumulator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawOperand<'a> {
    /// The field.
    pub field: &'a str,
    /// Its layer.
    pub kind: &'static str,
    /// The field it reads.
    pub producer: &'a str,
    /// That field's layer.
    pub producer_kind: &'static str,
    /// What that layer gives.
    pub gives: &'static str,
    /// What that field outputs, where it is known.
    pub range: Option<Range>,
    /// Every operand, where the field cannot read one that is put before it without saying so.
    pub wires: Option<Wires<'a>>,
}

/// The operands of a field by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wires<'a> {
    /// The fields of the network.
    pub fields: &'a [Field<'a>],
    /// What the field reads.
    pub from: &'a [Source],
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<RawOperand<'a>> {
    match asked.layer.takes {
        Takes::Plain { .. } | Takes::Features | Takes::Anything | Takes::Integers => return None,
        Takes::Levels => {}
    }
    let mut position = 0;
    while position < asked.field.from.len() {
        if let Known::Now(Form::Raw) = asked.operand(position).form
            && let Source::Field(producer) = asked.field.from[position]
        {
            return Some(raw_operand(asked, position, producer));
        }
        position += 1;
    }
    None
}

const fn raw_operand<'a>(asked: &Asked<'a, '_>, position: usize, producer: usize) -> RawOperand<'a> {
    let (producer_name, layer) = (asked.producer(position), asked.net.fields[producer].layer.properties());
    RawOperand {
        field: asked.field.name,
        kind: asked.layer.kind,
        producer: producer_name,
        producer_kind: layer.kind,
        gives: match layer.gives {
            Gives::Normalized => "integers with a factor and an offset",
            Gives::Sums
            | Gives::Rounded { .. }
            | Gives::Encoded { .. }
            | Gives::Levels
            | Gives::Plain
            | Gives::Unknown => layer.sums.text(),
        },
        range: asked.operand(position).range.get(),
        wires: if asked.layer.operands.are_several() || producer + 1 != asked.index {
            Some(Wires { fields: asked.net.fields, from: asked.field.from })
        } else {
            None
        },
    }
}

impl<'a> RawOperand<'a> {
    pub(crate) const fn render(&self) -> Text {
        let Self { field, kind, producer, producer_kind, gives, range, wires } = *self;
        let mut text = Text::new()
            .code(field)
            .text(" needs a quantized input, but ")
            .code(producer)
            .text(" produces a raw accumulator")
            .note()
            .code(kind)
            .text(" reads quantized levels; ")
            .layer(producer_kind)
            .text(" gives ")
            .text(gives);
        if let Some(range) = range {
            text = text.text(", here in ").range(range);
        }
        text = text.help().text("insert a field before it: `");
        let Some(wires) = wires else {
            return text
                .text("quant_")
                .text(producer)
                .text(": QuantIdentity,` or `relu_")
                .text(producer)
                .text(": QuantReLU,`");
        };
        let text = text
            .text("#[layer(from = ")
            .text(producer)
            .text(")] quant_")
            .text(producer)
            .text(": QuantIdentity,`")
            .help()
            .text("and read it: `#[layer(from = ");
        rewired(text, &wires, producer).text(")]`")
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        Blame::Operand(self.producer)
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}

/// The operands, with a quantizer in place of `producer`.
const fn rewired(mut text: Text, wires: &Wires<'_>, producer: &str) -> Text {
    let is_list = wires.from.len() > 1;
    text = text.text(if is_list { "[" } else { "" });
    let mut operand = 0;
    while operand < wires.from.len() {
        let name = match wires.from[operand] {
            Source::Field(index) => wires.fields[index].name,
            Source::Input | Source::Broken => "input",
        };
        text = text
            .text(if operand > 0 { ", " } else { "" })
            .text(if is_same(name, producer) { "quant_" } else { "" })
            .text(name);
        operand += 1;
    }
    text.text(if is_list { "]" } else { "" })
}

const fn is_same(here: &str, there: &str) -> bool {
    let (here, there) = (here.as_bytes(), there.as_bytes());
    let mut index = 0;
    while index < here.len() && index < there.len() && here[index] == there[index] {
        index += 1;
    }
    index == here.len() && index == there.len()
}
