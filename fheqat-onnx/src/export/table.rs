//! Staircases: as gains and offsets that give the same levels, and as thresholds.

use fheqat_runtime::{
    quant::{Requantize, transition::Dequantize},
    spec::Range,
};

/// Where a staircase rises, as the first sum of each level, and by how much.
pub(super) struct Jump {
    pub(super) at: i64,
    pub(super) by: i64,
}

/// The level at the least sum, and every rise behind it.
pub(super) fn jumps(staircase: &Requantize, sums: Range) -> (i64, Vec<Jump>) {
    let level = |sum: i64| staircase.level(sum as f32) as i64;
    let first = level(sums.lo);
    let mut before = first;
    let mut jumps = Vec::new();
    for sum in sums.lo + 1..=sums.hi {
        let here = level(sum);
        if here != before {
            jumps.push(Jump { at: sum, by: here - before });
            before = here;
        }
    }
    (first, jumps)
}

/// A staircase, the sums that it reads, and the step of its levels.
pub(super) struct Stairs<'a> {
    pub(super) staircase: &'a Requantize,
    pub(super) sums: Range,
    pub(super) step: f32,
}

impl Stairs<'_> {
    /// Whether sums with this bias give the same levels.
    fn agrees(&self, sums_of: &Dequantize) -> bool {
        let function = self.staircase.lookup.map(|lookup| lookup.function);
        let other = sums_of.requantize(self.step, self.staircase.levels, function);
        (self.sums.lo..=self.sums.hi).all(|sum| {
            let sum = sum as f32;
            other.level(sum).to_bits() == self.staircase.level(sum).to_bits()
        })
    }

    /// The biases between which levels stay, as far as roundings of floats let one say.
    fn interval(&self, sums_of: &Dequantize) -> (f64, f64) {
        let (step, gain) = (f64::from(self.step), f64::from(sums_of.unit) / f64::from(sums_of.divisor));
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        let levels = self.staircase.levels;
        for sum in self.sums.lo..=self.sums.hi {
            let level = f64::from(self.staircase.level(sum as f32));
            let value = sum as f64 * gain;
            if level > levels.lo as f64 {
                least = least.max((level - 0.5) * step - value);
            }
            if level < levels.hi as f64 {
                most = most.min((level + 0.5) * step - value);
            }
        }
        (least, most)
    }
}

/// A bias with which every staircase over the same sums gives its levels: the first of the candidates that does, else one from
/// between those that change a level. Where a sum then lies almost on a tie, which other tools round as the noise of their floats
/// has it, the bias moves to the middle of those that change no level.
///
/// `sums_of` says what sums stand for, given the bias.
pub(super) fn bias(
    stairs: &[Stairs<'_>],
    candidates: &[f32],
    sums_of: impl Fn(f32) -> Dequantize,
) -> Option<f32> {
    let agrees = |bias: f32| bias.is_finite() && stairs.iter().all(|stairs| stairs.agrees(&sums_of(bias)));
    let found = candidates.iter().copied().find(|candidate| agrees(*candidate));
    let found = found.or_else(|| between(stairs, &sums_of).into_iter().find(|bias| agrees(*bias)))?;
    let Some(step) = stairs.iter().map(|stairs| stairs.step).reduce(f32::min) else { return Some(found) };
    let [below, above] = [-step, step].map(|step| reach(found, step, &agrees));
    let room = f64::from(above) - f64::from(below);
    let margin = room / 100.0;
    let is_safe =
        f64::from(found) - f64::from(below) >= margin && f64::from(above) - f64::from(found) >= margin;
    let middle = (f64::from(below) + room / 2.0) as f32;
    Some(if is_safe || !agrees(middle) { found } else { middle })
}

/// How far a bias may go towards another step without a change, at most a few steps.
fn reach(from: f32, step: f32, agrees: &impl Fn(f32) -> bool) -> f32 {
    const HALVINGS: usize = 24;
    let (mut good, mut bad) = (from, from + 2.0 * step);
    if agrees(bad) {
        return bad;
    }
    for _ in 0..HALVINGS {
        let middle = f32::midpoint(good, bad);
        if agrees(middle) { good = middle } else { bad = middle }
    }
    good
}

/// Biases in the middle between those that change a level, and at both.
fn between(stairs: &[Stairs<'_>], sums_of: &impl Fn(f32) -> Dequantize) -> Vec<f32> {
    let plain = sums_of(0.0);
    let intervals = stairs
        .iter()
        .filter(|stairs| stairs.staircase.lookup.is_none())
        .map(|stairs| stairs.interval(&plain));
    let (least, most) = intervals.fold((f64::NEG_INFINITY, f64::INFINITY), |(least, most), (low, high)| {
        (least.max(low), most.min(high))
    });
    let step = stairs.first().map_or(0.0, |stairs| f64::from(stairs.step));
    let middle = match (least.is_finite(), most.is_finite()) {
        (true, true) => f64::midpoint(least, most),
        (true, false) => least + step,
        (false, true) => most - step,
        (false, false) => 0.0,
    };
    // What `sums_of` adds to the bias itself moves the middle.
    let own = f64::from(plain.bias());
    [middle, least, most].into_iter().map(|bias| (bias - own) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_is_found_for_staircases_on_ties() {
        let (levels, sums) = (Range::unsigned(3), Range::new(-40, 40));
        for unit in [0.25f32, 0.1, 0.013] {
            for centre in [-7.0f32, 0.0, 0.5, 13.0] {
                let centred = Dequantize::centred(unit, centre, Range::new(0, 2));
                let staircase = centred.requantize(0.25, levels, None);
                let stairs = Stairs { staircase: &staircase, sums, step: 0.25 };
                let nominal = staircase.offset * 0.25;
                let found = bias(&[stairs], &[nominal], |bias| Dequantize::biased(unit, bias)).unwrap();
                let other = Dequantize::biased(unit, found).requantize(0.25, levels, None);
                for sum in sums.lo..=sums.hi {
                    let [one, other] = [other, staircase].map(|stairs| stairs.level(sum as f32) as i64);
                    assert_eq!(one, other, "{unit} {centre} {sum}");
                }
            }
        }
    }

    #[test]
    fn jumps_are_where_levels_change() {
        let staircase = Dequantize::plain(0.5).requantize(1.0, Range::new(0, 3), None);
        let (first, jumps) = jumps(&staircase, Range::new(-4, 9));
        assert_eq!(first, 0);
        let found: Vec<(i64, i64)> = jumps.iter().map(|jump| (jump.at, jump.by)).collect();
        assert_eq!(found, [(2, 1), (3, 1), (6, 1)], "1.5 and 2.5 are ties: 2 both, and half a step is 0");
    }
}
