//! Integer ranges: the only thing a fact says about size. Bits are derived, for printing.

/// Every integer from `lo` to `hi`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Range {
    /// Smallest value.
    pub lo: i64,
    /// Largest value.
    pub hi: i64,
}

impl Range {
    /// The range `lo..=hi`.
    ///
    /// # Panics
    /// When `lo > hi`.
    #[must_use]
    pub const fn new(lo: i64, hi: i64) -> Self {
        assert!(lo <= hi, "a range runs from its smaller end to its larger one");
        Self { lo, hi }
    }

    /// `0..=2^bits - 1`.
    #[must_use]
    pub const fn unsigned(bits: i64) -> Self {
        Self::new(0, (1 << bits) - 1)
    }

    /// `-2^(bits-1)..=2^(bits-1) - 1`.
    #[must_use]
    pub const fn signed(bits: i64) -> Self {
        Self::new(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    }

    /// `-(2^(bits-1) - 1)..=2^(bits-1) - 1`: symmetric about zero.
    #[must_use]
    pub const fn narrow(bits: i64) -> Self {
        Self::new(1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1)
    }

    /// How many integers it holds.
    #[must_use]
    pub const fn count(self) -> i64 {
        self.hi - self.lo + 1
    }

    /// Whether every integer of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// Width as Concrete counts it: unsigned when nothing is negative, else two's complement.
    #[must_use]
    pub const fn bits(self) -> u32 {
        let unsigned = i64::BITS - self.hi.leading_zeros();
        if self.lo >= 0 {
            return if unsigned == 0 { 1 } else { unsigned };
        }
        let below = i64::BITS - (-(self.lo + 1)).leading_zeros();
        let above = if self.hi < 0 { 0 } else { unsigned };
        1 + if below > above { below } else { above }
    }

    /// The products of any value here with any value there; ends beyond an `i64` are its ends.
    #[must_use]
    pub const fn times(self, other: Self) -> Self {
        let corners = [
            self.lo.saturating_mul(other.lo),
            self.lo.saturating_mul(other.hi),
            self.hi.saturating_mul(other.lo),
            self.hi.saturating_mul(other.hi),
        ];
        let mut product = Self { lo: corners[0], hi: corners[0] };
        let mut corner = 1;
        while corner < corners.len() {
            product = product.cover(Self { lo: corners[corner], hi: corners[corner] });
            corner += 1;
        }
        product
    }

    /// The sums of one value here and one there; ends beyond an `i64` are its ends.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }

    /// The differences of two values.
    #[must_use]
    pub const fn differences(self) -> Self {
        Self { lo: self.lo - self.hi, hi: self.hi - self.lo }
    }

    /// The sums of `count` values.
    #[must_use]
    pub const fn sum(self, count: i64) -> Self {
        Self { lo: self.lo * count, hi: self.hi * count }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub const fn cover(self, other: Self) -> Self {
        Self {
            lo: if self.lo < other.lo { self.lo } else { other.lo },
            hi: if self.hi > other.hi { self.hi } else { other.hi },
        }
    }

    /// What both hold; both must hold zero.
    #[must_use]
    const fn meet(self, other: Self) -> Self {
        Self {
            lo: if self.lo > other.lo { self.lo } else { other.lo },
            hi: if self.hi < other.hi { self.hi } else { other.hi },
        }
    }
}

/// Worst case of a dot product over **all** inputs: at most `terms` non-zero weights in `weights` with inputs in
/// `inputs`, and at most `max_l1` as the sum of absolute weights.
///
/// On each side `min(terms * w * a, max_l1 * a)`. A weight may be zero, so zero is always in the result.
#[must_use]
pub const fn dot(weights: Range, inputs: Range, terms: i64, max_l1: Option<i64>) -> Range {
    let zero = Range { lo: 0, hi: 0 };
    let boxed = weights.times(inputs).cover(zero).sum(terms);
    match max_l1 {
        None => boxed,
        Some(budget) => {
            let sign =
                Range { lo: if weights.lo < 0 { -1 } else { 0 }, hi: if weights.hi > 0 { 1 } else { 0 } };
            boxed.meet(sign.times(inputs).cover(zero).sum(budget))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_s_check_value() {
        let operand = Range::unsigned(2);
        assert_eq!(dot(operand, operand, 14, None).bits(), 7);
        assert_eq!(dot(operand, operand, 15, None).bits(), 8);
    }

    #[test]
    fn thirty_three_bit_weights_need_eleven_bits() {
        let sum = dot(Range::narrow(3), Range::unsigned(3), 30, None);
        assert_eq!(sum, Range::new(-630, 630));
        assert_eq!(sum.bits(), 11);
    }

    #[test]
    fn a_budget_bounds_both_sides() {
        assert_eq!(dot(Range::narrow(3), Range::unsigned(3), 30, Some(8)), Range::new(-56, 56));
        assert_eq!(dot(Range::narrow(3), Range::signed(3), 100, Some(8)), Range::new(-32, 32));
    }

    #[test]
    fn bits_as_concrete_counts_them() {
        for (lo, hi, bits) in [
            (0, 0, 1),
            (0, 1, 1),
            (0, 127, 7),
            (0, 128, 8),
            (-1, 0, 1),
            (-1, 1, 2),
            (-2, 1, 2),
            (-128, 127, 8),
            (-129, 0, 9),
            (-5, -3, 4),
        ] {
            assert_eq!(Range::new(lo, hi).bits(), bits, "{lo}..={hi}");
        }
    }

    #[test]
    fn the_worst_case_is_reached_and_never_passed() {
        let inputs = Range::signed(2);
        for weights in [Range::signed(2), Range::narrow(2), Range::unsigned(1)] {
            for budget in [None, Some(1), Some(2), Some(3)] {
                let mut seen: Option<Range> = None;
                for w0 in weights.lo..=weights.hi {
                    for w1 in weights.lo..=weights.hi {
                        if budget.is_some_and(|most| w0.abs() + w1.abs() > most) {
                            continue;
                        }
                        for a0 in inputs.lo..=inputs.hi {
                            for a1 in inputs.lo..=inputs.hi {
                                let sum = w0 * a0 + w1 * a1;
                                let point = Range::new(sum, sum);
                                seen = Some(seen.map_or(point, |range| range.cover(point)));
                            }
                        }
                    }
                }
                let bound = dot(weights, inputs, 2, budget);
                let seen = seen.expect("the zero weights keep every budget");
                assert!(bound.contains(seen), "{weights:?} {budget:?}: {seen:?} outside {bound:?}");
                if budget.is_none() {
                    assert_eq!(bound, seen);
                }
            }
        }
    }
}
