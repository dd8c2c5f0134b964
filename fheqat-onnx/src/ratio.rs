//! Floats as ratios, for types have integers as parameters.

/// An `f32` as the ratio of two integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ratio {
    pub(crate) numerator: i64,
    pub(crate) per: i64,
}

impl Ratio {
    /// A ratio without a common factor; `per` is above zero.
    pub(crate) const fn reduced(numerator: i64, per: i64) -> Self {
        let (mut divisor, mut rest) = (per, numerator.abs());
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        Self { numerator: numerator / divisor, per: per / divisor }
    }

    /// The ratio of the least denominator up to 1000 that rounds to a float, else that of a power of two; `None` where it is infinite
    /// or too near to zero.
    pub(crate) fn of(value: f32) -> Option<Self> {
        const MOST: i64 = 1000;
        const BITS: u32 = 62;
        const EXACT: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
        if !value.is_finite() {
            return None;
        }
        let value = f64::from(value);
        let found = (1..=MOST).map(|per| Self { numerator: (value * per as f64).round() as i64, per });
        let is_exact = |ratio: &Self| {
            (ratio.numerator as f64).abs() < EXACT
                && f64::from(ratio.value()).total_cmp(&(value + 0.0)).is_eq()
        };
        let powers = || {
            let scaled = (0..=BITS).map(|power| (value * f64::from(power).exp2(), 1i64 << power));
            let mut whole = scaled.filter(|(scaled, _)| scaled.fract() == 0.0 && scaled.abs() < EXACT);
            whole.next().map(|(scaled, per)| Self { numerator: scaled as i64, per })
        };
        found.clone().find(is_exact).or_else(powers)
    }

    /// The float.
    pub(crate) fn value(self) -> f32 {
        (self.numerator as f64 / self.per as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_ratios_exactly() {
        let of = |value: f32| Ratio::of(value).map(|ratio| (ratio.numerator, ratio.per));
        assert_eq!(of(0.01), Some((1, 100)));
        assert_eq!(of(0.2), Some((1, 5)));
        assert_eq!(of(1.0 / 6.0), Some((1, 6)));
        assert_eq!(of(-0.0), Some((0, 1)));
        assert_eq!(of(-1.5), Some((-3, 2)));
        assert_eq!(of(f32::NAN), None);
        assert_eq!(of(f32::INFINITY), None);
        assert_eq!(of(f32::MIN_POSITIVE), None);
        for bits in (0x2c00_0000..0x5000_0000u32).step_by(9973) {
            let value = f32::from_bits(bits);
            let ratio = Ratio::of(value).unwrap();
            assert_eq!(ratio.value().to_bits(), bits, "{value} {ratio:?}");
            assert_eq!(Ratio::reduced(ratio.numerator, ratio.per).value().to_bits(), bits);
        }
        assert_eq!(Ratio::reduced(20, 100), Ratio { numerator: 1, per: 5 });
    }
}
