//! From the float weights of one neuron to the integers that its limits allow.

use fheqat_spec::{Known, Linear, Range};
use serde::{Deserialize, Serialize};

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
        let (mut sum, mut nonzero) = (0.0, 0);
        for (integer, &weight) in integers.iter_mut().zip(row) {
            let rounded = super::round_level(weight, limits.weights);
            sum += rounded.abs();
            nonzero += usize::from(rounded != 0.0);
            *integer = rounded;
        }
        if nonzero > limits.max_nonzero {
            sum = self.keep_largest(limits.max_nonzero, row, integers);
        }
        if let Some(budget) = limits.max_l1
            && sum > budget as f32
        {
            self.keep_steps(budget, row, integers);
        }
    }

    /// Leaves the `count` largest weights; gives the sum of their integers.
    fn keep_largest(&mut self, count: usize, row: &[f32], integers: &mut [f32]) -> f32 {
        self.keys.clear();
        self.keys.extend(
            integers
                .iter()
                .enumerate()
                .filter(|(_, integer)| **integer != 0.0)
                .map(|(index, _)| key(row[index].abs(), index)),
        );
        let (dropped, kept) = split_largest(&mut self.keys, count);
        for &key in dropped {
            integers[index_of(key)] = 0.0;
        }
        kept.iter().map(|&key| integers[index_of(key)].abs()).sum()
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

fn split_largest(keys: &mut [u64], count: usize) -> (&[u64], &[u64]) {
    let dropped = keys.len().saturating_sub(count);
    if dropped > 0 && dropped < keys.len() {
        keys.select_nth_unstable(dropped);
    }
    keys.split_at(dropped)
}

/// The scale in `candidates` fractions of the largest weight that rounds a tensor with the least squared error.
///
/// Shrinking the scale clips large weights and rounds small ones finer; the best one is searched, each candidate judged by
/// the rows it gives under the limits.
#[must_use]
pub fn best_scale<'a>(
    limits: &RowLimits,
    rows: impl Iterator<Item = &'a [f32]> + Clone,
    candidates: usize,
) -> f32 {
    let largest = rows.clone().flatten().fold(0.0f32, |most, weight| most.max(weight.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let widest = largest / limits.weights.hi as f32;
    let mut rounder = RowRounder::default();
    let (mut best, mut least) = (widest, f64::INFINITY);
    for candidate in 1..=candidates {
        let scale = widest * candidate as f32 / candidates as f32;
        let error = rounding_error(limits, rows.clone(), scale, &mut rounder);
        if error < least {
            (best, least) = (scale, error);
        }
    }
    best
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
