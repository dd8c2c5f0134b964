//! Layers that take several operands.

use super::{
    Verdict,
    input::unquantized_start,
    layers::{levels_of, operand},
    quantized::raw_operand,
    scale::two_scales,
    shape::together,
};
use crate::{Fact, Field, Form, Issue, Known, Law, Net, Range, Shape};

pub(super) const fn add<'a>(
    net: &Net<'a>,
    before: &[Verdict<'a>],
    index: usize,
    acc_bits: Known<i64>,
) -> Verdict<'a> {
    let field = &net.fields[index];
    let joint = Joint::of(net, before, index);
    let fact = Fact { shape: joint.shape, range: joint.sum, form: Known::Now(Form::Raw) };
    joint.verdict(fact).add(Law::Overflow, joint.overflow(field, acc_bits))
}

pub(super) const fn concat<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
    let joint = Joint::of(net, before, index);
    joint.verdict(Fact { shape: joint.shape, range: joint.cover, form: joint.form })
}

/// What is known of the operands of a layer that takes several: what they are together, and the first that does not fit.
#[derive(Clone, Copy)]
struct Joint<'a> {
    operands: usize,
    shape: Known<Shape>,
    sum: Known<Range>,
    cover: Known<Range>,
    form: Known<Form>,
    plain: Option<Issue<'a>>,
    raw: Option<Issue<'a>>,
    scales: Option<Issue<'a>>,
    shapes: Option<Issue<'a>>,
}

impl<'a> Joint<'a> {
    const fn of(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Self {
        let field = &net.fields[index];
        let first = operand(net, before, field, 0);
        let mut joint = Self {
            operands: field.from.len(),
            shape: first.shape,
            sum: first.range,
            cover: first.range,
            form: levels_of(&first),
            plain: unquantized_start(field, &first),
            raw: raw_operand(net, index, 0, &first),
            scales: None,
            shapes: None,
        };
        let mut position = 1;
        while position < field.from.len() {
            joint = joint.with(net, index, position, &operand(net, before, field, position));
            position += 1;
        }
        joint
    }

    const fn with(mut self, net: &Net<'a>, index: usize, position: usize, operand: &Fact) -> Self {
        let field = &net.fields[index];
        if self.plain.is_none() {
            self.plain = unquantized_start(field, operand);
        }
        if self.raw.is_none() {
            self.raw = raw_operand(net, index, position, operand);
        }
        self.form = match (self.form, levels_of(operand)) {
            (Known::Now(Form::Quantized { scale: here }), Known::Now(Form::Quantized { scale: there }))
                if here == there =>
            {
                self.form
            }
            (Known::Now(Form::Quantized { scale: here }), Known::Now(Form::Quantized { scale: there })) => {
                self.scales = Some(two_scales(net, field, here, there));
                Known::Later
            }
            _ => Known::Later,
        };
        (self.sum, self.cover) = match (self.sum, self.cover, operand.range) {
            (Known::Now(sum), Known::Now(cover), Known::Now(range)) => {
                (Known::Now(sum.plus(range)), Known::Now(cover.cover(range)))
            }
            _ => (Known::Later, Known::Later),
        };
        self.shape = match (self.shape, operand.shape) {
            (Known::Now(has), Known::Now(gives)) => {
                if let Some(shape) = together(field, &has, &gives) {
                    Known::Now(shape)
                } else {
                    self.shapes = Some(Issue::Shapes {
                        field: field.name,
                        kind: field.layer.kind(),
                        first: net.name_of(field.from[0]),
                        has,
                        producer: net.name_of(field.from[position]),
                        gives,
                    });
                    Known::Later
                }
            }
            _ => Known::Later,
        };
        self
    }

    const fn verdict(&self, fact: Fact) -> Verdict<'a> {
        Verdict::new(fact)
            .add(Law::Input, self.plain)
            .add(Law::Quantized, self.raw)
            .add(Law::Scale, self.scales)
            .add(Law::Shape, self.shapes)
    }

    const fn overflow(&self, field: &Field<'a>, acc_bits: Known<i64>) -> Option<Issue<'a>> {
        // A raw operand is another law's business.
        if self.raw.is_some() || self.plain.is_some() {
            return None;
        }
        match (self.sum, acc_bits) {
            (Known::Now(sum), Known::Now(acc_bits)) if sum.bits() as i64 > acc_bits => {
                Some(Issue::SumOverflow {
                    field: field.name,
                    needs: sum.bits(),
                    acc_bits,
                    operands: self.operands,
                    sum,
                })
            }
            _ => None,
        }
    }
}
