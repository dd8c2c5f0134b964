//! The worst case of every accumulator over all inputs fits its bits.

use crate::{Fact, Field, Form, Issue, Known, Linear, Pool, Range, limits};

pub(super) const fn overflow<'a>(
    field: &Field<'a>,
    linear: &Linear,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    // A raw operand is another law's business.
    if !matches!(operand.form, Known::Now(Form::Quantized { .. })) {
        return None;
    }
    let (Known::Now(inputs), Known::Now(weights), Known::Now(terms), Known::Now(acc_bits)) =
        (operand.range, linear.weights(), linear.terms(), linear.acc_bits)
    else {
        return None;
    };
    let Known::Now(sum) = linear.accumulator(inputs) else {
        return None;
    };
    if sum.bits() as i64 <= acc_bits {
        return None;
    }
    Some(Issue::Overflow {
        field: field.name,
        needs: sum.bits(),
        acc_bits,
        terms,
        weights,
        inputs,
        producer,
        sum,
        max_l1: match linear.max_l1 {
            Some(budget) => budget.get(),
            None => None,
        },
        fitting_nonzero: largest(linear, inputs, acc_bits, Bound::Nonzero),
        fitting_l1: largest(linear, inputs, acc_bits, Bound::L1),
    })
}

#[derive(Clone, Copy)]
enum Bound {
    Nonzero,
    L1,
}

/// The largest value of one bound whose accumulator fits, found by asking the law itself.
const fn largest(linear: &Linear, inputs: Range, acc_bits: i64, bound: Bound) -> Option<i64> {
    let (mut fits, mut fails) = (0, limits::DIMENSION.most + 1);
    while fails - fits > 1 {
        let middle = fits + (fails - fits) / 2;
        let mut bounded = *linear;
        match bound {
            Bound::Nonzero => bounded.max_nonzero = Some(Known::Now(middle)),
            Bound::L1 => bounded.max_l1 = Some(Known::Now(middle)),
        }
        match bounded.accumulator(inputs) {
            Known::Now(sum) if sum.bits() as i64 <= acc_bits => fits = middle,
            _ => fails = middle,
        }
    }
    if fits == 0 { None } else { Some(fits) }
}

pub(super) const fn pool_overflow<'a>(
    field: &Field<'a>,
    pool: &Pool,
    elements: Known<i64>,
    producer: &'a str,
    operand: &Fact,
) -> Option<Issue<'a>> {
    if !matches!(operand.form, Known::Now(Form::Quantized { .. })) {
        return None;
    }
    let (Known::Now(inputs), Known::Now(elements), Known::Now(acc_bits)) =
        (operand.range, elements, pool.acc_bits)
    else {
        return None;
    };
    let sum = inputs.sum(elements);
    if sum.bits() as i64 <= acc_bits {
        return None;
    }
    let (mut fitting, mut fails) = (0, elements);
    while fails - fitting > 1 {
        let middle = fitting + (fails - fitting) / 2;
        if inputs.sum(middle).bits() as i64 <= acc_bits {
            fitting = middle;
        } else {
            fails = middle;
        }
    }
    Some(Issue::PoolOverflow {
        field: field.name,
        needs: sum.bits(),
        acc_bits,
        elements,
        fitting,
        inputs,
        producer,
        sum,
    })
}
