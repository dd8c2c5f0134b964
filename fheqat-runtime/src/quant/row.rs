//! From the float weights of one neuron to the integers that its limits allow.

use fheqat_spec::{Known, Linear, Range};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::vectors::on_vectors;

/// What the integer weights of one neuron must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowLimits {
    /// The integers a weight may be.
    pub weights: Range,
    /// Most non-zero weights.
    pub max_nonzero: usize,
    /// Most that the absolute weights sum to.
    pub max_l1: Option<usize>,
}

impl RowLimits {
    /// The limits of a layer; `None` where a number is not known.
    #[must_use]
    pub fn of(linear: &Linear) -> Option<Self> {
        let max_l1 = match linear.max_l1 {
            Some(Known::Now(budget)) => Some(usize::try_from(budget).ok()?),
            Some(Known::Later) => return None,
            None => None,
        };
        Some(Self {
            weights: linear.weights().get()?,
            max_nonzero: usize::try_from(linear.terms().get()?).ok()?,
            max_l1,
        })
    }

    /// The most that the absolute weights of a row sum to without a budget.
    #[must_use]
    pub fn reach(&self) -> usize {
        let largest = self.weights.lo.unsigned_abs().max(self.weights.hi.unsigned_abs());
        self.max_nonzero.saturating_mul(largest as usize)
    }

    /// Whether a row of integers keeps every limit.
    #[must_use]
    pub fn allow(&self, row: &[f32]) -> bool {
        let in_range = |&weight: &f32| {
            weight.fract() == 0.0 && self.weights.lo as f32 <= weight && weight <= self.weights.hi as f32
        };
        row.iter().all(in_range)
            && row.iter().filter(|&&weight| weight != 0.0).count() <= self.max_nonzero
            && self
                .max_l1
                .is_none_or(|budget| row.iter().map(|weight| weight.abs()).sum::<f32>() <= budget as f32)
    }
}

/// What a row is divided by so that its weights are coprime and the first that is not zero is positive; 1 for a row of zeros.
/// Rows that are then equal are one direction: their sums are one accumulator.
#[must_use]
pub fn signed_divisor(weights: impl Iterator<Item = i64> + Clone) -> i64 {
    let divisor = weights.clone().fold(0, |divisor, weight| gcd(divisor, weight.abs()));
    let sign = weights.map(i64::signum).find(|sign| *sign != 0).unwrap_or(1);
    divisor.max(1) * sign
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Finds nearest rows; keeps its scratch memory from row to row.
#[derive(Clone, Debug, Default)]
pub struct RowRounder {
    keys: Vec<u64>,
}

/// Orders by magnitude, the smaller index first among equals: the bits of a non-negative float rise with it.
fn key(magnitude: f32, index: usize) -> u64 {
    u64::from(magnitude.to_bits()) << 32 | u64::from(!(index as u32))
}

fn index_of(key: u64) -> usize {
    !(key as u32) as usize
}

impl RowRounder {
    /// Writes to `integers` the nearest row of integers to `row`, both in integer units, that keeps `limits`.
    ///
    /// Without limits each weight `u` is rounded to the nearest integer `q`. Raising `|q|` from `k` to `k + 1` lowers the
    /// squared error by `(|u| - k)^2 - (|u| - k - 1)^2 = 2 (|u| - k - 1/2)`, less for each further step of the same
    /// weight; so the best row within a budget takes the `max_l1` largest positive `|u| - k - 1/2`. Of more than
    /// `max_nonzero` weights the largest stay.
    pub fn nearest(&mut self, limits: &RowLimits, row: &[f32], integers: &mut [f32]) {
        on_vectors(|| round(row, limits.weights, integers));
        // A budget's steps go to the largest weights first, so within a small one there are never too many.
        let most = limits.max_nonzero.min(row.len());
        if limits.max_l1.is_none_or(|budget| budget > most)
            && exact_sum(integers, |integer| f32::from(u8::from(integer != 0.0))) > most as f32
        {
            self.keep_largest(most, row, integers);
        }
        if let Some(budget) = limits.max_l1
            && exact_sum(integers, f32::abs) > budget as f32
        {
            self.keep_steps(budget, row, integers);
        }
    }

    /// Leaves the `count` largest weights.
    fn keep_largest(&mut self, count: usize, row: &[f32], integers: &mut [f32]) {
        self.keys.clear();
        self.keys.extend(
            integers
                .iter()
                .enumerate()
                .filter(|(_, integer)| **integer != 0.0)
                .map(|(index, _)| key(row[index].abs(), index)),
        );
        for &key in split_largest(&mut self.keys, count).0 {
            integers[index_of(key)] = 0.0;
        }
    }

    /// Takes the `budget` unit steps that lower the error most.
    fn keep_steps(&mut self, budget: usize, row: &[f32], integers: &mut [f32]) {
        self.keys.clear();
        for (index, integer) in integers.iter_mut().enumerate() {
            let magnitude = row[index].abs();
            let mut taken = 0.5;
            while taken < integer.abs() {
                self.keys.push(key((magnitude - taken).max(0.0), index));
                taken += 1.0;
            }
            *integer = 0.0;
        }
        for &key in split_largest(&mut self.keys, budget).1 {
            let index = index_of(key);
            integers[index] += 1.0f32.copysign(row[index]);
        }
    }
}

#[expect(
    clippy::inline_always,
    reason = "only what is inlined into a dispatch is compiled for its instructions"
)]
#[inline(always)]
fn round(row: &[f32], weights: Range, integers: &mut [f32]) {
    for (integer, &weight) in integers.iter_mut().zip(row) {
        *integer = super::round_level(weight, weights);
    }
}

fn split_largest(keys: &mut [u64], count: usize) -> (&[u64], &[u64]) {
    let dropped = keys.len().saturating_sub(count);
    if dropped > 0 && dropped < keys.len() {
        keys.select_nth_unstable(dropped);
    }
    keys.split_at(dropped)
}

/// The sum of integers below 2^24 made of the elements: exact in any order, so in the order that vectors like.
pub(crate) fn exact_sum(row: &[f32], integer: impl Fn(f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += integer(value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&value| integer(value)).sum::<f32>()
}

/// The scale in `candidates` fractions of the largest weight that rounds a tensor with the least squared error.
///
/// Shrinking the scale clips large weights and rounds small ones finer; the best one is searched, each candidate judged by
/// the rows it gives under the limits.
#[must_use]
pub fn best_scale<'a, R>(limits: &RowLimits, rows: &R, candidates: usize) -> f32
where
    R: Iterator<Item = &'a [f32]> + Clone + Sync,
{
    /// Weights that are worth a thread to round them.
    const PART: usize = 1 << 15;
    let weights: usize = rows.clone().map(<[f32]>::len).sum();
    let largest = rows.clone().flatten().fold(0.0f32, |most, weight| most.max(weight.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let widest = largest / limits.weights.hi as f32;
    let scales = (1..candidates + 1).into_par_iter().with_min_len((PART / weights.max(1)).max(1));
    let judged: Vec<(f32, f64)> = scales
        .map_init(RowRounder::default, |rounder, candidate| {
            let scale = widest * candidate as f32 / candidates as f32;
            (scale, rounding_error(limits, rows.clone(), scale, rounder))
        })
        .collect();
    let first = (widest, f64::INFINITY);
    judged.into_iter().fold(first, |best, judged| if judged.1 < best.1 { judged } else { best }).0
}

/// The squared error of rounding a tensor at `scale`.
#[must_use]
pub fn rounding_error<'a>(
    limits: &RowLimits,
    rows: impl Iterator<Item = &'a [f32]>,
    scale: f32,
    rounder: &mut RowRounder,
) -> f64 {
    let (mut units, mut integers) = (Vec::new(), Vec::new());
    let mut error = 0.0;
    for row in rows {
        units.clear();
        units.extend(row.iter().map(|weight| weight / scale));
        integers.resize(row.len(), 0.0);
        rounder.nearest(limits, &units, &mut integers);
        error += row
            .iter()
            .zip(&integers)
            .map(|(weight, integer)| f64::from(weight - integer * scale).powi(2))
            .sum::<f64>();
    }
    error
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn nearest(limits: &RowLimits, row: &[f32]) -> Vec<f32> {
        let mut integers = vec![0.0; row.len()];
        RowRounder::default().nearest(limits, row, &mut integers);
        integers
    }

    fn distance(row: &[f32], integers: &[f32]) -> f32 {
        row.iter().zip(integers).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    /// Every row of four weights.
    fn all_rows(weights: Range) -> Vec<Vec<f32>> {
        let mut rows = vec![Vec::new()];
        for _ in 0..4 {
            rows = rows
                .iter()
                .flat_map(|row| {
                    (weights.lo..=weights.hi).map(|weight| [row.as_slice(), &[weight as f32]].concat())
                })
                .collect();
        }
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_legal_row_is_nearer_within_a_budget(row in vec(-4.0f32..4.0, 4), budget in 1usize..13) {
            let limits = RowLimits { weights: Range::narrow(3), max_nonzero: 4, max_l1: Some(budget) };
            let found = nearest(&limits, &row);
            prop_assert!(limits.allow(&found));
            let best = all_rows(limits.weights)
                .iter()
                .filter(|candidate| limits.allow(candidate))
                .map(|candidate| distance(&row, candidate))
                .fold(f32::INFINITY, f32::min);
            prop_assert!(distance(&row, &found) <= best + 1e-4);
        }

        #[test]
        fn limits_always_hold(
            row in vec(prop_oneof![-9.0f32..9.0, (-6i32..6).prop_map(|k| k as f32 / 2.0)], 1..80),
            bits in 2i64..=8,
            is_narrow: bool,
            max_nonzero in 1usize..40,
            max_l1 in proptest::option::of(1usize..60),
        ) {
            let weights = if is_narrow { Range::narrow(bits) } else { Range::signed(bits) };
            let limits = RowLimits { weights, max_nonzero, max_l1 };
            prop_assert!(limits.allow(&nearest(&limits, &row)));
        }
    }

    #[test]
    fn without_limits_a_row_is_rounded() {
        let limits = RowLimits { weights: Range::signed(3), max_nonzero: 5, max_l1: None };
        assert_eq!(nearest(&limits, &[0.4, -0.6, 1.5, 9.0, -9.0]), [0.0, -1.0, 2.0, 3.0, -4.0]);
    }

    #[test]
    fn the_best_scale_is_the_best_of_a_fine_search() {
        let limits = RowLimits { weights: Range::narrow(3), max_nonzero: 8, max_l1: None };
        let row: Vec<f32> =
            (0..40u8).map(|k| (f32::from(k) * 0.7).sin() * 0.3 + 0.002 * f32::from(k)).collect();
        let rows = || row.chunks_exact(8);
        let mut rounder = RowRounder::default();
        let found = rounding_error(&limits, rows(), best_scale(&limits, &rows(), 100), &mut rounder);
        let fine = (1..=5000)
            .map(|k| rounding_error(&limits, rows(), k as f32 * 1e-4, &mut rounder))
            .fold(f64::INFINITY, f64::min);
        assert!(found <= fine * 1.01, "{found} {fine}");
    }
}
