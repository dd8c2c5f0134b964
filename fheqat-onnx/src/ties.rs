//! Sums that lie exactly between two levels, where other libraries follow the noise of their floats.

use fheqat_runtime::spec::{Fact, Known, Layer, Net, Range, Source, judge_each};

use crate::{
    plan::{Learned, Planned},
    problem::Note,
};

/// How near to half a step counts as a tie: what the roundings of some float operations add up to.
const NEAR: f64 = 1.0 / (1 << 21) as f64;

/// More sums than a table reads: a law refuses them.
const MOST_SUMS: i64 = 1 << 17;

/// Notes of quantizers that round ties.
pub(crate) fn found(fields: &[Planned], net: &Net<'_>) -> Vec<Note> {
    let facts: Vec<Fact> = judge_each(net).iter().map(|verdict| verdict.fact).collect();
    let mut notes: Vec<Note> = fields.last().and_then(equal_outputs).into_iter().collect();
    for field in fields {
        let (Some(&Source::Field(from)), Some(step), None) =
            (field.from.first(), field.step(), field.curve.and_then(crate::plan::Curve::name))
        else {
            continue;
        };
        let (Some(unit), Known::Now(range)) = (unit(fields, &facts, from), facts[from].range) else {
            continue;
        };
        // Floats of powers of two are exact.
        if (unit.is_exact && is_power_of_two(step)) || range.count() > MOST_SUMS {
            continue;
        }
        let Learned::Step { levels, .. } = field.learned else { continue };
        let ties = ties(unit.value / f64::from(step), range, levels);
        if ties > 0 {
            notes.push(Note {
                field: field.name.clone(),
                text: format!(
                    "{ties} of the {} sums that `{}` can give lie exactly between two levels: here they are rounded half to even, where Brevitas and others round as the noise of their float arithmetic has it",
                    range.count(),
                    fields[from].name
                ),
            });
        }
    }
    notes
}

/// Where the last layer may give several outputs the same number.
fn equal_outputs(last: &Planned) -> Option<Note> {
    let Learned::Weights { scales, bias: None, .. } = &last.learned else { return None };
    (scales.len() == 1 && last.width() > 1).then(|| Note {
        field: last.name.clone(),
        text: "it has no bias, so two outputs of a sample may be exactly equal: the class is then the first of them, where Brevitas and others choose by the noise of their float arithmetic".to_owned(),
    })
}

/// What one unit of integers stands for.
struct Unit {
    value: f64,
    /// Whether floats compute multiples of it without rounding.
    is_exact: bool,
}

/// Of sums without a bias, where all of a layer have one unit.
fn unit(fields: &[Planned], facts: &[Fact], index: usize) -> Option<Unit> {
    let field = &fields[index];
    let step_of = |index: usize| fields[fields[index].quantizer?].step();
    let step = match (field.quantizer, field.from.first()) {
        (Some(quantizer), _) => fields[quantizer].step()?,
        (None, Some(&Source::Field(from))) => step_of(from)?,
        _ => return None,
    };
    let is_exact = is_power_of_two(step);
    let step = f64::from(step);
    match (&field.layer, &field.learned) {
        (Layer::Pool(pool), _) => {
            let Some(&Source::Field(from)) = field.from.first() else { return None };
            let numbers = pool.elements(facts[from].shape).get()? as f64;
            Some(Unit { value: step / numbers, is_exact: is_exact && is_power_of_two(numbers as f32) })
        }
        (_, Learned::Weights { scales, bias: None, .. }) => match scales[..] {
            [scale] => {
                Some(Unit { value: step * f64::from(scale), is_exact: is_exact && is_power_of_two(scale) })
            }
            _ => None,
        },
        (Layer::Add(_), _) => Some(Unit { value: step, is_exact }),
        _ if field.quantizer.is_some() => Some(Unit { value: step, is_exact }),
        _ => None,
    }
}

fn is_power_of_two(value: f32) -> bool {
    const FRACTION: u32 = (1 << 23) - 1;
    value.is_normal() && value.to_bits() & FRACTION == 0
}

/// How many of the sums in a range lie on half a step between two of the levels.
fn ties(ratio: f64, sums: Range, levels: Range) -> usize {
    if !(ratio.is_finite() && ratio > 0.0) {
        return 0;
    }
    let is_tie = |sum: i64| {
        let steps = sum as f64 * ratio;
        let is_between = steps > levels.lo as f64 && steps < levels.hi as f64;
        is_between && ((steps - steps.floor()) - 0.5).abs() <= NEAR * steps.abs().max(1.0)
    };
    (sums.lo..=sums.hi).filter(|&sum| is_tie(sum)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_double_steps_have_ties_and_others_none() {
        let (sums, levels) = (Range::new(0, 28), Range::new(0, 7));
        assert_eq!(ties(0.25, sums, levels), 7, "2, 6, ... 26");
        assert_eq!(ties(0.5, sums, levels), 7);
        assert_eq!(ties(1.0, sums, levels), 0);
        assert_eq!(ties(0.3028 / 0.1588 / 4.0, sums, levels), 0);
        assert_eq!(ties(0.1 / 0.3 * 1.5, sums, levels), 7, "within the noise of floats");
        assert!(is_power_of_two(0.25) && !is_power_of_two(0.3) && !is_power_of_two(0.0));
    }
}
