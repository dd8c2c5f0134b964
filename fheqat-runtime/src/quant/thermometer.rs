//! Features as bits.

mod fit;

use serde::{Deserialize, Serialize};

/// The most bits of a feature.
const MAX_BITS: usize = fheqat_spec::limits::THERMOMETER.most as usize;

/// From features to bits, so many each: those of a channel are channels one after the other, as in `[channels * bits, ...]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThermometerCode {
    bits: usize,
    /// Numbers of a channel.
    positions: usize,
    channels: Vec<ChannelCode>,
}

/// What the bits of a channel say; a flat input has a channel for each feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ChannelCode {
    /// Of a quantity: a bit for each threshold, set where the quantity is larger, then one that is set where it is missing, if any
    /// was missing in training.
    Quantity {
        /// In order; bits that are left over have [`f32::MAX`], and so are never set.
        thresholds: Vec<f32>,
        /// Whether the last bit says that the quantity is missing.
        missing: bool,
    },
    /// Of a category: a bit for each that training saw, set for it alone.
    Category {
        /// The bit of each category by its index; none for those that set no bit.
        bits: Vec<Option<u16>>,
        /// The bit of all categories without one of their own, if there were more than bits.
        others: Option<u16>,
        /// Whether the last bit says that the category is missing.
        missing: bool,
    },
}

impl ThermometerCode {
    /// A code that was made before; `None` unless it fits so many features.
    pub(crate) fn checked(
        bits: usize,
        positions: usize,
        channels: Vec<ChannelCode>,
        features: usize,
    ) -> Option<Self> {
        let code = Self { bits, positions, channels };
        code.fits(features).then_some(code)
    }

    /// A code of which nothing is known.
    #[cfg(test)]
    pub(crate) fn unchecked(bits: usize, positions: usize, channels: Vec<ChannelCode>) -> Self {
        Self { bits, positions, channels }
    }

    /// Bits of a feature.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.bits
    }

    /// What the bits of each channel say.
    #[must_use]
    pub fn channels(&self) -> &[ChannelCode] {
        &self.channels
    }

    pub(crate) fn fits(&self, features: usize) -> bool {
        (1..=MAX_BITS).contains(&self.bits)
            && self.channels.len().checked_mul(self.positions) == Some(features)
            && self.channels.iter().all(|channel| channel.fits(self.bits))
    }

    /// Writes the bits of a sample.
    pub(super) fn encode(&self, sample: &[f32], to: &mut [f32]) {
        let samples = sample.chunks_exact(self.positions);
        let bits = to.chunks_exact_mut(self.positions * self.bits);
        for ((channel, sample), to) in self.channels.iter().zip(samples).zip(bits) {
            match sample {
                [value] => channel.encode_one(*value, to),
                _ => channel.encode(sample, to),
            }
        }
    }
}

impl ChannelCode {
    fn fits(&self, bits: usize) -> bool {
        let has = |bit: &Option<u16>, own: usize| bit.is_none_or(|bit| usize::from(bit) < own);
        match self {
            Self::Quantity { thresholds, missing } => {
                thresholds.len() + usize::from(*missing) == bits
                    && thresholds.iter().all(|threshold| threshold.is_finite())
                    && thresholds.is_sorted()
            }
            Self::Category { bits: categories, others, missing } => {
                let own = bits - usize::from(*missing);
                has(others, own) && categories.iter().all(|bit| has(bit, own))
            }
        }
    }

    /// The mean distance between two thresholds of a quantity; 1 where there are not two.
    pub(crate) fn reach(&self) -> f32 {
        let Self::Quantity { thresholds, .. } = self else { return 1.0 };
        let used = thresholds.partition_point(|threshold| *threshold < f32::MAX);
        match thresholds[..used] {
            [first, .., last] if last > first => (last - first) / (used - 1) as f32,
            _ => 1.0,
        }
    }

    /// The bit that a category sets.
    fn bit_of(&self, value: f32) -> Option<u16> {
        match self {
            Self::Quantity { .. } => None,
            Self::Category { bits, others, .. } => {
                let index = (value >= 0.0).then_some(value as usize);
                index.and_then(|index| bits.get(index)).copied().unwrap_or(*others)
            }
        }
    }

    const fn missing(&self) -> bool {
        match self {
            Self::Quantity { missing, .. } | Self::Category { missing, .. } => *missing,
        }
    }

    /// The bits of one number.
    fn encode_one(&self, value: f32, to: &mut [f32]) {
        match self {
            Self::Quantity { thresholds, .. } => {
                for (to, threshold) in to.iter_mut().zip(thresholds) {
                    *to = f32::from(u8::from(value > *threshold));
                }
            }
            Self::Category { .. } => {
                to.fill(0.0);
                if let Some(to) = self.bit_of(value).and_then(|bit| to.get_mut(usize::from(bit)))
                    && !value.is_nan()
                {
                    *to = 1.0;
                }
            }
        }
        if let Some(last) = to.last_mut().filter(|_| self.missing()) {
            *last = f32::from(u8::from(value.is_nan()));
        }
    }

    /// The bits of the numbers of a channel, plane by plane.
    fn encode(&self, values: &[f32], to: &mut [f32]) {
        let positions = values.len();
        match self {
            Self::Quantity { thresholds, .. } => {
                for (to, &threshold) in to.chunks_exact_mut(positions).zip(thresholds) {
                    for (to, &value) in to.iter_mut().zip(values) {
                        *to = f32::from(u8::from(value > threshold));
                    }
                }
            }
            Self::Category { .. } => {
                to.fill(0.0);
                for (position, &value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                    if let Some(bit) = self.bit_of(value) {
                        to[usize::from(bit) * positions + position] = 1.0;
                    }
                }
            }
        }
        if self.missing() {
            let last = to.len() - positions;
            for (to, &value) in to[last..].iter_mut().zip(values) {
                *to = f32::from(u8::from(value.is_nan()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(code: &ThermometerCode, sample: &[f32]) -> Vec<u8> {
        let mut to = vec![7.0; sample.len() * code.bits];
        code.encode(sample, &mut to);
        to.into_iter().map(|bit| bit as u8).collect()
    }

    #[test]
    fn planes_of_a_channel_lie_one_after_the_other() {
        let channel =
            |thresholds: &[f32], missing| ChannelCode::Quantity { thresholds: thresholds.to_vec(), missing };
        let channels = vec![channel(&[1.0, 2.0], false), channel(&[5.0], true)];
        let code = ThermometerCode { bits: 2, positions: 3, channels: channels.clone() };
        assert!(code.fits(6) && !code.fits(5));
        let sample = [1.0, 1.5, 3.0, 5.0, f32::NAN, 6.0];
        assert_eq!(bits(&code, &sample), [0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0]);
        let flat = ThermometerCode { bits: 2, positions: 1, channels };
        assert_eq!(bits(&flat, &[1.5, f32::NAN]), [1, 0, 0, 1]);
    }

    #[test]
    fn categories_set_one_bit_or_none() {
        let channel =
            ChannelCode::Category { bits: vec![Some(1), None, Some(0)], others: None, missing: true };
        let code = ThermometerCode { bits: 3, positions: 1, channels: vec![channel] };
        assert!(code.fits(1));
        let all: Vec<_> =
            [0.0, 1.0, 2.0, 3.0, 1e30, f32::NAN].iter().map(|&value| bits(&code, &[value])).collect();
        assert_eq!(all, [[0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]);
        let channel = ChannelCode::Category { bits: vec![Some(1)], others: Some(0), missing: false };
        let code = ThermometerCode { bits: 2, positions: 2, channels: vec![channel] };
        assert_eq!(bits(&code, &[0.0, 9.0]), [0, 1, 1, 0]);
        assert_eq!(bits(&code, &[f32::NAN, 0.0]), [0, 0, 0, 1]);
    }

    #[test]
    fn a_code_that_cannot_be_fits_nothing() {
        let of = |channel| ThermometerCode { bits: 2, positions: 1, channels: vec![channel] }.fits(1);
        let quantity =
            |thresholds: &[f32], missing| ChannelCode::Quantity { thresholds: thresholds.to_vec(), missing };
        assert!(of(quantity(&[1.0, 1.0], false)) && of(quantity(&[1.0], true)));
        assert!(
            !of(quantity(&[2.0, 1.0], false))
                && !of(quantity(&[1.0], false))
                && !of(quantity(&[0.0, 1.0], true))
        );
        assert!(!of(quantity(&[0.0, f32::INFINITY], false)) && !of(quantity(&[f32::NAN, 1.0], false)));
        let category =
            |bit, others, missing| ChannelCode::Category { bits: vec![Some(bit)], others, missing };
        assert!(
            of(category(1, None, false)) && !of(category(2, None, false)) && !of(category(1, None, true))
        );
        assert!(!of(category(0, Some(2), false)));
        assert!(!ThermometerCode { bits: 0, positions: 1, channels: vec![quantity(&[], false)] }.fits(1));
        assert!(
            !ThermometerCode { bits: 1, positions: usize::MAX, channels: vec![quantity(&[1.0], false); 2] }
                .fits(1)
        );
    }
}
