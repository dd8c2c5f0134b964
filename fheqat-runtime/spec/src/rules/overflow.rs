//! The worst case of every accumulator over all inputs fits its bits.

use crate::{
    Form, Known, Products, Range, Sums, Text,
    asked::Asked,
    blame::{Blame, Cause, LawTraits},
    limits::{ACC_BITS, DIMENSION},
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
    /// Bits allowed.
    pub acc_bits: i64,
    /// The worst case.
    pub sum: Range,
    /// What is summed.
    pub of: Summed<'a>,
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
    match &asked.layer.sums {
        Sums::None => None,
        Sums::Products(products) => of_products(asked, products),
        Sums::Levels(levels) => of_levels(asked, levels),
        Sums::Differences { acc_bits } => of_differences(asked, *acc_bits),
        Sums::Operands { acc_bits } => of_operands(asked, *acc_bits),
    }
}

const fn too_wide<'a>(asked: &Asked<'a, '_>, sum: Range, acc_bits: i64, of: Summed<'a>) -> Overflow<'a> {
    Overflow { field: asked.field.name, needs: sum.bits(), acc_bits, sum, of }
}

const fn fits(sum: Range, acc_bits: i64) -> bool {
    sum.bits() as i64 <= acc_bits
}

/// A raw operand is another law's business.
const fn of_products<'a>(asked: &Asked<'a, '_>, products: &Products) -> Option<Overflow<'a>> {
    let operand = asked.operand(0);
    let (Known::Now(inputs), Known::Now(weights), Known::Now(terms), Known::Now(acc_bits)) =
        (operand.range, products.weights, products.terms(), products.acc_bits)
    else {
        return None;
    };
    let Known::Now(sum) = products.accumulator(operand.range) else {
        return None;
    };
    if !operand.is_levels() || fits(sum, acc_bits) {
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
        fitting_nonzero: largest(products, inputs, acc_bits, Bound::Nonzero),
        fitting_l1: largest(products, inputs, acc_bits, Bound::L1),
    };
    Some(too_wide(asked, sum, acc_bits, of))
}

#[derive(Clone, Copy)]
enum Bound {
    Nonzero,
    L1,
}

/// The largest value of one bound whose accumulator fits, found by asking the law itself.
const fn largest(products: &Products, inputs: Range, acc_bits: i64, bound: Bound) -> Option<i64> {
    let (mut fitting, mut fails) = (0, DIMENSION.most + 1);
    while fails - fitting > 1 {
        let middle = fitting + (fails - fitting) / 2;
        let mut bounded = *products;
        match bound {
            Bound::Nonzero => bounded.max_nonzero = Some(Known::Now(middle)),
            Bound::L1 => bounded.max_l1 = Some(Known::Now(middle)),
        }
        match bounded.accumulator(Known::Now(inputs)) {
            Known::Now(sum) if fits(sum, acc_bits) => fitting = middle,
            Known::Now(_) | Known::Later => fails = middle,
        }
    }
    if fitting == 0 { None } else { Some(fitting) }
}

const fn of_levels<'a>(asked: &Asked<'a, '_>, levels: &Levels) -> Option<Overflow<'a>> {
    let operand = asked.operand(0);
    let (Known::Now(inputs), Known::Now(elements), Known::Now(acc_bits)) =
        (operand.range, levels.elements(operand.shape), levels.acc_bits)
    else {
        return None;
    };
    let sum = inputs.sum(elements);
    if !operand.is_levels() || fits(sum, acc_bits) {
        return None;
    }
    let (mut fitting, mut fails) = (0, elements);
    while fails - fitting > 1 {
        let middle = fitting + (fails - fitting) / 2;
        if fits(inputs.sum(middle), acc_bits) {
            fitting = middle;
        } else {
            fails = middle;
        }
    }
    let of = Summed::Levels { elements, fitting, inputs, producer: asked.producer(0) };
    Some(too_wide(asked, sum, acc_bits, of))
}

const fn of_differences<'a>(asked: &Asked<'a, '_>, acc_bits: Known<i64>) -> Option<Overflow<'a>> {
    let operand = asked.operand(0);
    let (Known::Now(inputs), Known::Now(acc_bits)) = (operand.range, acc_bits) else {
        return None;
    };
    let sum = inputs.differences();
    if !operand.is_levels() || fits(sum, acc_bits) {
        return None;
    }
    Some(too_wide(asked, sum, acc_bits, Summed::Differences { inputs, producer: asked.producer(0) }))
}

const fn of_operands<'a>(asked: &Asked<'a, '_>, acc_bits: Known<i64>) -> Option<Overflow<'a>> {
    let mut position = 0;
    while position < asked.field.from.len() {
        if let Known::Now(Form::Raw | Form::Plain) = asked.operand(position).form {
            return None;
        }
        position += 1;
    }
    match (asked.operands().range, acc_bits) {
        (Known::Now(sum), Known::Now(acc_bits)) if !fits(sum, acc_bits) => {
            Some(too_wide(asked, sum, acc_bits, Summed::Operands { operands: asked.field.from.len() }))
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
            .text(" bits, but `acc_bits` is ")
            .number(self.acc_bits as i128)
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
        let is_admissible = self.needs as i64 <= ACC_BITS.most;
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
