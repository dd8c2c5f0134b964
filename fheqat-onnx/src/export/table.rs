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

/// A bias with which every staircase over the same sums gives its levels; the first of the candidates that does, else one from the
/// middle between those that change a level.
///
/// `sums_of` says what sums stand for, given the bias.
pub(super) fn bias(
    stairs: &[Stairs<'_>],
    candidates: &[f32],
    sums_of: impl Fn(f32) -> Dequantize,
) -> Option<f32> {
    let agrees = |bias: f32| bias.is_finite() && stairs.iter().all(|stairs| stairs.agrees(&sums_of(bias)));
    if let Some(&found) = candidates.iter().find(|candidate| agrees(**candidate)) {
        return Some(found);
    }
    let plain = sums_of(0.0);
    let intervals = stairs.iter().filter(|stairs| stairs.staircase.lookup.is_none()).map(|stairs| stairs.interval(&plain));
    let (least, most) = intervals.fold((f64::NEG_INFINITY, f64::INFINITY), |(least, most), (low, high)| (least.max(low), most.min(high)));
    let middle = match (least.is_finite(), most.is_finite()) {
        (true, true) => f64::midpoint(least, most),
        (true, false) => least + f64::from(stairs.first()?.step),
        (false, true) => most - f64::from(stairs.first()?.step),
        (false, false) => 0.0,
    };
    // What `sums_of` adds to the bias itself moves the middle.
    let own = f64::from(plain.bias());
    [middle - own, least - own, most - own].into_iter().map(|bias| bias as f32).find(|bias| agrees(*bias))
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
                    assert_eq!(other.level(sum as f32), staircase.level(sum as f32), "{unit} {centre} {sum}");
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
