//! The worst case of every accumulator over all inputs fits its bits: those that the user allows, and no more than its reader
//! takes, a table or the client alone.

use crate::{
    Form, Known, Products, Range, Sums, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    limits::{DIMENSION, MAX_CLIENT_BITS, MAX_TABLE_BITS},
    sums::Levels,
};

pub(crate) const TRAITS: LawTraits = LawTraits { is_numeric: true, suspects_wires: false, option: None };

/// An accumulator wider than `acc_bits`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overflow<'a> {
    /// The field.
    pub field: &'a str,
    /// Bits the worst case needs.
    pub needs: u32,
    /// Bits allowed: `acc_bits`, but never more than the reader takes.
    pub allowed: i64,
    /// Whether `acc_bits` would allow more than the reader takes.
    pub is_capped: bool,
    /// What reads it.
    pub reader: Reader,
    /// The worst case.
    pub sum: Range,
    /// What is summed.
    pub of: Summed<'a>,
}

/// What reads an accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A table, which is bootstrapped.
    Table,
    /// The client, and nothing else.
    Client,
}

impl Reader {
    /// Bits of the widest accumulator that it reads.
    #[must_use]
    pub const fn most(self) -> i64 {
        match self {
            Self::Table => MAX_TABLE_BITS,
            Self::Client => MAX_CLIENT_BITS,
        }
    }
}

/// The widest accumulator that is allowed.
#[derive(Clone, Copy)]
struct Allowed {
    bits: i64,
    is_capped: bool,
    reader: Reader,
}

impl Allowed {
    /// `None` while the number is not known.
    const fn of(acc_bits: Option<Known<i64>>, reader: Reader) -> Option<Self> {
        let most = reader.most();
        match acc_bits {
            None => Some(Self { bits: most, is_capped: false, reader }),
            Some(Known::Now(given)) if given > most => Some(Self { bits: most, is_capped: true, reader }),
            Some(Known::Now(given)) => Some(Self { bits: given, is_capped: false, reader }),
            Some(Known::Later) => None,
        }
    }

    const fn fits(self, sum: Range) -> bool {
        sum.bits() as i64 <= self.bits
    }
}

/// What an accumulator sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Summed<'a> {
    /// Weights times levels.
    Products {
        /// Non-zero weights of a neuron.
        terms: i64,
        /// Integers a weight may be.
        weights: Range,
        /// What the weights multiply.
        inputs: Range,
        /// The field whose levels those are, or `input`.
        producer: &'a str,
        /// `max_l1`, where the user gave one.
        max_l1: Option<i64>,
        /// Largest `max_nonzero` that fits.
        fitting_nonzero: Option<i64>,
        /// Largest `max_l1` that fits.
        fitting_l1: Option<i64>,
    },
    /// The levels in a window.
    Levels {
        /// How many.
        elements: i64,
        /// The most that fit.
        fitting: i64,
        /// Their range.
        inputs: Range,
        /// The field whose levels those are, or `input`.
        producer: &'a str,
    },
    /// A level less another.
    Differences {
        /// Their range.
        inputs: Range,
        /// The field whose levels those are.
        producer: &'a str,
    },
    /// Tensors.
    Operands {
        /// How many.
        operands: usize,
    },
}

pub(crate) const fn check<'a>(asked: &Asked<'a, '_>) -> Option<Overflow<'a>> {
    let reader = if asked.net.is_read_by_client_alone(asked.index) { Reader::Client } else { Reader::Table };
    match &asked.layer.sums {
        Sums::None => None,
        Sums::Products(products) => of_products(asked, products, reader),
        Sums::Levels(levels) => of_levels(asked, levels, reader),
        Sums::Differences { acc_bits } => of_differences(asked, *acc_bits),
        Sums::Operands { acc_bits } => of_operands(asked, *acc_bits, reader),
    }
}

const fn too_wide<'a>(asked: &Asked<'a, '_>, sum: Range, allowed: Allowed, of: Summed<'a>) -> Overflow<'a> {
    let Allowed { bits, is_capped, reader } = allowed;
    Overflow { field: asked.field.name, needs: sum.bits(), allowed: bits, is_capped, reader, sum, of }
}

/// A raw operand is another law's business.
const fn of_products<'a>(asked: &Asked<'a, '_>, products: &Products, reader: Reader) -> Option<Overflow<'a>> {
    let operand = asked.operand(0);
    let (Known::Now(inputs), Known::Now(weights), Known::Now(terms), Some(allowed)) =
        (operand.range, products.weights, products.terms(), Allowed::of(products.acc_bits, reader))
    else {
        return None;
    };
    let Known::Now(sum) = products.accumulator(operand.range) else {
        return None;
    };
    if !operand.is_levels() || allowed.fits(sum) {
        return None;
    }
    let of = Summed::Products {
        terms,
        weights,
        inputs,
        producer: asked.producer(0),
        max_l1: match products.max_l1 {
            Some(budget) => budget.get(),
            None => None,
        },
        fitting_nonzero: largest(products, inputs, allowed, Bound::Nonzero),
        fitting_l1: largest(products, inputs, allowed, Bound::L1),
    };
    Some(too_wide(asked, sum, allowed, of))
}

#[derive(Clone, Copy)]
enum Bound {
    Nonzero,
    L1,
}

/// The largest value of one bound whose accumulator fits, found by asking the law itself.
const fn largest(products: &Products, inputs: Range, allowed: Allowed, bound: Bound) -> Option<i64> {
    let (mut fitting, mut fails) = (0, DIMENSION.most + 1);
    while fails - fitting > 1 {
        let middle = fitting + (fails - fitting) / 2;
        let mut bounded = *products;
        match bound {
            Bound::Nonzero => bounded.max_nonzero = Some(Known::Now(middle)),
            Bound::L1 => bounded.max_l1 = Some(Known::Now(middle)),
        }
        match bounded.accumulator(Known::Now(inputs)) {
            Known::Now(sum) if allowed.fits(sum) => fitting = middle,
            Known::Now(_) | Known::Later => fails = middle,
        }
    }
    if fitting == 0 { None } else { Some(fitting) }
}

const fn of_levels<'a>(asked: &Asked<'a, '_>, levels: &Levels, reader: Reader) -> Option<Overflow<'a>> {
    let operand = asked.operand(0);
    let (Known::Now(inputs), Known::Now(elements), Some(allowed)) =
        (operand.range, levels.elements(operand.shape), Allowed::of(levels.acc_bits, reader))
    else {
        return None;
    };
    let sum = inputs.sum(elements);
    if !operand.is_levels() || allowed.fits(sum) {
        return None;
    }
    let (mut fitting, mut fails) = (0, elements);
    while fails - fitting > 1 {
        let middle = fitting + (fails - fitting) / 2;
        if allowed.fits(inputs.sum(middle)) {
            fitting = middle;
        } else {
            fails = middle;
        }
    }
    let of = Summed::Levels { elements, fitting, inputs, producer: asked.producer(0) };
    Some(too_wide(asked, sum, allowed, of))
}

/// Tables read them all.
const fn of_differences<'a>(asked: &Asked<'a, '_>, acc_bits: Option<Known<i64>>) -> Option<Overflow<'a>> {
    let operand = asked.operand(0);
    let (Known::Now(inputs), Some(allowed)) = (operand.range, Allowed::of(acc_bits, Reader::Table)) else {
        return None;
    };
    let sum = inputs.differences();
    if !operand.is_levels() || allowed.fits(sum) {
        return None;
    }
    Some(too_wide(asked, sum, allowed, Summed::Differences { inputs, producer: asked.producer(0) }))
}

const fn of_operands<'a>(
    asked: &Asked<'a, '_>,
    acc_bits: Option<Known<i64>>,
    reader: Reader,
) -> Option<Overflow<'a>> {
    let mut position = 0;
    while position < asked.field.from.len() {
        if let Known::Now(Form::Raw | Form::Plain) = asked.operand(position).form {
            return None;
        }
        position += 1;
    }
    match (asked.operands().range, Allowed::of(acc_bits, reader)) {
        (Known::Now(sum), Some(allowed)) if !allowed.fits(sum) => {
            Some(too_wide(asked, sum, allowed, Summed::Operands { operands: asked.field.from.len() }))
        }
        _ => None,
    }
}

impl<'a> Overflow<'a> {
    pub(crate) const fn render(&self) -> Text {
        let text = Text::new()
            .code(self.field)
            .text(": the accumulator needs ")
            .number(self.needs as i128)
            .text(match (self.is_capped, self.reader) {
                (false, _) => " bits, but `acc_bits` is ",
                (true, Reader::Table) => " bits, but a table reads at most ",
                (true, Reader::Client) => " bits, but the client reads at most ",
            })
            .number(self.allowed as i128)
            .note();
        self.help(self.arithmetic(text))
    }

    const fn arithmetic(&self, text: Text) -> Text {
        let text = match self.of {
            Summed::Products { terms, weights, inputs, producer, max_l1, .. } => {
                let mut text = text.number(terms as i128).text(" weights in ").range(weights);
                if let Some(budget) = max_l1 {
                    text = text.text(" of absolute sum ").number(budget as i128);
                }
                text.text(" times inputs in ").range(inputs).text(" (").code(producer).text(")")
            }
            Summed::Levels { elements, inputs, producer, .. } => text
                .number(elements as i128)
                .text(" levels in ")
                .range(inputs)
                .text(" (")
                .code(producer)
                .text(")"),
            Summed::Differences { inputs, producer } => {
                let text =
                    text.text("the difference of two levels in ").range(inputs).text(" (").code(producer);
                return text.text(") is in ").range(self.sum);
            }
            Summed::Operands { operands } => text.text("its ").number(operands as i128).text(" operands"),
        };
        text.text(" sum to ").range(self.sum)
    }

    const fn help(&self, text: Text) -> Text {
        let is_admissible = self.needs as i64 <= self.reader.most();
        let (text, or) = match self.of {
            Summed::Products { fitting_nonzero: None, fitting_l1: None, .. } if !is_admissible => {
                return text.help().text("even one weight is too much: use fewer `bits`");
            }
            Summed::Products { fitting_nonzero, fitting_l1, .. } => {
                fewer_weights(text, fitting_nonzero, fitting_l1)
            }
            Summed::Levels { fitting, producer, .. } => (
                text.help()
                    .text("sum at most ")
                    .number(fitting as i128)
                    .text(" levels at once, or give ")
                    .code(producer)
                    .text(" fewer `bits`"),
                "or ",
            ),
            Summed::Differences { producer, .. } => {
                (text.help().text("give ").code(producer).text(" fewer `bits`"), "or ")
            }
            Summed::Operands { .. } => {
                (text.help().text("add fewer tensors, or quantize them to fewer `bits`"), "or ")
            }
        };
        if !is_admissible {
            return text;
        }
        text.help().text(or).text("allow it: `#[layer(acc_bits = ").number(self.needs as i128).text(")]`")
    }

    pub(crate) const fn blame(&self) -> Blame<'a> {
        Blame::Layer
    }

    pub(crate) const fn cause(&self) -> Cause {
        Cause::Itself
    }
}

/// What to type, and how the next suggestion starts.
const fn fewer_weights(mut text: Text, nonzero: Option<i64>, l1: Option<i64>) -> (Text, &'static str) {
    let mut or = "";
    if let Some(most) = nonzero {
        text = text
            .help()
            .text("keep fewer weights per output: `#[layer(max_nonzero = ")
            .number(most as i128)
            .text(")]`");
        or = "or ";
    }
    if let Some(most) = l1 {
        text = text.help().text(or).text("bound their sum: `#[layer(max_l1 = ");
        text = text.number(most as i128).text(")]`");
        or = "or ";
    }
    (text, or)
}
