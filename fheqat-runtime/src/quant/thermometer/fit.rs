//! Thresholds and categories from training samples.

use fheqat_spec::Thresholds;
use ndarray::{ArrayView2, Axis};

use super::{ChannelCode, ThermometerCode};
use crate::data::{Feature, FeatureKind};

/// The threshold of a bit that is never set.
const NEVER: f32 = f32::MAX;

impl ThermometerCode {
    /// Chooses the bits of samples `[n, features]`, whose features are as `described`, and fall into channels of `positions`.
    pub(crate) fn of(
        samples: &ArrayView2<'_, f32>,
        described: &[Feature],
        (bits, positions): (usize, usize),
        thresholds: Thresholds,
    ) -> Self {
        let channels = samples.axis_chunks_iter(Axis(1), positions).zip(described.chunks(positions));
        let code = |(values, described): (ArrayView2<'_, f32>, &[Feature])| {
            let mut present: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
            let missing = present.len() < values.len();
            let own = bits - usize::from(missing);
            match described.first().map(|feature| &feature.kind) {
                Some(FeatureKind::Category { names }) => categories(&present, names.len(), own, missing),
                Some(FeatureKind::Number) | None => {
                    present.sort_unstable_by(f32::total_cmp);
                    let mut found = match (thresholds, positions) {
                        (Thresholds::Uniform, _) | (Thresholds::ByShape, 2..) => uniform(&present, own),
                        (Thresholds::Quantiles | Thresholds::ByShape, _) => quantiles(&present, own),
                    };
                    found.resize(own, NEVER);
                    ChannelCode::Quantity { thresholds: found, missing }
                }
            }
        };
        Self { bits, positions, channels: channels.map(code).collect() }
    }
}

/// As many samples between any two; one between any two different values where there are enough. A value that has more samples
/// than its share has one on either side, and the others share out what is left.
fn quantiles(sorted: &[f32], most: usize) -> Vec<f32> {
    let mut values: Vec<(f32, usize)> = Vec::new();
    for &value in sorted {
        match values.last_mut() {
            Some((last, count)) if *last >= value => *count += 1,
            _ => values.push((value, 1)),
        }
    }
    if values.len() <= most + 1 {
        return values.windows(2).map(|pair| between(pair[0].0, pair[1].0)).collect();
    }
    let (mut rest, mut bins) = (sorted.len() as f64, most as f64 + 1.0);
    let share = rest / bins;
    let is_large = |count: usize| count as f64 >= share;
    for &(_, count) in values.iter().filter(|(_, count)| is_large(*count)) {
        (rest, bins) = (rest - count as f64, bins - 1.0);
    }
    let mut share = if bins > 0.0 { rest / bins } else { rest };
    let mut thresholds = Vec::with_capacity(most);
    let mut here = 0.0;
    for pair in values.windows(2) {
        let [(value, count), (next, of_next)] = [pair[0], pair[1]];
        here += count as f64;
        if !is_large(count) {
            rest -= count as f64;
        }
        let is_full = is_large(count) || here >= share || is_large(of_next) && here >= share / 2.0;
        if is_full && thresholds.len() < most {
            thresholds.push(between(value, next));
            here = 0.0;
            if !is_large(count) {
                bins -= 1.0;
                share = if bins > 0.0 { rest / bins } else { f64::INFINITY };
            }
        }
    }
    thresholds
}

/// Equal steps between the least and the largest.
fn uniform(sorted: &[f32], most: usize) -> Vec<f32> {
    let (Some(&least), Some(&largest)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    if least >= largest {
        return Vec::new();
    }
    let (least, largest) = (f64::from(least), f64::from(largest));
    let at = |bit: usize| (least + (largest - least) * bit as f64 / (most as f64 + 1.0)) as f32;
    (1..=most).map(at).collect()
}

/// A number that `next` is larger than, and `value` is not.
fn between(value: f32, next: f32) -> f32 {
    let middle = f64::midpoint(f64::from(value), f64::from(next)) as f32;
    if middle < next { middle } else { value }
}

/// A bit for each category that is there; where there are too many, the last is for all but the most frequent.
fn categories(values: &[f32], names: usize, most: usize, missing: bool) -> ChannelCode {
    let mut counts = vec![0usize; names];
    for &value in values {
        if let Some(count) = counts.get_mut(value as usize) {
            *count += 1;
        }
    }
    let mut seen: Vec<usize> = (0..names).filter(|&category| counts[category] > 0).collect();
    let others = if seen.len() > most { most.checked_sub(1) } else { None };
    if let Some(own) = others {
        seen.sort_by_key(|&category| (std::cmp::Reverse(counts[category]), category));
        seen.truncate(own);
        seen.sort_unstable();
    }
    let others = others.map(|bit| bit as u16);
    let mut bits = vec![others; names];
    if most > 0 {
        for (bit, category) in seen.into_iter().enumerate() {
            bits[category] = Some(bit as u16);
        }
    }
    ChannelCode::Category { bits, others, missing }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn described(kinds: &[Option<usize>]) -> Vec<Feature> {
        let kind = |names: &Option<usize>| match names {
            None => FeatureKind::Number,
            Some(names) => {
                FeatureKind::Category { names: (0..*names).map(|name| name.to_string()).collect() }
            }
        };
        kinds.iter().map(|names| Feature { name: String::new(), kind: kind(names) }).collect()
    }

    proptest! {
        #[test]
        fn thresholds_part_the_samples_evenly_and_equal_values_never(
            values in vec(prop_oneof![(-3i8..3).prop_map(f32::from), -3.0f32..3.0], 1..60),
            most in 1usize..9,
        ) {
            let mut sorted = values;
            sorted.sort_unstable_by(f32::total_cmp);
            let thresholds = quantiles(&sorted, most);
            let mut distinct = sorted.clone();
            distinct.dedup();
            prop_assert!(thresholds.len() <= most);
            prop_assert!(thresholds.is_sorted_by(|a, b| a < b), "{:?}", thresholds);
            // Each parts two values.
            let above = |threshold: f32| distinct.iter().filter(|value| **value > threshold).count();
            let cuts: Vec<usize> = thresholds.iter().map(|&threshold| above(threshold)).collect();
            prop_assert!(cuts.is_sorted_by(|a, b| a > b) && cuts.iter().all(|&cut| 0 < cut && cut < distinct.len()));
            if distinct.len() <= most + 1 {
                prop_assert_eq!(thresholds.len(), distinct.len() - 1);
            }
            if distinct.len() == sorted.len() {
                // Without ties no part has more than twice its share.
                let ends = thresholds.iter().copied().chain([f32::MAX]);
                let counts = ends.map(|end| sorted.iter().filter(|value| **value <= end).count());
                let mut before = 0;
                for count in counts {
                    prop_assert!(count - before <= 2 * sorted.len().div_ceil(most + 1), "{:?}", thresholds);
                    before = count;
                }
            }
        }
    }

    #[test]
    fn a_frequent_value_has_a_threshold_on_either_side() {
        let mut sorted = vec![0.0f32; 90];
        sorted.extend((1..=10u8).map(f32::from));
        assert_eq!(quantiles(&sorted, 3), [0.5, 4.5, 7.5]);
        let mut sorted: Vec<f32> = (1..=10u8).map(|value| -f32::from(value)).rev().collect();
        sorted.extend([0.0; 90]);
        assert_eq!(quantiles(&sorted, 3), [-6.5, -3.5, -0.5]);
    }

    #[test]
    fn neighbouring_floats_are_parted() {
        for value in [1.0f32, -1.0, 1e-45, 3e38, 0.0] {
            let next = value.next_up();
            let threshold = between(value, next);
            assert!(next > threshold && value <= threshold, "{value}");
        }
        let threshold = between(-f32::MAX, f32::MAX);
        assert!(threshold.is_finite());
    }

    #[test]
    fn equal_steps_are_those_of_a_channel() {
        let samples = array![[0.0, 4.0, 1.0, 1.0], [1.0, 2.0, 1.0, 1.0]];
        let code = ThermometerCode::of(&samples.view(), &described(&[None; 4]), (3, 2), Thresholds::ByShape);
        let thresholds = |channel: &ChannelCode| match channel {
            ChannelCode::Quantity { thresholds, missing: false } => thresholds.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(thresholds(&code.channels()[0]), [1.0, 2.0, 3.0]);
        assert_eq!(thresholds(&code.channels()[1]), [NEVER; 3]);
        let flat = ThermometerCode::of(&samples.view(), &described(&[None; 4]), (3, 1), Thresholds::ByShape);
        assert_eq!(thresholds(&flat.channels()[0]), [0.5, NEVER, NEVER]);
        assert!(code.fits(4) && flat.fits(4));
    }

    #[test]
    fn a_missing_value_takes_one_of_the_bits() {
        let samples = array![[1.0, f32::NAN], [f32::NAN, f32::NAN], [2.0, f32::NAN], [3.0, f32::NAN]];
        let code =
            ThermometerCode::of(&samples.view(), &described(&[None; 2]), (3, 1), Thresholds::Quantiles);
        let expected = [vec![1.5, 2.5], vec![NEVER; 2]]
            .map(|thresholds| ChannelCode::Quantity { thresholds, missing: true });
        assert_eq!(code.channels(), expected);
        let code = ThermometerCode::of(&samples.view(), &described(&[None; 2]), (1, 1), Thresholds::Uniform);
        assert_eq!(code.channels()[0], ChannelCode::Quantity { thresholds: vec![], missing: true });
        assert!(code.fits(2));
    }

    #[test]
    fn the_most_frequent_categories_have_bits_of_their_own() {
        let samples = |values: &[f32]| Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap();
        let fit = |values: &[f32], bits| {
            let described = described(&[Some(5)]);
            let code =
                ThermometerCode::of(&samples(values).view(), &described, (bits, 1), Thresholds::ByShape);
            assert!(code.fits(1));
            code.channels()[0].clone()
        };
        let category = |bits: [Option<u16>; 5], others, missing| ChannelCode::Category {
            bits: bits.to_vec(),
            others,
            missing,
        };
        let few = [4.0, 1.0, 1.0];
        assert_eq!(fit(&few, 3), category([None, Some(0), None, None, Some(1)], None, false));
        let many = [4.0, 1.0, 1.0, 3.0, 3.0, 0.0, 4.0];
        let expected = category([Some(2), Some(0), Some(2), Some(1), Some(2)], Some(2), false);
        assert_eq!(fit(&many, 3), expected);
        let missing = [4.0, 1.0, 1.0, f32::NAN, 0.0];
        assert_eq!(fit(&missing, 3), category([Some(1), Some(0), Some(1), Some(1), Some(1)], Some(1), true));
        assert_eq!(fit(&missing, 1), category([None; 5], None, true));
    }
}
